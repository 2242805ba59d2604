-- Somebody's wish to have another address, or to show that theirs is theirs; one for each person at most.
CREATE TABLE email_changes (
    user_id BLOB PRIMARY KEY REFERENCES users (id),
    -- Where it was asked for; none: by an instance operator, who hands the links over.
    organization_id BLOB CHECK (length(organization_id) = 16),
    email TEXT NOT NULL,
    -- Whether it is the address there is, to be confirmed only: then there is one side, the new one.
    only_verifies INTEGER NOT NULL CHECK (only_verifies IN (0, 1)),
    current_public_id TEXT UNIQUE,
    current_hash BLOB CHECK (length(current_hash) = 32),
    current_confirmed_at INTEGER,
    new_public_id TEXT NOT NULL UNIQUE,
    new_hash BLOB NOT NULL CHECK (length(new_hash) = 32),
    new_confirmed_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Done, stopped or withdrawn. The row stays for a minute more, in which the next one is too early.
    ended_at INTEGER,
    CHECK ((only_verifies = 1) = (current_public_id IS NULL) AND (current_public_id IS NULL) = (current_hash IS NULL))
) STRICT, WITHOUT ROWID;
