-- What an organization may run: all of it together, and each environment that has no limit of its own. What has no row has
-- no limit. Processor time is in thousandths of a core, memory and storage in bytes.
CREATE TABLE quotas (
    organization_id BLOB NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    each_one INTEGER NOT NULL CHECK (each_one IN (0, 1)),
    what TEXT NOT NULL,
    most INTEGER NOT NULL CHECK (most >= 0),
    PRIMARY KEY (organization_id, each_one, what)
) STRICT, WITHOUT ROWID;

-- What one environment has in place of that; NULL is no limit at all.
CREATE TABLE environment_quotas (
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    what TEXT NOT NULL,
    most INTEGER CHECK (most >= 0),
    PRIMARY KEY (environment_id, what)
) STRICT, WITHOUT ROWID;

-- What an organization counts for what runs, in millionths of its currency.
CREATE TABLE prices (
    organization_id BLOB PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    currency TEXT NOT NULL,
    cpu_core_hour INTEGER NOT NULL,
    memory_gib_hour INTEGER NOT NULL,
    storage_gib_month INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the revision that is to run asks for, written with the wish: a sum over it says what is used.
CREATE TABLE runtime_demands (
    environment_id BLOB PRIMARY KEY REFERENCES runtimes (environment_id) ON DELETE CASCADE,
    cpu_requests INTEGER NOT NULL,
    memory_requests INTEGER NOT NULL,
    cpu_limits INTEGER NOT NULL,
    memory_limits INTEGER NOT NULL,
    storage INTEGER NOT NULL,
    hosts INTEGER NOT NULL,
    pods INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
