//! How the vocabulary of `types` looks in the OpenAPI document. `types` itself knows nothing of it.

use std::borrow::Cow;

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::types::{Email, Id, IdKind, SecretString, Slug, Timestamp, kinds};
use crate::vault::model::Visibility;

pub(crate) type OrganizationId = Id<kinds::Organization>;
pub(crate) type InstanceId = Id<kinds::Instance>;
pub(crate) type UserId = Id<kinds::User>;
pub(crate) type CredentialId = Id<kinds::Credential>;
pub(crate) type ProjectId = Id<kinds::Project>;
pub(crate) type EnvironmentId = Id<kinds::Environment>;
pub(crate) type DeletionId = Id<kinds::Deletion>;
pub(crate) type GrantId = Id<kinds::Grant>;
pub(crate) type RoleId = Id<kinds::Role>;
pub(crate) type PolicyId = Id<kinds::Policy>;
pub(crate) type TeamId = Id<kinds::Team>;
pub(crate) type ClusterId = Id<kinds::Cluster>;
pub(crate) type ServiceAccountId = Id<kinds::ServiceAccount>;
pub(crate) type FolderId = Id<kinds::Folder>;
pub(crate) type ApprovalId = Id<kinds::Approval>;
pub(crate) type ApprovalRuleId = Id<kinds::ApprovalRule>;
pub(crate) type InvitationId = Id<kinds::Invitation>;
pub(crate) type LinkId = Id<kinds::Link>;
pub(crate) type JobRunId = Id<kinds::JobRun>;
pub(crate) type SecretId = Id<kinds::SecretRow>;
pub(crate) type PasskeyId = Id<kinds::Passkey>;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl<K: IdKind> PartialSchema for Id<K> {
    fn schema() -> RefOr<Schema> {
        let pattern = format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX);
        text().description(Some(format!("The id of a {}.", K::NAME))).pattern(Some(pattern)).into()
    }
}

impl<K: IdKind> ToSchema for Id<K> {
    fn name() -> Cow<'static, str> {
        let mut name = String::new();
        for word in K::NAME.split(' ') {
            let (first, rest) = word.split_at(1);
            name.push_str(&first.to_uppercase());
            name.push_str(rest);
        }
        (name + "Id").into()
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        text()
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC with six fraction digits."))
            .examples(["2026-11-23T08:00:00.000000Z"])
            .into()
    }
}

impl ToSchema for Timestamp {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

impl PartialSchema for Slug {
    fn schema() -> RefOr<Schema> {
        text()
            .description(Some("A name that never changes: a-z, 0-9 and single hyphens, beginning with a letter."))
            .pattern(Some("^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))
            .min_length(Some(1))
            .max_length(Some(Slug::MAX_LEN))
            .into()
    }
}

impl ToSchema for Slug {
    fn name() -> Cow<'static, str> {
        "Slug".into()
    }
}

impl PartialSchema for Email {
    fn schema() -> RefOr<Schema> {
        text()
            .description(Some("An e-mail address."))
            .pattern(Some("^[A-Za-z0-9._%+-]{1,64}@[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?(\\.[a-z]{2,20})+$"))
            .max_length(Some(Email::MAX_LEN))
            .examples(["ada@example.com"])
            .into()
    }
}

impl ToSchema for Email {
    fn name() -> Cow<'static, str> {
        "Email".into()
    }
}

/// A token or password on its way in: write-only.
pub(crate) fn hidden() -> RefOr<Schema> {
    text().write_only(true).into()
}

impl PartialSchema for SecretString {
    fn schema() -> RefOr<Schema> {
        hidden()
    }
}

impl ToSchema for SecretString {
    fn name() -> Cow<'static, str> {
        "SecretText".into()
    }
}

impl PartialSchema for Visibility {
    fn schema() -> RefOr<Schema> {
        text()
            .description(Some("Who may see a value: restricted ones are injected, never shown."))
            .enum_values(Some(["unmasked", "masked", "restricted"]))
            .into()
    }
}

impl ToSchema for Visibility {
    fn name() -> Cow<'static, str> {
        "Visibility".into()
    }
}
