-- A role may be given to a team as well: the table is made anew, for a CHECK cannot be changed.
CREATE TABLE grants_wider (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    principal_kind TEXT NOT NULL CHECK (principal_kind IN ('user', 'service_account', 'team')),
    principal_id BLOB NOT NULL,
    role TEXT NOT NULL,
    node_kind TEXT NOT NULL CHECK (node_kind IN ('organization', 'project', 'environment')),
    node_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, principal_kind, principal_id, role, node_kind, node_id)
) STRICT;
INSERT INTO grants_wider (id, organization_id, principal_kind, principal_id, role, node_kind, node_id, created_at,
    created_by)
    SELECT id, organization_id, principal_kind, principal_id, role, node_kind, node_id, created_at, created_by
    FROM grants;
DROP TABLE grants;
ALTER TABLE grants_wider RENAME TO grants;
CREATE INDEX grants_by_node ON grants (node_kind, node_id);
CREATE INDEX grants_by_role ON grants (organization_id, role);
