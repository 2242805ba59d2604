-- The keys of the instance and its organizations, each sealed under the one above it. The root key itself is
-- never here: only its fingerprint and a value that tells whether a given key is the right one.

-- One row per root key this database ever had: its history. Version 1 is the first.
CREATE TABLE root_keys (
    version INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 4294967295),
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 8),
    key_check BLOB NOT NULL CHECK (length(key_check) = 32),
    created_at INTEGER NOT NULL,
    -- The user who asked for it; NULL is the instance itself.
    created_by BLOB CHECK (length(created_by) = 16),
    retired_at INTEGER
) STRICT;

-- How a passphrase becomes the root key (Argon2id). Empty unless a passphrase is the source.
CREATE TABLE root_passphrase (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    iterations INTEGER NOT NULL,
    memory_kib INTEGER NOT NULL,
    parallelism INTEGER NOT NULL
) STRICT;

-- The history of key-encryption keys. Rows stay when a key is destroyed, so that it can be told which one it was.
CREATE TABLE encryption_keys (
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 4294967295),
    kind TEXT NOT NULL CHECK (kind IN ('instance', 'organization')),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 8),
    created_at INTEGER NOT NULL,
    created_by BLOB CHECK (length(created_by) = 16),
    -- No new writes from then on.
    retired_at INTEGER,
    -- Its wrapped forms were deleted.
    destroyed_at INTEGER,
    PRIMARY KEY (owner, version)
) STRICT, WITHOUT ROWID;

-- Each key sealed under each root key that may still open it. Deleting an owner's rows destroys its keys, and
-- with them everything sealed under them.
CREATE TABLE wrapped_keys (
    owner BLOB NOT NULL,
    version INTEGER NOT NULL,
    root_version INTEGER NOT NULL REFERENCES root_keys (version),
    wrapped BLOB NOT NULL,
    PRIMARY KEY (owner, version, root_version),
    FOREIGN KEY (owner, version) REFERENCES encryption_keys (owner, version)
) STRICT, WITHOUT ROWID;

-- Keys of keyed hashes: random, sealed under the owner's key-encryption key, so a rotation re-wraps and keeps them.
CREATE TABLE mac_keys (
    owner BLOB NOT NULL CHECK (length(owner) = 16),
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 4294967295),
    encryption_version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, version),
    FOREIGN KEY (owner, encryption_version) REFERENCES encryption_keys (owner, version)
) STRICT, WITHOUT ROWID;

-- The keys that sign checkpoints of the ledger.
CREATE TABLE ledger_keys (
    version INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 4294967295),
    public BLOB NOT NULL CHECK (length(public) = 32),
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;

-- The public half of the recovery kit; the private half exists only on paper.
CREATE TABLE recovery_keys (
    version INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 4294967295),
    public BLOB NOT NULL CHECK (length(public) = 32),
    created_at INTEGER NOT NULL,
    created_by BLOB CHECK (length(created_by) = 16),
    retired_at INTEGER
) STRICT;

-- Each root key sealed to a recovery key.
CREATE TABLE recovery_seals (
    recovery_version INTEGER NOT NULL REFERENCES recovery_keys (version),
    root_version INTEGER NOT NULL REFERENCES root_keys (version),
    sealed BLOB NOT NULL,
    PRIMARY KEY (recovery_version, root_version)
) STRICT, WITHOUT ROWID;
