//! Keyed hashes (HMAC-SHA-256, RFC 2104): the only form in which equality may show outside.

use std::fmt;

use ring::hmac;

use super::aead::KEY_LEN;

/// What a keyed hash is for. Hashes of different purposes never compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacPurpose {
    /// Stored hash of a bearer token.
    Token,
    /// ETag of an answer.
    Etag,
    /// Tag of a value: whether two values are the same.
    ValueTag,
    /// Fingerprint of a request body under an `Idempotency-Key`.
    Idempotency,
    /// Tag of a personal field (an address, a user agent) for counting without keeping it.
    Personal,
    /// Cursor or other state handed to a client that must come back unchanged.
    ClientState,
    /// Whether a root key is the right one.
    KeyCheck,
    /// Tag of a finding in a baseline of a scan.
    ScanTag,
    /// Hash of a text of a scan, compared with those of values.
    ScanValue,
    /// Name of an object outside that must not tell what it is of.
    ExternalName,
    /// Stored hash of what proves that somebody has a one-time link's key.
    LinkProof,
    /// What a page sends back with what changes something: that the request is the session's own.
    CsrfToken,
    /// Stored hash of a recovery code.
    RecoveryCode,
    /// Whom and where a failed sign-in was aimed at, counted without keeping either.
    SignInTry,
    /// Stored hash of the code a person types to confirm a login.
    UserCode,
    /// Stored hash of what a browser somebody signed in with is known by.
    Device,
}

impl MacPurpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Etag => "etag",
            Self::ValueTag => "value-tag",
            Self::Idempotency => "idempotency",
            Self::Personal => "personal",
            Self::ClientState => "client-state",
            Self::KeyCheck => "key-check",
            Self::ScanTag => "scan-tag",
            Self::ScanValue => "scan-value",
            Self::ExternalName => "external-name",
            Self::LinkProof => "link-proof",
            Self::CsrfToken => "csrf-token",
            Self::RecoveryCode => "recovery-code",
            Self::SignInTry => "sign-in-try",
            Self::UserCode => "user-code",
            Self::Device => "device",
        }
    }
}

/// The key of an owner's keyed hashes: random, wrapped, kept over rotations.
pub struct MacKey(hmac::Key);

impl MacKey {
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A key that is no secret of ours: of hashes two sides compare, or that lie beside it. It hides nothing from
    /// whoever has it.
    pub fn shared(key: &[u8; KEY_LEN]) -> Self {
        Self::new(key)
    }

    /// The keyed hash of `parts` for `purpose`. Each part goes in with its length, so `["ab","c"]` and `["a","bc"]`
    /// differ.
    pub fn mac(&self, purpose: MacPurpose, parts: &[&[u8]]) -> Mac {
        let mut context = self.begin(purpose);
        for part in parts {
            context.part(part);
        }
        context.finish()
    }

    /// A keyed hash whose parts come one by one: for an answer that is too long to hold twice.
    pub fn begin(&self, purpose: MacPurpose) -> MacContext {
        let mut context = MacContext(hmac::Context::with_key(&self.0));
        context.part(purpose.label().as_bytes());
        context
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// A keyed hash being made.
pub struct MacContext(hmac::Context);

impl MacContext {
    /// Adds one part.
    pub fn part(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    /// The hash of the parts.
    pub fn finish(self) -> Mac {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.sign().as_ref());
        Mac(bytes)
    }
}

/// A keyed hash. Compared in constant time only.
#[derive(Clone, Copy)]
pub struct Mac([u8; 32]);

impl Mac {
    /// The bytes, to store or to print.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `stored` is this hash; in constant time.
    pub fn verify(&self, stored: &[u8]) -> bool {
        equal(&self.0, stored)
    }

    /// The first `bytes` bytes as lower-case hex; 16 are enough for an ETag.
    pub fn to_hex(&self, bytes: usize) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..bytes.min(32)])
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(…)")
    }
}

/// Equality in constant time for inputs of one length.
pub(super) fn equal(a: &[u8], b: &[u8]) -> bool {
    orion::util::secure_cmp(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_purposes_are_kept_apart() {
        let key = MacKey::new(&[7; 32]);
        let mac = key.mac(MacPurpose::Etag, &[b"ab", b"c"]);
        assert!(mac.verify(key.mac(MacPurpose::Etag, &[b"ab", b"c"]).as_bytes()));
        for other in [
            key.mac(MacPurpose::Etag, &[b"a", b"bc"]),
            key.mac(MacPurpose::Etag, &[b"abc"]),
            key.mac(MacPurpose::Etag, &[b"ab", b"c", b""]),
            key.mac(MacPurpose::ValueTag, &[b"ab", b"c"]),
            MacKey::new(&[8; 32]).mac(MacPurpose::Etag, &[b"ab", b"c"]),
        ] {
            assert!(!mac.verify(other.as_bytes()));
        }
        assert!(!mac.verify(&mac.as_bytes()[..31]));
    }

    #[test]
    fn one_by_one_is_the_same_as_at_once() {
        let key = MacKey::new(&[7; 32]);
        let mut context = key.begin(MacPurpose::Token);
        context.part(b"x");
        context.part(b"yz");
        assert!(context.finish().verify(key.mac(MacPurpose::Token, &[b"x", b"yz"]).as_bytes()));
        assert_eq!(key.mac(MacPurpose::Token, &[]).to_hex(16).len(), 32);
    }
}
