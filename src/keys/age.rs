//! Opening what was encrypted to an age recipient (age-encryption.org/v1): X25519 stanzas only, and only small files.
//!
//! It makes nothing of the kind, and knows no passphrases, SSH keys or plugins: for importers, which open the key of
//! another product's file.

use data_encoding::{BASE64, BASE64_NOPAD};
use orion::hazardous::ecc::x25519::{PrivateKey, PublicKey, key_agreement};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use super::pair::x25519_public;
use crate::types::SecretBytes;

const INTRO: &str = "age-encryption.org/v1";
/// Most bytes of a file: a key, not a document.
const FILE_MAX: usize = 64 << 10;
/// Most recipients of a file.
const STANZAS_MAX: usize = 1_000;
/// Bytes of one chunk of the payload; what is larger is no key.
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const FILE_KEY: usize = 16;

/// Why a file does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgeFailure {
    /// It is no file of age, or cut off.
    Shape,
    /// It was encrypted for others.
    NotFor,
    /// It was changed.
    Changed,
}

/// The private half of an age key pair.
pub struct AgeIdentity {
    private: PrivateKey,
    public: [u8; 32],
}

impl AgeIdentity {
    /// Takes the 32 bytes of a key; none where they are none.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(bytes.try_into().ok()?);
        let public = x25519_public(&bytes).ok()?;
        Some(Self { private: PrivateKey::from(*bytes), public })
    }

    /// Opens a file, armored or not.
    ///
    /// # Errors
    /// [`AgeFailure`].
    pub fn open(&self, file: &[u8]) -> Result<SecretBytes, AgeFailure> {
        let armored = dearmor(file)?;
        let file = armored.as_deref().unwrap_or(file);
        if file.len() > FILE_MAX {
            return Err(AgeFailure::Shape);
        }
        let header = Header::read(file).ok_or(AgeFailure::Shape)?;
        // A stanza that opens with our key is ours; the MAC then says whether the header is the one that was made.
        let file_key = header.stanzas.iter().find_map(|s| self.unwrap(s)).ok_or(AgeFailure::NotFor)?;
        let mac = hmac::Key::new(hmac::HMAC_SHA256, &*derive(&file_key, &[], b"header").ok_or(AgeFailure::Changed)?);
        hmac::verify(&mac, header.authenticated, &header.mac).map_err(|_| AgeFailure::Changed)?;
        payload(&file_key, header.payload).ok_or(AgeFailure::Changed)
    }

    fn unwrap(&self, stanza: &Stanza) -> Option<Zeroizing<Vec<u8>>> {
        let shared = key_agreement(&self.private, &PublicKey::from(stanza.share)).ok()?;
        let salt = [stanza.share, self.public].concat();
        let key = derive(shared.unprotected_as_ref(), &salt, b"age-encryption.org/v1/X25519")?;
        let opened = open_chunk(&key, [0; 12], &stanza.body)?;
        (opened.len() == FILE_KEY).then_some(opened)
    }
}

/// One recipient: the sender's share, and the file's key for them.
struct Stanza {
    share: [u8; 32],
    body: Vec<u8>,
}

struct Header<'a> {
    stanzas: Vec<Stanza>,
    /// Everything the MAC is over.
    authenticated: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads the lines in front of the payload. Stanzas of other kinds are passed over.
    fn read(file: &'a [u8]) -> Option<Self> {
        let mut rest = file;
        let mut line = || {
            let end = rest.iter().position(|b| *b == b'\n')?;
            let found = std::str::from_utf8(&rest[..end]).ok()?;
            rest = &rest[end + 1..];
            Some((found, rest))
        };
        if line()?.0 != INTRO {
            return None;
        }
        let mut stanzas = Vec::new();
        let (mut found, mut after) = line()?;
        for _ in 0..=STANZAS_MAX {
            if let Some(mac) = found.strip_prefix("--- ") {
                // Up to and with the three dashes.
                let end = file.len() - after.len() - mac.len() - 2;
                let mac = BASE64_NOPAD.decode(mac.as_bytes()).ok()?;
                return Some(Self { stanzas, authenticated: &file[..end], mac, payload: after });
            }
            let arguments: Vec<&str> = found.strip_prefix("-> ")?.split(' ').collect();
            let mut body = String::new();
            loop {
                let (piece, _) = line()?;
                body.push_str(piece);
                // A line that is not full ends the body.
                if piece.len() < 64 {
                    break;
                }
            }
            if let ["X25519", share] = arguments.as_slice() {
                let share = BASE64_NOPAD.decode(share.as_bytes()).ok()?.try_into().ok()?;
                let body = BASE64_NOPAD.decode(body.as_bytes()).ok()?;
                stanzas.push(Stanza { share, body });
            }
            (found, after) = line()?;
        }
        None
    }
}

