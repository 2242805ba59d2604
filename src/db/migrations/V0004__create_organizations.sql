-- Tenants. A deleted one keeps its row (and its slug) until it is purged.
CREATE TABLE organizations (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deletion_id BLOB REFERENCES deletions (id)
) STRICT;

-- One soft delete: restored as a whole until the date, purged as a whole after it.
CREATE TABLE deletions (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    kind TEXT NOT NULL CHECK (kind IN ('organization', 'project', 'environment')),
    target_id BLOB NOT NULL,
    name TEXT NOT NULL,
    deleted_at INTEGER NOT NULL,
    restorable_until INTEGER NOT NULL,
    deleted_by TEXT NOT NULL,
    -- Organizations keep their row when they are purged: their slug and their keys' history stay.
    purged_at INTEGER
) STRICT;
CREATE INDEX deletions_by_organization ON deletions (organization_id, deleted_at);
CREATE INDEX deletions_by_end ON deletions (restorable_until) WHERE purged_at IS NULL;
