-- Machine identities. Each belongs to a node of the tree and outlives whoever made it.
CREATE TABLE service_accounts (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    node_kind TEXT NOT NULL CHECK (node_kind IN ('organization', 'project', 'environment')),
    node_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    disabled_at INTEGER,
    UNIQUE (organization_id, name)
) STRICT;
