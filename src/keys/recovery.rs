//! The recovery kit: a page to lock away that gives the root key back.
//!
//! The page holds the private half of an X25519 key. Every root key is sealed to the public half (HPKE base mode,
//! RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305) and kept in the database and in backups:
//! a rotation seals the new root key the same way, so a page printed once stays valid.

use std::fmt;

use orion::hazardous::hpke::{DHKEM_X25519_SHA256_CHACHA20, ModeBase};
use orion::hazardous::kem::x25519_hkdf_sha256::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::aead::{KEY_LEN, TAG_LEN};
use super::envelope::list;
use super::root::{Fingerprint, RootKey};
use super::{KeyError, Keyring, random, store};
use crate::db::{Reader, WriteTx};
use crate::types::{Id, SecretString, Timestamp, kinds};

type Hpke = ModeBase<DHKEM_X25519_SHA256_CHACHA20>;

const INFO: &[&[u8]] = &[b"holdfast/v1", b"recovery"];
const PUBLIC_LEN: usize = 32;
const SEALED_LEN: usize = PUBLIC_LEN + KEY_LEN + TAG_LEN;
const PREFIX: &str = "HFRK1";
/// Characters between two hyphens of the printed key.
const GROUP: usize = 5;

/// What is printed on the page. Shown once; only the sealed root key is stored.
pub struct RecoveryKit {
    /// The recovery key as text: `HFRK1-` and groups of five characters.
    pub private_key: SecretString,
    /// The key that verifies the ledger, to be compared with what a server claims.
    pub ledger_public_key: [u8; 32],
    /// The instance it belongs to.
    pub instance: Id<kinds::Instance>,
    /// The root key it opens now.
    pub fingerprint: Fingerprint,
    /// When it was made.
    pub created_at: Timestamp,
}

impl RecoveryKit {
    /// The page as plain text, 80 columns. Whoever calls this prints it, once.
    pub fn expose_page(&self) -> SecretString {
        let ledger = data_encoding::BASE64.encode(&self.ledger_public_key);
        SecretString::new(format!(
            "HOLDFAST RECOVERY KIT\n\
             \n\
             Whoever holds this page and a copy of the data can read every secret.\n\
             Print it, lock it away, and keep no file of it.\n\
             \n\
             Instance           {}\n\
             Made               {}\n\
             Root key           {} (fingerprint)\n\
             Ledger public key  {ledger}\n\
             \n\
             Recovery key\n\
             {}\n\
             \n\
             To get a lost root key back:  holdfast keys recover --data-dir DIR\n",
            self.instance,
            self.created_at,
            self.fingerprint,
            self.private_key.expose(),
        ))
    }
}

impl fmt::Debug for RecoveryKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecoveryKit({}, {})", self.instance, self.fingerprint)
    }
}

/// A root key sealed to a recovery key: for the database and for the manifest of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRoot {
    /// The instance it belongs to.
    pub instance: Id<kinds::Instance>,
    /// Which root key is inside.
    pub fingerprint: Fingerprint,
    /// The encapsulated key and the ciphertext.
    pub bytes: Vec<u8>,
}

/// Makes a kit; an older one is void from then on.
///
/// # Errors
/// No randomness, or the database failed.
pub fn kit_create(
    tx: &WriteTx<'_>,
    keyring: &Keyring,
    by: Option<Id<kinds::User>>,
    now: Timestamp,
) -> Result<RecoveryKit, KeyError> {
    let private = Zeroizing::new(random::<32>()?);
    let key = PrivateKey::try_from(&*private).map_err(|_| KeyError::Cipher)?;
    let public = PublicKey::try_from(&key).map_err(|_| KeyError::Cipher)?;
    let public_bytes = <[u8; PUBLIC_LEN]>::try_from(public.as_ref()).map_err(|_| KeyError::Cipher)?;
    let version = store::recovery_replace(tx, &public_bytes, by, now)?;
    let instance = keyring.instance().id();
    // All that stand: with an older one in use the kit would give back a key the database no longer wants.
    for root in keyring.roots.standing(tx, instance.as_bytes())? {
        store::recovery_seal_insert(tx, version, root.version.version, &seal(&public, instance, &root.key)?)?;
    }
    Ok(RecoveryKit {
        private_key: encode(&private),
        ledger_public_key: keyring.instance().ledger_signer().public_key(),
        instance,
        fingerprint: keyring.fingerprint(),
        created_at: now,
    })
}

/// Seals a new root key to the kit that was printed; false when there is none.
pub(super) fn reseal(
    tx: &WriteTx<'_>,
    root: &RootKey,
    root_version: u32,
    instance: Id<kinds::Instance>,
) -> Result<bool, KeyError> {
    let Some((version, public)) = store::recovery_key(tx)? else { return Ok(false) };
    let public = PublicKey::try_from(public.as_slice()).map_err(|_| KeyError::Cipher)?;
    store::recovery_seal_insert(tx, version, root_version, &seal(&public, instance, root)?)?;
    Ok(true)
}

