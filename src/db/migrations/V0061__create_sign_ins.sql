-- Where and how a person signed in, of credentials that came of it: sessions of browsers and logins of the command
-- line. It goes some time after the credential is void.
CREATE TABLE sign_ins (
    credential_id BLOB PRIMARY KEY REFERENCES credentials (id) ON DELETE CASCADE,
    user_id BLOB NOT NULL REFERENCES users (id),
    device TEXT,
    address TEXT,
    -- Whether it opens every organization the person is in, or only the credential's own.
    everywhere INTEGER NOT NULL CHECK (everywhere IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_by_user ON sign_ins (user_id);
