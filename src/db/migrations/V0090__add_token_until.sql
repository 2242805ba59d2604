-- A login of the command line stands for weeks, and its token for an hour: until when the token works, where that is
-- sooner than the credential's own end.
ALTER TABLE credentials ADD COLUMN token_until INTEGER;
