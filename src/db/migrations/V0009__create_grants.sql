-- A role given to somebody on a node; it reaches the whole subtree.
CREATE TABLE grants (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    principal_kind TEXT NOT NULL CHECK (principal_kind IN ('user', 'service_account')),
    principal_id BLOB NOT NULL,
    role TEXT NOT NULL,
    node_kind TEXT NOT NULL CHECK (node_kind IN ('organization', 'project', 'environment')),
    node_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, principal_kind, principal_id, role, node_kind, node_id)
) STRICT;
CREATE INDEX grants_by_node ON grants (node_kind, node_id);
