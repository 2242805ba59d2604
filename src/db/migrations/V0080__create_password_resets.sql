-- A one-use token that sets a new password; one for each person at most, gone once used.
CREATE TABLE password_resets (
    user_id BLOB PRIMARY KEY REFERENCES users (id),
    public_id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
