-- An older root key that may still open this database, sealed under the newest one: a key made now must open with
-- each of them, whichever the process was started with. Emptied when the older one is retired.
ALTER TABLE root_keys ADD COLUMN wrapped BLOB;
