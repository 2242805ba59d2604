-- Which images a revision's pods ran, by service, as their nodes tell it; and which it is deployed with in place of the
-- blueprint's, when it goes back to what ran. Both as JSON.
ALTER TABLE runtime_revisions ADD COLUMN images TEXT NOT NULL DEFAULT '{}';
ALTER TABLE runtime_revisions ADD COLUMN pins TEXT NOT NULL DEFAULT '{}';
