//! An organization's own policies: they can only forbid.

use cedar_policy::ffi::DetailedError;
use cedar_policy::{ActionConstraint, Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use jiff::tz::TimeZone;

use super::Action;
use super::action::shown_by_name;
use super::cedar::{OWN_PREFIX, schema_source};
use crate::types::{Class, Failure, ParseError, Problem, Slug};
use std::fmt;

/// What a policy does where it is satisfied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// It denies.
    Enforce,
    /// The event says that it would have denied.
    Observe,
}

impl Mode {
    /// The stable name, `enforce`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }

    /// Reads `enforce`.
    ///
    /// # Errors
    /// Neither `enforce` nor `observe`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let found = [Self::Enforce, Self::Observe].into_iter().find(|m| m.as_str() == text);
        found.ok_or_else(|| ParseError::new("mode", "is enforce or observe"))
    }
}

shown_by_name! { Mode }

/// Something wrong in the text of a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

/// Why a policy text is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not one Cedar policy.
    #[error("policy `{name}` cannot be read: {fault}")]
    Unreadable {
        /// The policy.
        name: Slug,
        /// What Cedar says about it, and where.
        fault: Fault,
    },
    /// It speaks of what there is not: strict validation against the schema.
    #[error("policy `{name}` does not fit the schema: {}", .faults.first().map(ToString::to_string).unwrap_or_default())]
    Invalid {
        /// The policy.
        name: Slug,
        /// What is wrong, at least one thing.
        faults: Vec<Fault>,
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
            Self::Unreadable { .. } | Self::Invalid { .. } | Self::Permits { .. } => Class::Unprocessable,
            Self::TooLarge { .. } | Self::TooMany => Class::TooLarge,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "policy_unreadable",
            Self::Invalid { .. } => "policy_invalid",
            Self::Permits { .. } => "policy_permits",
            Self::TooLarge { .. } => "policy_too_large",
            Self::TooMany => "policy_too_many",
        }
    }

    fn hint(&self) -> String {
        let hint = match self {
            Self::Unreadable { .. } => "write exactly one policy: forbid (principal, action, resource) when { … };",
            Self::Invalid { .. } => "what a policy may speak of is printed by: holdfast policy schema",
            Self::Permits { .. } => "give access by granting a role, and say here only what is forbidden",
            Self::TooLarge { .. } => "split it into several policies",
            Self::TooMany => "delete or merge policies",
        };
        hint.to_owned()
    }

    fn problems(&self) -> Vec<Problem> {
        let faults = match self {
            Self::Unreadable { fault, .. } => std::slice::from_ref(fault),
            Self::Invalid { faults, .. } => faults,
            _ => &[],
        };
        let problem = |f: &Fault| Problem { field: "source".into(), code: self.code().into(), detail: f.to_string() };
        faults.iter().map(problem).collect()
    }
}

/// A policy of an organization as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct OwnPolicy<'a> {
    /// Its name; in decisions it is `policy.NAME`.
    pub name: &'a Slug,
    /// What it does where it is satisfied.
    pub mode: Mode,
    /// Its text.
    pub source: &'a str,
}

/// The policies of one mode.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Those whose outcome depends on principal, action and resource only.
    pub(super) fixed: PolicySet,
    /// Those that look at the context, by the zone their times are meant in.
    pub(super) varying: Vec<(TimeZone, PolicySet)>,
}

/// An organization's own policies, parsed once per change and handed to every decision in that organization.
#[derive(Debug, Clone, Default)]
pub struct ForbidSet {
    pub(super) enforced: Part,
    pub(super) observed: Part,
    count: usize,
    /// The actions some varying policy speaks of, a bit each.
    varies: u64,
}

impl ForbidSet {
    /// Longest policy, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024;
    /// Most policies of an organization.
    pub const MAX_POLICIES: usize = 200;
    /// Deepest nesting of brackets in a policy: Cedar's parser recurses on them.
    pub const MAX_DEPTH: usize = 32;
    /// Faults told at once.
    const MAX_FAULTS: usize = 16;

