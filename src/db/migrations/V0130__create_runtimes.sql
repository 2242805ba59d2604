-- What runs of an environment, as it is wished for and as it was last seen. The cluster is no foreign key: a cluster that
-- something runs on is not removed, and what was destroyed keeps its history.
CREATE TABLE runtimes (
    environment_id BLOB PRIMARY KEY REFERENCES environments (id) ON DELETE CASCADE,
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    cluster_id BLOB NOT NULL,
    namespace TEXT NOT NULL,
    wish TEXT NOT NULL CHECK (wish IN ('running', 'stopped', 'destroyed')),
    -- The revision that is to run, and the newest one that became ready.
    revision INTEGER NOT NULL,
    healthy INTEGER,
    -- Counts wishes: what was looked at is out of date once it moved.
    generation INTEGER NOT NULL,
    word TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    -- When the cluster was last asked, and answered.
    seen_at INTEGER,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX runtimes_by_cluster ON runtimes (cluster_id, word);
CREATE INDEX runtimes_by_organization ON runtimes (organization_id, environment_id);

CREATE TABLE runtime_revisions (
    environment_id BLOB NOT NULL REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    blueprint_version INTEGER NOT NULL,
    plan TEXT,
    -- The names of variables that whoever deployed passed on, as JSON; a restricted one has a mark.
    names TEXT NOT NULL,
    -- How often services run that were scaled by hand, and which were told to start anew, as JSON.
    replicas TEXT NOT NULL,
    restarts TEXT NOT NULL,
    on_failure TEXT NOT NULL CHECK (on_failure IN ('stay', 'rollback')),
    state TEXT NOT NULL CHECK (state IN ('rolling', 'healthy', 'failed', 'superseded')),
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    PRIMARY KEY (environment_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE runtime_conditions (
    environment_id BLOB NOT NULL REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('true', 'false', 'unknown')),
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    revision INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (environment_id, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE runtime_services (
    environment_id BLOB NOT NULL REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    service TEXT NOT NULL,
    place INTEGER NOT NULL,
    wanted INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    image TEXT NOT NULL,
    restarts INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (environment_id, service)
) STRICT, WITHOUT ROWID;

-- What was put into the cluster: a hash of what was asked for, and one of what the cluster made of it, by which a change by
-- somebody else is seen. Secrets are never read, so of them there is the name only.
CREATE TABLE runtime_objects (
    environment_id BLOB NOT NULL REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    asked BLOB NOT NULL,
    made BLOB,
    PRIMARY KEY (environment_id, kind, name)
) STRICT, WITHOUT ROWID;
