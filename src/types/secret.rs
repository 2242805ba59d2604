//! Secrets in memory. They refuse what would spread them: no Clone, no Serialize, a redacted Debug, and
//! the bytes are wiped on drop. The only way to the content is a method whose name is a warning.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// A value that must not be printed, copied or left in memory.
pub struct Secret<T: Zeroize>(Zeroizing<T>);

/// Secret bytes: a stored value, a key.
pub type SecretBytes = Secret<Vec<u8>>;

/// Secret text: a password, a token.
pub type SecretString = Secret<String>;

impl<T: Zeroize> Secret<T> {
    /// Takes the value over; the caller keeps no copy.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The content. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl SecretString {
    /// The same bytes, as a secret value.
    pub fn into_bytes(self) -> SecretBytes {
        Secret::new(self.expose().as_bytes().to_vec())
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de, T: Zeroize + serde::Deserialize<'de>> serde::Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::deserialize(d).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new(String::from("hunter2"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.expose(), "hunter2");
    }
}
