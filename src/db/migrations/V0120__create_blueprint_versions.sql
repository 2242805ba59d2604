-- The blueprints of environments: every save is a version, and the highest is the one that counts.
CREATE TABLE blueprint_versions (
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    version INTEGER NOT NULL CHECK (version > 0),
    text TEXT NOT NULL,
    -- SHA-256 of the text.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    comment TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (environment_id, version)
) STRICT;
