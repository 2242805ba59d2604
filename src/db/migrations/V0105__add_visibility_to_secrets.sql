-- Who may see the newest version, beside its number: a look at the past asks for it with every name, and would step into the
-- versions once more for each.
ALTER TABLE secrets ADD COLUMN visibility TEXT NOT NULL DEFAULT 'restricted'
    CHECK (visibility IN ('masked', 'unmasked', 'restricted'));
UPDATE secrets SET visibility = coalesce((SELECT v.visibility FROM secret_versions v
    WHERE v.secret_id = secrets.id AND v.version = secrets.version), visibility);
