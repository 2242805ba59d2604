-- Requests may be about the organization itself: a change of its policies, a new key. The tables are made anew, for a
-- CHECK and a NOT NULL cannot be changed.
CREATE TABLE approval_requests_wider (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    -- None: it is about the organization.
    environment_id BLOB REFERENCES environments (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('change', 'reveal', 'policy', 'rotation')),
    requester_kind TEXT NOT NULL CHECK (requester_kind IN ('user', 'service_account')),
    requester_id BLOB NOT NULL,
    credential_id BLOB NOT NULL,
    force INTEGER NOT NULL CHECK (force IN (0, 1)),
    approvals INTEGER NOT NULL CHECK (approvals >= 1),
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('open', 'executed', 'granted', 'rejected', 'withdrawn', 'expired', 'stale')),
    ended_at INTEGER,
    usable_until INTEGER,
    CHECK ((state = 'open') = (ended_at IS NULL) AND (state = 'granted') = (usable_until IS NOT NULL)),
    CHECK ((kind IN ('change', 'reveal')) = (environment_id IS NOT NULL))
) STRICT;
INSERT INTO approval_requests_wider SELECT id, organization_id, environment_id, kind, requester_kind, requester_id,
    credential_id, force, approvals, digest, created_at, expires_at, state, ended_at, usable_until FROM approval_requests;

CREATE TABLE approval_items_wider (
    request_id BLOB NOT NULL REFERENCES approval_requests_wider (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
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
INSERT INTO approval_items_wider SELECT request_id, position, secret_id, path, name, action, base_version, visibility,
    interpolate, comment, tags, ciphertext, value_tag FROM approval_items;

CREATE TABLE approval_notes_wider (
    request_id BLOB NOT NULL REFERENCES approval_requests_wider (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    user_id BLOB NOT NULL REFERENCES users (id),
    verdict TEXT CHECK (verdict IN ('approve', 'reject', 'override')),
    comment TEXT NOT NULL
) STRICT;
INSERT INTO approval_notes_wider (request_id, at, user_id, verdict, comment)
    SELECT request_id, at, user_id, verdict, comment FROM approval_notes ORDER BY rowid;

-- What refers to the old requests goes first: dropping a table deletes its rows, and theirs with them.
DROP TABLE approval_items;
DROP TABLE approval_notes;
DROP TABLE approval_requests;
ALTER TABLE approval_requests_wider RENAME TO approval_requests;
ALTER TABLE approval_items_wider RENAME TO approval_items;
ALTER TABLE approval_notes_wider RENAME TO approval_notes;
CREATE INDEX approval_requests_by_organization ON approval_requests (organization_id, id);
CREATE INDEX approval_requests_by_expiry ON approval_requests (expires_at) WHERE state = 'open';
CREATE INDEX approval_requests_by_digest ON approval_requests (organization_id, digest) WHERE state = 'open';
CREATE INDEX approval_requests_by_end ON approval_requests (ended_at) WHERE state <> 'open';
CREATE INDEX approval_items_by_secret ON approval_items (secret_id) WHERE action = 'reveal';
CREATE UNIQUE INDEX approval_notes_verdict ON approval_notes (request_id, user_id) WHERE verdict IS NOT NULL;
CREATE INDEX approval_notes_by_request ON approval_notes (request_id);

-- What a request about the organization would do.
CREATE TABLE approval_acts (
    request_id BLOB PRIMARY KEY REFERENCES approval_requests (id) ON DELETE CASCADE,
    action TEXT NOT NULL CHECK (action IN ('save', 'delete', 'rotate')),
    -- The policy's name, or what the key is of.
    subject TEXT NOT NULL,
    -- Exactly what was there when it was asked for: another mark makes the request stale.
    base TEXT NOT NULL,
    base_version INTEGER NOT NULL,
    -- What is carried out, as the room it belongs to wrote it.
    wish TEXT NOT NULL,
    -- The same for people.
    diff TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which acts on the organization itself wait for others.
CREATE TABLE approval_organization_rules (
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    act TEXT NOT NULL CHECK (act IN ('policy', 'rotation')),
    approvals INTEGER NOT NULL CHECK (approvals >= 1),
    life INTEGER NOT NULL CHECK (life > 0),
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (organization_id, act)
) STRICT, WITHOUT ROWID;
