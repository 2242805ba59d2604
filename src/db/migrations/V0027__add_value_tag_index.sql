-- Which secrets hold one exact value is asked by the keyed tag of it. The beginning of the tag is enough to find the
-- few rows that are then compared whole.
CREATE INDEX secret_versions_by_tag ON secret_versions (substr(value_tag, 1, 8));
