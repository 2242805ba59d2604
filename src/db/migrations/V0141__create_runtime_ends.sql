-- When somebody is told that what runs is destroyed by itself soon, and when they were. Each end that is set begins anew.
CREATE TABLE runtime_ends (
    environment_id BLOB PRIMARY KEY REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    warn_at INTEGER NOT NULL,
    warned_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX runtime_ends_due ON runtime_ends (warn_at) WHERE warned_at IS NULL;

-- A fifth of its time before, at most a day.
INSERT INTO runtime_ends (environment_id, warn_at)
SELECT environment_id, expires_at - min(86400000000, max(0, expires_at - changed_at) / 5)
FROM runtimes WHERE expires_at IS NOT NULL;
