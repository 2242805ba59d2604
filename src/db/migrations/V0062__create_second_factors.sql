-- A person's authenticator. Not theirs until they showed a code of it.
CREATE TABLE authenticators (
    user_id BLOB PRIMARY KEY REFERENCES users (id),
    -- The secret, sealed for this person.
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    -- The step of the newest code that was taken: none is taken twice.
    used_step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes for who lost the authenticator, each good once. Only keyed hashes; a used one is gone.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
