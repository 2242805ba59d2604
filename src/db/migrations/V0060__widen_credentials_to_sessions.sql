-- A sign-in with a browser is a credential, too. Both tables are made anew, for a CHECK cannot be changed, and dropping
-- the one would empty the other.
CREATE TABLE credentials_wider (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    public_id TEXT NOT NULL UNIQUE,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('pat', 'sa', 'cli', 'fed', 'ses')),
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
INSERT INTO credentials_wider (id, public_id, organization_id, kind, owner_kind, owner_id, name, hash, created_at,
    expires_at, revoked_at, cidrs, stepped_up_until)
    SELECT id, public_id, organization_id, kind, owner_kind, owner_id, name, hash, created_at, expires_at, revoked_at,
        cidrs, stepped_up_until
    FROM credentials;
CREATE TABLE credential_uses_kept (credential_id BLOB NOT NULL, used_at INTEGER NOT NULL, address TEXT NOT NULL) STRICT;
INSERT INTO credential_uses_kept (credential_id, used_at, address)
    SELECT credential_id, used_at, address FROM credential_uses;
DROP TABLE credential_uses;
DROP TABLE credentials;
ALTER TABLE credentials_wider RENAME TO credentials;
CREATE INDEX credentials_by_owner ON credentials (organization_id, owner_kind, owner_id);
CREATE INDEX credentials_by_person ON credentials (owner_id) WHERE owner_kind = 'user' AND revoked_at IS NULL;
CREATE INDEX credentials_by_expiry ON credentials (expires_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- Apart from the credentials so that using one does not rewrite its row.
CREATE TABLE credential_uses (
    credential_id BLOB PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO credential_uses (credential_id, used_at, address)
    SELECT credential_id, used_at, address FROM credential_uses_kept;
DROP TABLE credential_uses_kept;
