-- Which acts on an environment, or a folder of it and what is beneath, wait for others.
CREATE TABLE approval_rules (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    -- Comma separated: write, delete, reveal.
    acts TEXT NOT NULL,
    approvals INTEGER NOT NULL CHECK (approvals >= 1),
    -- How long a request stands, in seconds.
    life INTEGER NOT NULL CHECK (life > 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (environment_id, path)
) STRICT;

-- What waits, waited, or was given up.
CREATE TABLE approval_requests (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    environment_id BLOB NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('change', 'reveal')),
    requester_kind TEXT NOT NULL CHECK (requester_kind IN ('user', 'service_account')),
    requester_id BLOB NOT NULL,
    credential_id BLOB NOT NULL,
    -- Whether others may refer to what is deleted.
    force INTEGER NOT NULL CHECK (force IN (0, 1)),
    approvals INTEGER NOT NULL CHECK (approvals >= 1),
    -- Keyed MAC of who asks for what: asking again finds the request that is open.
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('open', 'executed', 'granted', 'rejected', 'withdrawn', 'expired', 'stale')),
    ended_at INTEGER,
    -- Until when a reveal that was granted may be used.
    usable_until INTEGER,
    CHECK ((state = 'open') = (ended_at IS NULL) AND (state = 'granted') = (usable_until IS NOT NULL))
) STRICT;
CREATE INDEX approval_requests_by_organization ON approval_requests (organization_id, id);
CREATE INDEX approval_requests_by_expiry ON approval_requests (expires_at) WHERE state = 'open';
CREATE INDEX approval_requests_by_end ON approval_requests (ended_at) WHERE state <> 'open';

-- What a request would do to each name. A proposed value is sealed like a stored one, and gone when the request ended.
CREATE TABLE approval_items (
    request_id BLOB NOT NULL REFERENCES approval_requests (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    -- The secret that is there; none for a new name.
    secret_id BLOB,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('add', 'change', 'delete', 'unset', 'reveal')),
    base_version INTEGER NOT NULL,
    visibility TEXT NOT NULL CHECK (visibility IN ('masked', 'unmasked', 'restricted')),
    interpolate INTEGER NOT NULL CHECK (interpolate IN (0, 1)),
    comment TEXT NOT NULL,
    tags TEXT NOT NULL,
    ciphertext BLOB,
    value_tag BLOB NOT NULL,
    PRIMARY KEY (request_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_items_by_secret ON approval_items (secret_id) WHERE action = 'reveal';

-- What was said to a request; at most one verdict of each.
CREATE TABLE approval_notes (
    request_id BLOB NOT NULL REFERENCES approval_requests (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    verdict TEXT CHECK (verdict IN ('approve', 'reject', 'override')),
    comment TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX approval_notes_verdict ON approval_notes (request_id, user_id) WHERE verdict IS NOT NULL;
CREATE INDEX approval_notes_by_request ON approval_notes (request_id);
