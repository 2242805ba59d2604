-- Passkeys of people. The public key, its counter and its flags are sealed for their person, so that no row can be
-- changed or moved to somebody else.
CREATE TABLE passkeys (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB NOT NULL REFERENCES users (id),
    -- The only organization it opens, when it was added by somebody whose password opens no other; none: every one.
    organization_id BLOB REFERENCES organizations (id),
    -- What the authenticator calls it.
    handle BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id, id);
