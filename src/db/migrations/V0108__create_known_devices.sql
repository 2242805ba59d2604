-- Browsers a person signed in with: each has a cookie for a year, of which only a keyed hash is here.
CREATE TABLE known_devices (
    user_id BLOB NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    used_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