/// The sealed root key of this database, for [`recover`] and for backups.
///
/// # Errors
/// [`KeyError::RecoveryNone`] when no kit was made.
pub fn sealed(reader: &Reader<'_>) -> Result<SealedRoot, KeyError> {
    let instance = store::instance_owner(reader)?.ok_or(KeyError::NotCreated)?;
    let (fingerprint, bytes) = store::recovery_load(reader)?.ok_or(KeyError::RecoveryNone)?;
    Ok(SealedRoot { instance: Id::from_bytes(instance), fingerprint, bytes })
}

/// Gets the root key back with the recovery key of the page, spaces, hyphens and case as typed.
///
/// # Errors
/// [`KeyError::RecoveryKeyMalformed`] for a typing error, [`KeyError::RecoveryKeyWrong`] for another kit's key.
pub fn recover(private_key: &SecretString, sealed: &SealedRoot) -> Result<RootKey, KeyError> {
    let private = decode(private_key)?;
    let key = PrivateKey::try_from(&*private).map_err(|_| KeyError::RecoveryKeyWrong)?;
    if sealed.bytes.len() != SEALED_LEN {
        return Err(KeyError::FormatUnknown);
    }
    let (encapsulated, ciphertext) = sealed.bytes.split_at(PUBLIC_LEN);
    let encapsulated = PublicKey::try_from(encapsulated).map_err(|_| KeyError::FormatUnknown)?;
    let aad = aad(sealed.instance, sealed.fingerprint);
    let mut root = Zeroizing::new([0; KEY_LEN]);
    Hpke::base_open(&encapsulated, &key, &list(INFO), ciphertext, &aad, &mut *root)
        .map_err(|_| KeyError::RecoveryKeyWrong)?;
    Ok(RootKey::from_bytes(*root))
}

fn seal(public: &PublicKey, instance: Id<kinds::Instance>, root: &RootKey) -> Result<Vec<u8>, KeyError> {
    let mut ciphertext = [0; KEY_LEN + TAG_LEN];
    let aad = aad(instance, root.fingerprint());
    let encapsulated =
        Hpke::base_seal(public, &list(INFO), root.expose(), &aad, &mut ciphertext).map_err(|_| KeyError::Cipher)?;
    Ok([encapsulated.as_ref(), &ciphertext].concat())
}

fn aad(instance: Id<kinds::Instance>, fingerprint: Fingerprint) -> Vec<u8> {
    list(&[instance.as_bytes(), fingerprint.as_bytes()])
}

/// Base32 of the key and its CRC-32, in groups: made to be typed from paper.
fn encode(private: &[u8; 32]) -> SecretString {
    let mut bytes = Zeroizing::new(private.to_vec());
    bytes.extend_from_slice(&crc32fast::hash(private).to_be_bytes());
    let digits = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(&bytes));
    let mut text = String::with_capacity(PREFIX.len() + digits.len() * 2);
    text.push_str(PREFIX);
    for (index, digit) in digits.chars().enumerate() {
        if index % GROUP == 0 {
            text.push('-');
        }
        text.push(digit);
    }
    SecretString::new(text)
}

fn decode(text: &SecretString) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let wrong = KeyError::RecoveryKeyMalformed;
    if text.expose().len() > 512 {
        return Err(wrong("it is too long"));
    }
    let mut digits = Zeroizing::new(String::with_capacity(text.expose().len()));
    digits.extend(text.expose().chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()));
    let digits = digits.strip_prefix(PREFIX).ok_or(wrong("it begins with HFRK1"))?;
    let bytes = data_encoding::BASE32_NOPAD
        .decode(digits.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| wrong("a character is missing or is not A-Z or 2-7"))?;
    let (key, crc) = bytes.split_last_chunk::<4>().ok_or(wrong("it is too short"))?;
    let key = <[u8; 32]>::try_from(key).map(Zeroizing::new).map_err(|_| wrong("its length is wrong"))?;
    if crc32fast::hash(&*key).to_be_bytes() == *crc { Ok(key) } else { Err(wrong("its checksum is wrong")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_key_reads_back_and_a_mistyped_one_is_told() {
        let text = encode(&[0xa5; 32]);
        let sloppy = SecretString::new(format!(" {} \n", text.expose().replace('-', " ").to_lowercase()));
        assert_eq!(*decode(&sloppy).unwrap(), [0xa5; 32]);
        for at in PREFIX.len() + 1..text.expose().len() {
            let mut changed = text.expose().clone().into_bytes();
            if changed[at] == b'-' {
                continue;
            }
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(decode(&SecretString::new(String::from_utf8(changed).unwrap())).is_err(), "character {at}");
        }
        for bad in ["", "HFRK1", "HFRK1-AAAAA", "nonsense", &"HFRK1".repeat(200)] {
            assert!(decode(&SecretString::new(bad.into())).is_err());
        }
    }
}
