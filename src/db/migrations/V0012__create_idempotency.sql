-- Answers of writes that named an Idempotency-Key, for a day. Tokens are left out of them.
CREATE TABLE idempotency (
    credential_id BLOB NOT NULL,
    key TEXT NOT NULL,
    -- Keyed MAC of method, path and body.
    request BLOB NOT NULL,
    -- 0 while the first request is still running.
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (credential_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
