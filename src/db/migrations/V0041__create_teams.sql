-- Groups of people. A team may be in other teams: its people have what those have.
CREATE TABLE teams (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE team_members (
    team_id BLOB NOT NULL REFERENCES teams (id),
    member_kind TEXT NOT NULL CHECK (member_kind IN ('user', 'team')),
    member_id BLOB NOT NULL,
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    added_at INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    PRIMARY KEY (team_id, member_kind, member_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_member ON team_members (organization_id, member_kind, member_id);
