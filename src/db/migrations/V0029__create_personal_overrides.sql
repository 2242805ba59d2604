-- A person's own value for a name, at one environment: for their own credentials only. Sealed like any other value,
-- with its owner in the place of a version's state.
CREATE TABLE personal_overrides (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    interpolate INTEGER NOT NULL CHECK (interpolate IN (0, 1)),
    ciphertext BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (environment_id, user_id, path, name),
    -- Whoever leaves the organization leaves none behind.
    FOREIGN KEY (organization_id, user_id) REFERENCES members (organization_id, user_id) ON DELETE CASCADE
) STRICT;
CREATE INDEX personal_overrides_by_user ON personal_overrides (organization_id, user_id);
