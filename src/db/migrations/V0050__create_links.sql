-- One-time links. The ciphertext's key is in the link and never here; it goes with the last view, and whatever ends
-- the link before. What is left tells its maker what became of it, until it is purged.
CREATE TABLE links (
    id BLOB PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    created_by BLOB NOT NULL REFERENCES users (id),
    -- What its maker calls it.
    note TEXT NOT NULL,
    ciphertext BLOB,
    size INTEGER NOT NULL,
    -- Keyed MAC of what whoever has the key can show.
    proof BLOB NOT NULL CHECK (length(proof) = 32),
    passphrase INTEGER NOT NULL CHECK (passphrase IN (0, 1)),
    views INTEGER NOT NULL,
    views_left INTEGER NOT NULL CHECK (views_left BETWEEN 0 AND views),
    -- Wrong proofs it still takes.
    tries_left INTEGER NOT NULL CHECK (tries_left >= 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    opened_at INTEGER,
    ended_at INTEGER,
    ended TEXT CHECK (ended IN ('opened', 'revoked', 'expired', 'blocked')),
    CHECK ((ended_at IS NULL) = (ended IS NULL) AND (ended IS NULL) = (ciphertext IS NOT NULL))
) STRICT;
CREATE INDEX links_by_maker ON links (organization_id, created_by, id);
CREATE INDEX links_by_expiry ON links (expires_at) WHERE ended IS NULL;
CREATE INDEX links_by_end ON links (ended_at) WHERE ended IS NOT NULL;
