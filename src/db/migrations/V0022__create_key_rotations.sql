-- Organizations that seal under a new key and whose old rows are sealed anew, step by step.
CREATE TABLE key_rotations (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- The key version everything is sealed under at the end.
    to_version INTEGER NOT NULL CHECK (to_version BETWEEN 2 AND 4294967295),
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'waiting', 'done')),
    -- How far it is: the table, and the key of its last row that was looked at.
    place INTEGER NOT NULL DEFAULT 0,
    after BLOB NOT NULL DEFAULT X'',
    -- Rows there were at the start, looked at since, sealed anew, and found not to open.
    total INTEGER NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0,
    sealed INTEGER NOT NULL DEFAULT 0,
    unopened INTEGER NOT NULL DEFAULT 0,
    -- Why it does not go on by itself.
    reason TEXT,
    started_at INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (organization_id, to_version)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_rotations_open ON key_rotations (state) WHERE state <> 'done';
