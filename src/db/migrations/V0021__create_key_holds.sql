-- What still needs a key: a backup that is retained. A key with a hold is neither retired nor destroyed.
CREATE TABLE key_holds (
    -- Whose key: an instance or organization; zeros for a root key.
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 4294967295),
    holder TEXT NOT NULL,
    -- When the hold ends by itself; NULL: when it is taken away.
    until INTEGER,
    PRIMARY KEY (owner, version, holder)
) STRICT, WITHOUT ROWID;
