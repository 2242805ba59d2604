-- Whether the spent one was replaced before anybody used it: the answer with it was lost, or somebody else has it. It opens
-- nothing, and its use later shows which of the two it was.
ALTER TABLE refresh_tokens ADD COLUMN spent_is_void INTEGER NOT NULL DEFAULT 0 CHECK (spent_is_void IN (0, 1));
