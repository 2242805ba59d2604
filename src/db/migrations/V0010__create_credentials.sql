-- Bearer tokens: only a keyed hash of each. `public_id` is the part of the token that may be shown.
CREATE TABLE credentials (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    public_id TEXT NOT NULL UNIQUE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('pat', 'sa', 'cli', 'fed')),
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('user', 'service_account')),
    owner_id BLOB NOT NULL,
    name TEXT NOT NULL,
    hash BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    -- CIDRs, comma separated; none: from anywhere.
    cidrs TEXT,
    -- Until when acts that ask for a fresh sign-in are open to it.
    stepped_up_until INTEGER
) STRICT;
CREATE INDEX credentials_by_owner ON credentials (organization_id, owner_kind, owner_id);
CREATE INDEX credentials_by_expiry ON credentials (expires_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- Apart from the credentials so that using one does not rewrite its row.
CREATE TABLE credential_uses (
    credential_id BLOB PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