/// Without its armor, where it has one.
fn dearmor(file: &[u8]) -> Result<Option<Vec<u8>>, AgeFailure> {
    let text = file.trim_ascii();
    let Some(rest) = text.strip_prefix(b"-----BEGIN AGE ENCRYPTED FILE-----") else { return Ok(None) };
    let body = rest.strip_suffix(b"-----END AGE ENCRYPTED FILE-----").ok_or(AgeFailure::Shape)?;
    let body: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    BASE64.decode(&body).map(Some).map_err(|_| AgeFailure::Shape)
}

/// The one chunk of a small file.
fn payload(file_key: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
    let (nonce, chunk) = sealed.split_at_checked(16)?;
    if chunk.len() > CHUNK + TAG {
        return None;
    }
    let key = derive(file_key, nonce, b"payload")?;
    // Chunk number 0, and the last one.
    let mut counter = [0; 12];
    counter[11] = 1;
    open_chunk(&key, counter, chunk).map(|mut opened| SecretBytes::new(std::mem::take(&mut *opened)))
}

fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    derived.expand(&[info], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut_slice())).ok()?;
    Some(key)
}

fn open_chunk(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let length = key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

/// Encrypts as age does, for tests: with made up randomness, to one recipient.
#[cfg(test)]
pub(crate) fn seal_for_test(recipient: [u8; 32], value: &[u8]) -> Vec<u8> {
    let seal = |key: &[u8; 32], nonce: [u8; 12], value: &[u8]| {
        let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).expect("32 bytes"));
        let mut bytes = value.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut bytes).expect("short");
        bytes
    };
    let (sender, file_key, nonce) = ([0x22; 32], [0x33; FILE_KEY], [0x44; 16]);
    let share = x25519_public(&sender).expect("a key");
    let shared = key_agreement(&PrivateKey::from(sender), &PublicKey::from(recipient)).expect("no low point");
    let salt = [share, recipient].concat();
    let wrap = derive(shared.unprotected_as_ref(), &salt, b"age-encryption.org/v1/X25519").expect("derived");
    let body = BASE64_NOPAD.encode(&seal(&wrap, [0; 12], &file_key));
    let header = format!("{INTRO}\n-> grease ab\n\n-> X25519 {}\n{body}\n---", BASE64_NOPAD.encode(&share));
    let mac = hmac::Key::new(hmac::HMAC_SHA256, &*derive(&file_key, &[], b"header").expect("derived"));
    let mac = BASE64_NOPAD.encode(hmac::sign(&mac, header.as_bytes()).as_ref());
    let mut counter = [0; 12];
    counter[11] = 1;
    let chunk = seal(&derive(&file_key, &nonce, b"payload").expect("derived"), counter, value);
    [format!("{header} {mac}\n").as_bytes(), &nonce, &chunk].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armored(file: &[u8]) -> String {
        let text = BASE64.encode(file);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into_owned()).collect();
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{}\n-----END AGE ENCRYPTED FILE-----\n", lines.join("\n"))
    }

    #[test]
    fn what_is_for_us_opens_and_nothing_that_was_changed_or_cut() {
        let identity = AgeIdentity::new(&[0x11; 32]).expect("a key");
        let file = seal_for_test(identity.public, b"a key of a test");
        assert_eq!(identity.open(&file).expect("ours").expose().as_slice(), b"a key of a test");
        assert!(identity.open(armored(&file).as_bytes()).is_ok());
        let other = AgeIdentity::new(&[0x12; 32]).expect("a key");
        assert_eq!(other.open(&file).err(), Some(AgeFailure::NotFor));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(identity.open(&changed).is_err(), "byte {at} was changed");
            assert!(identity.open(&file[..at]).is_err(), "cut at {at}");
        }
        let large = vec![b'a'; 1 << 17];
        for shape in [&b""[..], b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----", &large] {
            assert_eq!(identity.open(shape).err(), Some(AgeFailure::Shape));
        }
        assert!(AgeIdentity::new(&[1; 31]).is_none());
    }
}
