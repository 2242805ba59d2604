//! One id type per table: a prefix that names the kind and a UUIDv7, so a list sorts by creation.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::{ParseError, Timestamp};

/// What an [`Id`] names. Implemented only by the markers in [`kinds`].
pub trait IdKind: 'static {
    /// Three lower-case letters in front of the underscore.
    const PREFIX: &'static str;
    /// The kind in words, for messages.
    const NAME: &'static str;
}

/// Marker types, one per table that has ids.
pub mod kinds {
    macro_rules! kinds {
        ($($(#[$doc:meta])* $kind:ident $prefix:literal $name:literal;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $kind {}
            impl super::IdKind for $kind {
                const PREFIX: &'static str = $prefix;
                const NAME: &'static str = $name;
            }
        )*};
    }
    kinds! {
        /// The appliance itself: one per data directory.
        Instance "ins" "instance";
        /// A tenant.
        Organization "org" "organization";
        /// A person who signs in.
        User "usr" "user";
        /// A machine identity.
        ServiceAccount "sva" "service account";
        /// A credential: personal token, CLI token, service account key.
        Credential "crd" "credential";
        /// A product of an organization.
        Project "prj" "project";
        /// A node of a project's tree.
        Environment "env" "environment";
        /// A folder of an environment.
        Folder "fld" "folder";
        /// A named secret of an environment.
        SecretRow "sec" "secret";
        /// A role given to somebody on a node.
        Grant "grt" "grant";
        /// An organization's own role.
        Role "rol" "role";
        /// An organization's own policy.
        Policy "pol" "policy";
        /// A group of people.
        Team "tea" "team";
        /// An entry of the ledger.
        Event "evt" "event";
        /// One HTTP request or one run of a command or job.
        Request "req" "request";
        /// One run of a scheduled job.
        JobRun "job" "job run";
        /// One soft delete, which is restored or purged as a whole.
        Deletion "del" "deletion";
        /// A one-time link for somebody outside.
        Link "lnk" "link";
        /// A rule that makes acts wait for others.
        ApprovalRule "apl" "approval rule";
        /// A request that waits for others.
        Approval "apr" "approval request";
        /// An invitation into an organization.
        Invitation "inv" "invitation";
        /// A passkey of a person.
        Passkey "psk" "passkey";
        /// A Kubernetes that environments run on.
        Cluster "clu" "cluster";
        /// A blueprint stored for an environment.
        Blueprint "blp" "blueprint";
    }
}

/// The id of a `K`: 16 bytes in the database, `env_` + 26 base32 characters for people.
pub struct Id<K: IdKind> {
    uuid: uuid::Uuid,
    kind: PhantomData<fn() -> K>,
}

/// Crockford's alphabet in lower case: no `i l o u`, and its order is the order of the bytes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

impl<K: IdKind> Id<K> {
    /// A new id whose leading bits are `now` (UUIDv7, RFC 9562), the rest random.
    pub fn new(now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_micros()).unwrap_or(0);
        let at = uuid::Timestamp::from_unix(
            uuid::NoContext,
            micros / 1_000_000,
            u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000,
        );
        Self { uuid: uuid::Uuid::new_v7(at), kind: PhantomData }
    }

    /// The id stored as these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self { uuid: uuid::Uuid::from_bytes(bytes), kind: PhantomData }
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }

    /// Reads `env_01…`.
    ///
    /// # Errors
    /// Another prefix, another length or a character outside the alphabet.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(K::NAME, format!("not an id like {}_{}", K::PREFIX, "0".repeat(TEXT_LEN)));
        let rest = text.strip_prefix(K::PREFIX).and_then(|r| r.strip_prefix('_')).ok_or_else(wrong)?;
        if rest.len() != TEXT_LEN {
            return Err(wrong());
        }
        let mut value: u128 = 0;
        for (index, byte) in rest.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == byte).ok_or_else(wrong)?;
            if index == 0 && digit > 7 {
                return Err(wrong());
            }
            value = (value << 5) | digit as u128;
        }
        Ok(Self { uuid: uuid::Uuid::from_u128(value), kind: PhantomData })
    }

    /// Whether `text` has the form of an id of this kind; a slug never has (it holds no underscore).
    pub fn looks_like(text: &str) -> bool {
        Self::parse(text).is_ok()
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0_u8; TEXT_LEN];
        let mut value = self.uuid.as_u128();
        for slot in text.iter_mut().rev() {
            *slot = ALPHABET[usize::try_from(value & 31).unwrap_or(0)];
            value >>= 5;
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: IdKind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: IdKind> Copy for Id<K> {}
impl<K: IdKind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K: IdKind> Eq for Id<K> {}
impl<K: IdKind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: IdKind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K: IdKind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

/// Hashes ids for maps in memory: their last eight bytes, which are random as they are (UUIDv7). Only for ids that are
/// made here; a stranger who could choose them could make a map slow.
#[derive(Default, Clone, Copy)]
pub struct IdHasher(u64);

/// The hasher of maps from ids to what is kept of them for one operation.
pub type ById = std::hash::BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut last = [0; 8];
        let tail = bytes.len().min(8);
        last[..tail].copy_from_slice(&bytes[bytes.len() - tail..]);
        // Their first two bits are the same in all: spread over the hash, whose ends a map looks at.
        self.0 ^= u64::from_be_bytes(last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    // The length in front of the bytes tells nothing.
    fn write_usize(&mut self, _: usize) {}
}

impl<K: IdKind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de, K: IdKind> serde::Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_reads_back(bytes: [u8; 16]) {
            let id = Id::<kinds::Environment>::from_bytes(bytes);
            prop_assert_eq!(Id::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn texts_sort_like_bytes(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (Id::<kinds::Project>::from_bytes(a), Id::<kinds::Project>::from_bytes(b));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,40}") {
            let _ = Id::<kinds::User>::parse(&text);
        }
    }

    #[test]
    fn another_kind_is_refused() {
        let id = Id::<kinds::Project>::new(Timestamp::from_micros(0));
        assert!(Id::<kinds::Environment>::parse(&id.to_string()).is_err());
    }
}
