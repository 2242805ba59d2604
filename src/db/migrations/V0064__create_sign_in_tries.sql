-- Failed sign-ins, by a keyed hash of whom and where they were aimed at. Forgotten a day after the last one.
CREATE TABLE sign_in_tries (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    failures INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    -- Until when the next one waits.
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_tries_by_time ON sign_in_tries (last_at);

-- Where an account signed in before, by a keyed hash of both: there others' failures do not count.
CREATE TABLE sign_in_places (
    place BLOB PRIMARY KEY CHECK (length(place) = 32),
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_places_by_time ON sign_in_places (seen_at);
