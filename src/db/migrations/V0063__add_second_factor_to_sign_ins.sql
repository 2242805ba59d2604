-- By which second factor a sign-in was proven, if any; and whether an organization asks for one.
ALTER TABLE sign_ins ADD COLUMN factor TEXT;
ALTER TABLE organizations ADD COLUMN second_factor_required INTEGER NOT NULL DEFAULT 0
    CHECK (second_factor_required IN (0, 1));
