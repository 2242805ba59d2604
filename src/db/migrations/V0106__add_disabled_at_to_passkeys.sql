-- A passkey whose counter went back may have a copy: since then it opens nothing, until somebody lets it.
ALTER TABLE passkeys ADD COLUMN disabled_at INTEGER;
