-- When a link that only the mailbox saw showed last that the address is the person's; none: nothing showed it yet.
ALTER TABLE users ADD COLUMN email_verified_at INTEGER;
