-- How many events the ledger had when a version was written: the place of its own event. It orders what a clock that
-- was set back cannot, and is what `--at` compares.
ALTER TABLE secret_versions ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;

-- Versions that are there already belong to the last write that was recorded before them.
CREATE TABLE recorded_writes AS
    SELECT organization, at, seq FROM ledger_events WHERE action IN ('secret.write', 'secret.delete') AND outcome = 0;
CREATE INDEX recorded_writes_by_time ON recorded_writes (organization, at, seq);
UPDATE secret_versions SET seq = coalesce((
    SELECT w.seq FROM recorded_writes w JOIN secrets s ON s.id = secret_versions.secret_id
    WHERE w.organization = s.organization_id AND w.at <= secret_versions.created_at
    ORDER BY w.at DESC, w.seq DESC LIMIT 1), 0);
DROP TABLE recorded_writes;
-- A version is never placed before the one it follows.
UPDATE secret_versions SET seq = (
    SELECT max(earlier.seq) FROM secret_versions earlier
    WHERE earlier.secret_id = secret_versions.secret_id AND earlier.version <= secret_versions.version);

-- All that a list of the past tells of a version without opening it: it reads this index and no row.
CREATE INDEX secret_versions_by_seq ON secret_versions (secret_id, seq, version, state, visibility, interpolate);
