-- Which process runs a request that is not answered yet: of another one it was cut off. Status 1 is set in the commit of
-- what the request changed, so that a request at 0 that was cut off changed nothing.
ALTER TABLE idempotency ADD COLUMN process BLOB NOT NULL DEFAULT X'';
