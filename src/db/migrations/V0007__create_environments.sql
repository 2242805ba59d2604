-- The tree. Parents are of the same project; depth and cycles are checked by the operation.
CREATE TABLE environments (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    project_id BLOB NOT NULL REFERENCES projects (id),
    parent_id BLOB REFERENCES environments (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    tier TEXT NOT NULL CHECK (tier IN ('development', 'preview', 'qa', 'staging', 'uat', 'production')),
    protected INTEGER NOT NULL CHECK (protected IN (0, 1)),
    -- Where its values may go: its descendants and its project (tree), the environments named in
    -- environment_flows and theirs (listed), nowhere (closed).
    flow TEXT NOT NULL CHECK (flow IN ('tree', 'listed', 'closed')),
    -- Whether names beyond [A-Z_][A-Z0-9_]* are allowed.
    any_names INTEGER NOT NULL CHECK (any_names IN (0, 1)),
    locked_at INTEGER,
    locked_by TEXT,
    lock_reason TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    deletion_id BLOB REFERENCES deletions (id),
    UNIQUE (project_id, slug)
) STRICT;
CREATE INDEX environments_by_parent ON environments (parent_id);
CREATE INDEX environments_by_deletion ON environments (deletion_id) WHERE deletion_id IS NOT NULL;

CREATE TABLE environment_flows (
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    admitted_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    PRIMARY KEY (environment_id, admitted_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX environment_flows_by_admitted ON environment_flows (admitted_id);

CREATE TABLE folders (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (environment_id, path)
) STRICT;
