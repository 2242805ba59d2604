//! An organization's own policies: they can only forbid.

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};

use super::cedar::OWN_PREFIX;
use crate::types::{Class, Failure, Slug};

/// Why a policy text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not one Cedar policy.
    #[error("policy `{name}` cannot be read: {problem}")]
    Unreadable {
        /// The policy.
        name: Slug,
        /// What Cedar says about it.
        problem: String,
    },
    /// A `permit`.
    #[error("policy `{name}` permits; an organization's policies can only forbid")]
    Permits {
        /// The policy.
        name: Slug,
    },
    /// Longer than [`ForbidSet::MAX_BYTES`] or nested deeper than [`ForbidSet::MAX_DEPTH`].
    #[error(
        "policy `{name}` is longer than {} bytes or nested deeper than {}",
        ForbidSet::MAX_BYTES,
        ForbidSet::MAX_DEPTH
    )]
    TooLarge {
        /// The policy.
        name: Slug,
    },
    /// More than [`ForbidSet::MAX_POLICIES`], or one name twice.
    #[error("an organization has at most {} policies, each with a name of its own", ForbidSet::MAX_POLICIES)]
    TooMany,
}

impl Failure for PolicyError {
    fn class(&self) -> Class {
        match self {
            Self::Unreadable { .. } | Self::Permits { .. } => Class::Unprocessable,
            Self::TooLarge { .. } | Self::TooMany => Class::TooLarge,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "policy_unreadable",
            Self::Permits { .. } => "policy_permits",
            Self::TooLarge { .. } => "policy_too_large",
            Self::TooMany => "policy_too_many",
        }
    }

    fn hint(&self) -> String {
        let hint = match self {
            Self::Unreadable { .. } => "write exactly one policy: forbid (principal, action, resource) when { … };",
            Self::Permits { .. } => "give access by granting a role, and say here only what is forbidden",
            Self::TooLarge { .. } => "split it into several policies",
            Self::TooMany => "delete or merge policies",
        };
        hint.to_owned()
    }
}

/// An organization's own policies, parsed once per change and handed to every decision in that organization.
#[derive(Debug, Clone, Default)]
pub struct ForbidSet {
    set: PolicySet,
}

impl ForbidSet {
    /// Longest policy, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// Most policies of an organization.
    pub const MAX_POLICIES: usize = 200;
    /// Deepest nesting of brackets in a policy: Cedar's parser recurses on them.
    pub const MAX_DEPTH: usize = 32;

    /// Reads policies as (name, text). In decisions their names are `policy.NAME`.
    ///
    /// # Errors
    /// The first that is not one `forbid`, is too large, or is one too many.
    pub fn parse<'a>(policies: impl IntoIterator<Item = (Slug, &'a str)>) -> Result<Self, PolicyError> {
        let mut set = PolicySet::new();
        for (name, text) in policies {
            if set.num_of_policies() >= Self::MAX_POLICIES {
                return Err(PolicyError::TooMany);
            }
            if text.len() > Self::MAX_BYTES || depth(text) > Self::MAX_DEPTH {
                return Err(PolicyError::TooLarge { name });
            }
            let id = PolicyId::new(format!("{OWN_PREFIX}{name}"));
            let policy = Policy::parse(Some(id), text)
                .map_err(|e| PolicyError::Unreadable { name: name.clone(), problem: e.to_string() })?;
            if policy.effect() != Effect::Forbid {
                return Err(PolicyError::Permits { name });
            }
            set.add(policy).map_err(|_| PolicyError::TooMany)?;
        }
        Ok(Self { set })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(super) const fn policies(&self) -> &PolicySet {
        &self.set
    }
}

/// The most brackets open at once, strings and comments included: an upper bound is enough for a limit.
fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ForbidSet, PolicyError> {
        ForbidSet::parse([(Slug::parse("mine").expect("a slug"), text)])
    }

    #[test]
    fn only_one_forbid_is_a_policy() {
        assert!(parse("forbid (principal, action, resource);").is_ok());
        assert_eq!(parse("permit (principal, action, resource);").expect_err("permit").code(), "policy_permits");
        for bad in [
            "",
            "forbid",
            "forbid (principal == ?principal, action, resource);",
            "forbid (principal, action, resource); permit (principal, action, resource);",
            "forbid (principal, action, resource) when { nothing };",
        ] {
            assert_eq!(parse(bad).expect_err(bad).code(), "policy_unreadable", "{bad}");
        }
    }

    #[test]
    fn deep_nesting_and_length_are_refused_before_they_are_parsed() {
        let nested =
            format!("forbid (principal, action, resource) when {{ {}true{} }};", "(".repeat(4000), ")".repeat(4000));
        assert_eq!(parse(&nested).expect_err("nested").code(), "policy_too_large");
        let long = format!("// {}\nforbid (principal, action, resource);", "x".repeat(ForbidSet::MAX_BYTES));
        assert_eq!(parse(&long).expect_err("long").code(), "policy_too_large");
    }

    #[test]
    fn chains_without_brackets_are_read_or_refused_and_never_end_the_process() {
        for (part, with) in [("true", " && "), ("1", " + "), ("if true then true else true", " || ")] {
            let chain = vec![part; ForbidSet::MAX_BYTES / (part.len() + with.len()) - 20].join(with);
            let _ = parse(&format!("forbid (principal, action, resource) when {{ {chain} }};"));
        }
        let dots = ".organization".repeat(1_200);
        let _ = parse(&format!("forbid (principal, action, resource) when {{ principal{dots} }};"));
        let ifs = format!("{}true", "if true then true else ".repeat(700));
        let _ = parse(&format!("forbid (principal, action, resource) when {{ {ifs} }};"));
    }

    #[test]
    fn the_201st_policy_and_a_name_given_twice_are_refused() {
        let text = "forbid (principal, action, resource);";
        let named = |n: usize| (Slug::parse(&format!("p{n}")).expect("a slug"), text);
        assert!(ForbidSet::parse((0..ForbidSet::MAX_POLICIES).map(named)).is_ok());
        assert_eq!(ForbidSet::parse((0..=ForbidSet::MAX_POLICIES).map(named)).expect_err("201"), PolicyError::TooMany);
        assert_eq!(ForbidSet::parse([named(1), named(1)]).expect_err("twice"), PolicyError::TooMany);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
