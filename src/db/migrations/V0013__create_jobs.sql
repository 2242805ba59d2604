-- Schedules of recurring work: what is due next, and who runs it now.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    next_run_at INTEGER NOT NULL,
    -- Due times that passed while nothing ran; one run makes up for all of them.
    missed INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    lease_run_id BLOB
) STRICT, WITHOUT ROWID;

CREATE TABLE job_runs (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    outcome TEXT CHECK (outcome IN ('done', 'failed', 'lost')),
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX job_runs_by_name ON job_runs (name, started_at);
