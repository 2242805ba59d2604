-- A named place for values at a folder of an environment. Its name and folder never change: a rename is a new one.
CREATE TABLE secrets (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The newest version; its state says whether there is a value.
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (environment_id, path, name)
) STRICT;

-- Every write. The ciphertext is there for every state and binds the whole row: a row changed by hand does not open.
CREATE TABLE secret_versions (
    secret_id BLOB NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('set', 'unset', 'deleted')),
    visibility TEXT NOT NULL CHECK (visibility IN ('masked', 'unmasked', 'restricted')),
    interpolate INTEGER NOT NULL CHECK (interpolate IN (0, 1)),
    ciphertext BLOB NOT NULL,
    -- Keyed MAC of the value: tells a bulk write what is the same without opening it.
    value_tag BLOB NOT NULL,
    comment TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (secret_id, version)
) STRICT;

-- What a value's template refers to, so that a delete can say who depends on it. Kept for the newest version.
CREATE TABLE secret_references (
    secret_id BLOB NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    -- The environment named by a qualified reference; the secret's own otherwise.
    target_environment_id BLOB NOT NULL,
    -- Late-bound references find their target in the environment being resolved.
    late INTEGER NOT NULL CHECK (late IN (0, 1)),
    target_path TEXT NOT NULL,
    target_name TEXT NOT NULL,
    PRIMARY KEY (target_name, target_path, target_environment_id, secret_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_references_by_secret ON secret_references (secret_id);

-- Who had the value last; written at most once a minute for each.
CREATE TABLE secret_uses (
    secret_id BLOB PRIMARY KEY REFERENCES secrets (id) ON DELETE CASCADE,
    used_at INTEGER NOT NULL,
    used_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
