-- Whether comment, tags, author and time of a version are under its seal. What is there already was sealed without them;
-- the column itself needs no protection: with the wrong word in it nothing opens.
ALTER TABLE secret_versions ADD COLUMN bound INTEGER NOT NULL DEFAULT 0 CHECK (bound IN (0, 1));