    /// Reads policies as (name, text), all enforced. In decisions their names are `policy.NAME`.
    ///
    /// # Errors
    /// The first that is not one `forbid`, is too large, or is one too many.
    pub fn parse<'a>(policies: impl IntoIterator<Item = (Slug, &'a str)>) -> Result<Self, PolicyError> {
        let mut set = Self::default();
        for (name, text) in policies {
            set.add(&name, Mode::Enforce, read(&name, text)?, text)?;
        }
        Ok(set)
    }

    /// Takes stored policies. One that this binary cannot read any more forbids everything in its mode, for a policy
    /// that is skipped is an open door; owners can still manage policies.
    pub fn load<'a>(policies: impl IntoIterator<Item = OwnPolicy<'a>>) -> Self {
        const ALL: &str = "forbid (principal, action, resource);";
        let mut set = Self::default();
        for OwnPolicy { name, mode, source } in policies {
            let policy = read(name, source).or_else(|_| read(name, ALL));
            if policy.and_then(|p| set.add(name, mode, p, source)).is_err() {
                // One too many or a name twice: the table holds neither.
                set.varies = u64::MAX;
            }
        }
        set
    }

    /// Reads one policy like [`ForbidSet::parse`], and validates it strictly against the schema.
    ///
    /// # Errors
    /// As there, and [`PolicyError::Invalid`] with the places.
    pub fn check(name: &Slug, text: &str) -> Result<Self, PolicyError> {
        let policy = read(name, text)?;
        let invalid = |faults| PolicyError::Invalid { name: name.clone(), faults };
        let (schema, _) = Schema::from_cedarschema_str(&schema_source())
            .map_err(|e| invalid(vec![fault(text, &DetailedError::from(&e))]))?;
        let alone = PolicySet::from_policies([policy.clone()]).map_err(|_| PolicyError::TooMany)?;
        let found = Validator::new(schema).validate(&alone, ValidationMode::Strict);
        let faults: Vec<_> =
            found.validation_errors().take(Self::MAX_FAULTS).map(|e| fault(text, &DetailedError::from(e))).collect();
        if !faults.is_empty() {
            return Err(invalid(faults));
        }
        let mut set = Self::default();
        set.add(name, Mode::Enforce, policy, text)?;
        Ok(set)
    }

    fn add(&mut self, name: &Slug, mode: Mode, policy: Policy, text: &str) -> Result<(), PolicyError> {
        if self.count >= Self::MAX_POLICIES {
            return Err(PolicyError::TooMany);
        }
        let part = if mode == Mode::Enforce { &mut self.enforced } else { &mut self.observed };
        // The word cannot be written otherwise; where it stands in a comment, the policy is asked more often than
        // it need be.
        if text.contains("context") {
            self.varies |= actions_of(&policy);
            let zone = zone(name, &policy, text)?;
            let at = part.varying.iter().position(|(there, _)| *there == zone).unwrap_or_else(|| {
                part.varying.push((zone, PolicySet::new()));
                part.varying.len() - 1
            });
            part.varying[at].1.add(policy).map_err(|_| PolicyError::TooMany)?;
        } else {
            zone(name, &policy, text)?;
            part.fixed.add(policy).map_err(|_| PolicyError::TooMany)?;
        }
        self.count += 1;
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a decision about `action` may depend on the circumstances, so that it must not be kept.
    pub fn varies(&self, action: Action) -> bool {
        self.varies & (1 << action as u8) != 0
    }
}

/// The actions a policy's scope names, a bit each; all when it names none.
fn actions_of(policy: &Policy) -> u64 {
    let named = match policy.action_constraint() {
        ActionConstraint::Any => return u64::MAX,
        ActionConstraint::Eq(action) => vec![action],
        ActionConstraint::In(actions) => actions,
    };
    let known = named.iter().filter_map(|uid| Action::parse(uid.id().unescaped()).ok());
    known.fold(0, |bits, action| bits | 1 << action as u8)
}

