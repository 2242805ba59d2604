-- The appliance itself: one row, made at the first start.
CREATE TABLE instance (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id BLOB NOT NULL CHECK (length(id) = 16),
    created_at INTEGER NOT NULL,
    -- Set when the setup token was redeemed.
    set_up_at INTEGER,
    -- Raised in the commit that changes any credential, grant, role, policy or place in the tree: cached
    -- decisions and lookups of an older epoch are void.
    authorization_epoch INTEGER NOT NULL DEFAULT 1
) STRICT;
