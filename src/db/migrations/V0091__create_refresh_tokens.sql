-- What a login gets its next token with. Each is used once; the one before the newest is good for some minutes more,
-- since an answer may be lost, and afterwards its use shows that somebody else has it.
CREATE TABLE refresh_tokens (
    credential_id BLOB PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
    public_id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    made_at INTEGER NOT NULL,
    spent_public_id TEXT UNIQUE,
    spent_hash BLOB CHECK (length(spent_hash) = 32),
    CHECK ((spent_public_id IS NULL) = (spent_hash IS NULL))
) STRICT, WITHOUT ROWID;
