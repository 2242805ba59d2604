-- Raised in the commit that changes any secret of the organization: an answer made under the same version and
-- the same authorization epoch is still true, so a 304 needs no resolving.
ALTER TABLE organizations ADD COLUMN content_version INTEGER NOT NULL DEFAULT 1;
