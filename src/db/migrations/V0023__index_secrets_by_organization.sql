-- An organization's secrets in the order of their ids: what walks all of them goes on where it stopped.
CREATE INDEX secrets_by_organization ON secrets (organization_id, id);