/// The zone of `@zone("Europe/Berlin")`; UTC when there is none.
fn zone(name: &Slug, policy: &Policy, text: &str) -> Result<TimeZone, PolicyError> {
    let Some(wanted) = policy.annotation("zone") else { return Ok(TimeZone::UTC) };
    TimeZone::get(wanted).map_err(|_| {
        let problem = "that is no time zone like Europe/Berlin".to_owned();
        let fault = Fault { problem, ..place(text, text.find("@zone").unwrap_or(0)) };
        PolicyError::Invalid { name: name.clone(), faults: vec![fault] }
    })
}

/// Reads one `forbid`.
fn read(name: &Slug, text: &str) -> Result<Policy, PolicyError> {
    if text.len() > ForbidSet::MAX_BYTES || depth(text) > ForbidSet::MAX_DEPTH {
        return Err(PolicyError::TooLarge { name: name.clone() });
    }
    let id = PolicyId::new(format!("{OWN_PREFIX}{name}"));
    let policy = Policy::parse(Some(id), text)
        .map_err(|e| PolicyError::Unreadable { name: name.clone(), fault: fault(text, &DetailedError::from(&e)) })?;
    if policy.effect() == Effect::Forbid { Ok(policy) } else { Err(PolicyError::Permits { name: name.clone() }) }
}

/// What Cedar says, at the first place it says it of.
fn fault(text: &str, error: &DetailedError) -> Fault {
    let at = error.source_locations.first().map_or(0, |label| label.loc.start);
    let help = error.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
    Fault { problem: format!("{}{help}", error.message), ..place(text, at) }
}

/// The line and column of a byte of a text.
fn place(text: &str, at: usize) -> Fault {
    let before = &text[..text.floor_char_boundary(at)];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    Fault { line, column: before[start..].chars().count() + 1, problem: String::new() }
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

    #[test]
    fn what_does_not_fit_the_schema_is_told_with_its_place() {
        let name = Slug::parse("mine").expect("a slug");
        let text = "@zone(\"Europe/Berlin\")\nforbid (principal, action == Action::\"secret.reveal\", resource)\n\
                    when { context.time.hour < 8 || resource.colour == \"red\" };";
        let Err(PolicyError::Invalid { faults, .. }) = ForbidSet::check(&name, text) else { panic!("accepted") };
        assert_eq!((faults[0].line, faults[0].column), (3, 33), "{faults:?}");
        assert!(faults[0].problem.contains("colour"), "{faults:?}");
        let syntax = "forbid (principal, action, resource)\nwhen { context.time.hour <<< 8 };";
        let Err(PolicyError::Unreadable { fault, .. }) = ForbidSet::check(&name, syntax) else { panic!("accepted") };
        assert_eq!(fault.line, 2, "{fault}");
        let nowhere = text.replace("Europe/Berlin", "Europe/Atlantis").replace("resource.colour", "resource.locked.x");
        assert_eq!(ForbidSet::check(&name, &nowhere).expect_err("no zone").code(), "policy_invalid");
        let unguarded = "forbid (principal, action, resource) when { context.address.isLoopback() };";
        assert_eq!(ForbidSet::check(&name, unguarded).expect_err("optional").code(), "policy_invalid");
    }

    #[test]
    fn only_what_looks_at_the_context_varies_and_only_for_its_actions() {
        let set = |text: &str| parse(text).expect("it forbids");
        let timed =
            set("forbid (principal, action == Action::\"secret.use\", resource) when { context.time.hour < 8 };");
        assert!(timed.varies(Action::SecretUse) && !timed.varies(Action::SecretReveal));
        let any = set("forbid (principal, action, resource) when { context has path };");
        assert!(Action::ALL.iter().all(|a| any.varies(*a)));
        assert!(!set("forbid (principal, action, resource) when { resource.locked };").varies(Action::SecretUse));
    }

    #[test]
    fn a_stored_policy_that_cannot_be_read_any_more_forbids_everything() {
        let name = Slug::parse("old").expect("a slug");
        let set =
            ForbidSet::load([OwnPolicy { name: &name, mode: Mode::Enforce, source: "forbid in an older tongue" }]);
        assert_eq!(set.enforced.fixed.num_of_policies(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = ForbidSet::check(&Slug::parse("mine").expect("a slug"), &text);
        }
    }
}
