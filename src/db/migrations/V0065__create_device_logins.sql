-- Logins that wait to be confirmed elsewhere (RFC 8628). Gone once used, and a while after their time.
CREATE TABLE device_logins (
    public_id TEXT PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    -- Keyed hash of the code a person types.
    user_code BLOB NOT NULL UNIQUE CHECK (length(user_code) = 32),
    -- What asks, and from where: shown to who confirms.
    device TEXT,
    address TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    polled_at INTEGER,
    denied INTEGER NOT NULL DEFAULT 0 CHECK (denied IN (0, 1)),
    -- Who confirmed it: by which sign-in, and for which organization.
    approved_by BLOB REFERENCES credentials (id) ON DELETE CASCADE,
    organization_id BLOB REFERENCES organizations (id),
    CHECK ((approved_by IS NULL) = (organization_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX device_logins_by_expiry ON device_logins (expires_at);
