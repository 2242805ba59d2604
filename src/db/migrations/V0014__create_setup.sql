-- The one-use token that makes the first owner. One row at most; gone once redeemed.
CREATE TABLE setup_token (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    public_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
