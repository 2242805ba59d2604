-- When a secret's value stops being good. It belongs to the secret, not to a version: writing a new value keeps it.
CREATE TABLE secret_expiries (
    secret_id BLOB PRIMARY KEY REFERENCES secrets (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    -- What was told already: nothing, that it expires soon, that it has expired.
    told TEXT NOT NULL CHECK (told IN ('nothing', 'soon', 'expired'))
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_expiries_by_time ON secret_expiries (expires_at);
