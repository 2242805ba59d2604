-- When an organization's secrets or tree changed, as the clock said, and where that is in the ledger. The clock may go
-- back, the ledger does not: a moment lasts until the first later one that claims to be earlier or the same, so each
-- time has exactly one moment.
CREATE TABLE moments (
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    -- The earliest time of all later moments.
    until INTEGER NOT NULL,
    PRIMARY KEY (organization_id, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO moments (organization_id, seq, at, until)
    WITH changes AS (
        SELECT s.organization_id AS organization, v.seq AS seq, v.created_at AS at
            FROM secret_versions v JOIN secrets s ON s.id = v.secret_id
        UNION ALL
        SELECT e.organization_id, p.seq, e.created_at
            FROM environment_places p JOIN environments e ON e.id = p.environment_id
    ), firsts AS (
        SELECT organization, seq, min(at) AS at FROM changes GROUP BY organization, seq
    )
    SELECT organization, seq, at, coalesce(min(at) OVER (
        PARTITION BY organization ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ), 9223372036854775807) FROM firsts;

CREATE INDEX moments_by_until ON moments (organization_id, until);
