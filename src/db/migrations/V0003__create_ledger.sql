-- The ledger: an append-only Merkle log (RFC 6962). `seq` is the index of the leaf, from 0, without a gap.
CREATE TABLE ledger_events (
    seq INTEGER PRIMARY KEY CHECK (seq >= 0),
    at INTEGER NOT NULL,
    outcome INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 2),
    organization BLOB CHECK (length(organization) = 16),
    project BLOB CHECK (length(project) = 16),
    environment BLOB CHECK (length(environment) = 16),
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    target TEXT,
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32),
    -- The leaf itself: a version byte and the record. All columns above but the hash are copies of what it says.
    -- NULL when the body was archived; the hash stays.
    record BLOB
) STRICT;

-- What says something about a person: forgotten by emptying the row, while the record keeps its commitment.
CREATE TABLE ledger_personal (
    seq INTEGER PRIMARY KEY,
    salt BLOB CHECK (length(salt) = 16),
    content BLOB,
    -- The event that recorded the erasure; salt and content are NULL then.
    erased_by INTEGER,
    CHECK ((erased_by IS NULL) = (salt IS NOT NULL) AND (salt IS NULL) = (content IS NULL))
) STRICT;

-- Hashes of complete subtrees of 2^8, 2^16, … leaves, written with their last leaf.
CREATE TABLE ledger_nodes (
    level INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- What a block of 256 events can match: a search skips the blocks that cannot. One small row for 256 events
-- instead of an index entry on a page of its own for every event and filter.
CREATE TABLE ledger_blocks (
    block INTEGER PRIMARY KEY,
    at_min INTEGER NOT NULL,
    at_max INTEGER NOT NULL,
    terms BLOB NOT NULL
) STRICT;

-- Signed tree heads, as they were given out.
CREATE TABLE ledger_checkpoints (
    epoch INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (size, epoch)
) STRICT, WITHOUT ROWID;

-- Each restore from a backup opens an epoch; `seq` is its `instance.restored` event.
CREATE TABLE ledger_restores (
    epoch INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL UNIQUE
) STRICT;
