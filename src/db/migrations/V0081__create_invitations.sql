-- Who shall join an organization, and what they will be given. Only a keyed hash of each token.
CREATE TABLE invitations (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    -- A role by its name, and where; none: only membership.
    role TEXT,
    project_id BLOB REFERENCES projects (id),
    environment_id BLOB REFERENCES environments (id),
    -- Ids of teams, comma separated.
    teams TEXT NOT NULL,
    -- 1: the token went to the address and to nobody else, so whoever has it has the mailbox.
    mailed INTEGER NOT NULL CHECK (mailed IN (0, 1)),
    public_id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    -- Whose rights give the role when it is accepted, and the credential they asked with.
    invited_by_kind TEXT NOT NULL CHECK (invited_by_kind IN ('user', 'service_account')),
    invited_by BLOB NOT NULL,
    credential_id BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended TEXT CHECK (ended IN ('accepted', 'revoked')),
    CHECK ((ended_at IS NULL) = (ended IS NULL))
) STRICT;
CREATE INDEX invitations_by_organization ON invitations (organization_id, id);
CREATE INDEX invitations_by_project ON invitations (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX invitations_by_environment ON invitations (environment_id) WHERE environment_id IS NOT NULL;
