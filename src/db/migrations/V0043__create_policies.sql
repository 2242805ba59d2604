-- An organization's own policies, which only forbid, and every version of them.
CREATE TABLE policies (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE policy_versions (
    policy_id BLOB NOT NULL REFERENCES policies (id),
    version INTEGER NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('enforce', 'observe')),
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    -- The tests that passed when it was saved: a JSON list.
    cases TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (policy_id, version)
) STRICT;
