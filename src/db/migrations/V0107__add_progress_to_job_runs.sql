-- How far a run that takes long has come, while it runs and where it knows: what is done, and of how much.
ALTER TABLE job_runs ADD COLUMN done INTEGER;
ALTER TABLE job_runs ADD COLUMN total INTEGER;
