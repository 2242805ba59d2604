-- Whether the link went to the address only: one that an operator handed over shows nothing about who reads its mail.
ALTER TABLE password_resets ADD COLUMN mailed INTEGER NOT NULL DEFAULT 0 CHECK (mailed IN (0, 1));
