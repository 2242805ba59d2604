-- What an organization's administrators set for a member. It opens that organization only: an administrator of one
-- organization must not come to know a password that opens another.
ALTER TABLE members ADD COLUMN password_hash TEXT;
