CREATE TABLE projects (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    deletion_id BLOB REFERENCES deletions (id),
    UNIQUE (organization_id, slug)
) STRICT;
CREATE INDEX projects_by_deletion ON projects (deletion_id) WHERE deletion_id IS NOT NULL;
