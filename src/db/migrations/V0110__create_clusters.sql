-- The Kubernetes that environments run on. What opens one is sealed under the organization's key, together with the address and
-- authority it may be sent to and its number, so that none of these can be changed by hand.
CREATE TABLE clusters (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('local', 'remote')),
    server TEXT NOT NULL,
    -- PEM; empty where the machine's own authorities are trusted.
    authority TEXT NOT NULL,
    -- Raised with every new credential.
    credential_number INTEGER NOT NULL CHECK (credential_number > 0),
    sealed BLOB NOT NULL,
    -- What the cluster calls us.
    account TEXT,
    -- The id of its namespace kube-system: the cluster's own, which a new address must lead to again.
    identity TEXT,
    -- The Holdfast image its pods get as their gate.
    image TEXT,
    state TEXT NOT NULL CHECK (state IN ('untested', 'reachable', 'unreachable')),
    state_since INTEGER NOT NULL,
    message TEXT,
    version TEXT,
    -- What the last preflight found, as JSON, and when.
    checks TEXT,
    tested_at INTEGER,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, name),
    CHECK ((checks IS NULL) = (tested_at IS NULL))
) STRICT;

-- Which environments run on a cluster: it is not removed beneath them.
CREATE TABLE cluster_uses (
    cluster_id BLOB NOT NULL REFERENCES clusters (id),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    since INTEGER NOT NULL,
    PRIMARY KEY (cluster_id, environment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX cluster_uses_by_environment ON cluster_uses (environment_id);
