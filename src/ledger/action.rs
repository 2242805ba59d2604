//! The names of what can happen: each feature has its list, the lists are joined at start and then frozen.

use std::fmt;

use super::LedgerError;

/// The name of an action: a permission of product.md, or one of the closed list where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionName(&'static str);

impl ActionName {
    /// The most bytes of a name.
    const MAX: usize = 64;

    /// A name of lower-case words joined by dots: `secret.reveal`.
    ///
    /// # Panics
    /// The name has another form. In a `const`, where features keep theirs, this is a compile error.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty() && bytes.len() <= Self::MAX, "an action has 1 to 64 characters");
        let mut index = 0;
        let mut word = 0;
        let mut dots = 0;
        while index < bytes.len() {
            match bytes[index] {
                b'a'..=b'z' | b'_' => word += 1,
                b'.' => {
                    assert!(word > 0, "an action has no empty word");
                    word = 0;
                    dots += 1;
                }
                _ => panic!("an action is of lower-case letters, underscores and dots"),
            }
            index += 1;
        }
        assert!(word > 0 && dots > 0, "an action is like `secret.reveal`");
        Self(name)
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A restore from a backup opened a new epoch; written by [`super::restored`] only.
pub const RESTORED: ActionName = ActionName::new("instance.restored");
/// What said something about a person was erased; written by [`super::personal_erase`] only.
pub const PERSONAL_ERASED: ActionName = ActionName::new("instance.personal_erased");
/// Bodies of old events were archived; written by [`super::archived`] only.
pub const ARCHIVED: ActionName = ActionName::new("instance.ledger_archived");

/// The ledger's own actions, which [`Registry::freeze`] adds.
const OWN: &[ActionName] = &[RESTORED, PERSONAL_ERASED, ARCHIVED];

/// All actions of this binary, frozen at start. An event with another action is refused.
#[derive(Debug)]
pub struct Registry(Box<[ActionName]>);

impl Registry {
    /// Joins the features' lists.
    ///
    /// # Errors
    /// A name is in two lists, or twice in one.
    pub fn freeze(features: &[&[ActionName]]) -> Result<Self, LedgerError> {
        let mut all: Vec<ActionName> = features.iter().copied().flatten().chain(OWN).copied().collect();
        all.sort_unstable();
        match all.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(LedgerError::Action(pair[0].0)),
            None => Ok(Self(all.into())),
        }
    }

    /// All names, sorted: what the snapshot test holds.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|action| action.0)
    }

    /// Whether it is one of them.
    pub fn contains(&self, action: ActionName) -> bool {
        self.0.binary_search(&action).is_ok()
    }
}

/// Whether features may not append it themselves.
pub(super) fn is_reserved(action: ActionName) -> bool {
    OWN.contains(&action)
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: ActionName = ActionName::new("secret.read");
    const WRITE: ActionName = ActionName::new("secret.write");

    #[test]
    fn a_registry_holds_each_feature_and_the_ledgers_own() {
        let registry = Registry::freeze(&[&[WRITE], &[READ]]).unwrap();
        let names: Vec<_> = registry.names().collect();
        assert_eq!(
            names,
            [
                "instance.ledger_archived",
                "instance.personal_erased",
                "instance.restored",
                "secret.read",
                "secret.write"
            ]
        );
        assert!(registry.contains(READ) && !registry.contains(ActionName::new("secret.delete")));
    }

    #[test]
    fn a_name_belongs_to_one_feature() {
        assert!(matches!(Registry::freeze(&[&[READ], &[READ]]), Err(LedgerError::Action("secret.read"))));
        assert!(matches!(Registry::freeze(&[&[RESTORED]]), Err(LedgerError::Action("instance.restored"))));
    }

    #[test]
    fn other_forms_are_refused() {
        for name in ["", "secret", "secret.", ".read", "secret..read", "Secret.read", "secret read"] {
            assert!(std::panic::catch_unwind(|| ActionName::new(name)).is_err(), "{name}");
        }
    }
}
