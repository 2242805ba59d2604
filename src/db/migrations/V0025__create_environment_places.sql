-- Where an environment hung, from which place of the ledger on. No row before a place: it was not there yet.
CREATE TABLE environment_places (
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    -- None for a root. May name an environment that was purged since.
    parent_id BLOB,
    PRIMARY KEY (environment_id, seq)
) STRICT, WITHOUT ROWID;

-- Of environments that are there already, only where they hang now is known.
INSERT INTO environment_places (environment_id, seq, parent_id)
    SELECT e.id, coalesce((
        SELECT max(l.seq) FROM ledger_events l
        WHERE l.environment = e.id AND l.action = 'environment.create' AND l.outcome = 0), 0), e.parent_id
    FROM environments e;
