//! Members: people of an organization.
