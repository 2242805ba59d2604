//! Signed tree heads, in the signed-note and tlog-checkpoint forms of C2SP.
//!
//! A note is four lines, an empty one and a signature line:
//!
//! ```text
//! holdfast/ins_…/1
//! 1024
//! <root, base64>
//!
//! — holdfast/ins_… <4 bytes of key id and 64 of Ed25519 signature, base64>
//! ```
//!
//! The origin names the instance and the epoch; the key's name names the instance only, so the key an operator has
//! pinned stays the same through a restore.

use std::fmt::Write as _;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::LedgerError;
use super::list::StoredNodes;
use super::merkle::{Hash, root_at};
use super::store::{self, StoredCheckpoint};
use super::tail::LedgerTail;
use crate::db::{Reader, WriteTx};
use crate::types::{Id, ParseError, Timestamp, kinds};

/// Who holds the ledger's private key: the keys room.
pub trait Sign {
    /// The Ed25519 signature (RFC 8032) of the message.
    fn sign(&self, message: &[u8]) -> [u8; 64];
    /// The public key.
    fn public_key(&self) -> [u8; 32];
}

impl Sign for crate::keys::LedgerSigner {
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::sign(self, message)
    }

    fn public_key(&self) -> [u8; 32] {
        Self::public_key(self)
    }
}

/// The most bytes of a note.
const NOTE_MAX: usize = 4_096;
/// The most signature lines of a note: a witness may add its own.
const SIGNATURES_MAX: usize = 16;
/// The kind of signature in key ids and keys: Ed25519.
const ALGORITHM: u8 = 1;

/// A public key as it is printed and pinned: `holdfast/ins_…+<key id>+<base64>` (C2SP signed-note).
pub fn public_key_text(instance: Id<kinds::Instance>, key: &[u8; 32]) -> String {
    let name = key_name(instance);
    let id = data_encoding::HEXLOWER.encode(&key_id(&name, key));
    let mut typed = [ALGORITHM; 33];
    typed[1..].copy_from_slice(key);
    format!("{name}+{id}+{}", BASE64.encode(&typed))
}

/// Reads what [`public_key_text`] wrote, or the base64 of the 32 bytes alone.
///
/// # Errors
/// Anything else, or a key id that is not that of name and key.
pub fn public_key_parse(text: &str) -> Result<[u8; 32], ParseError> {
    let wrong = || ParseError::new("ledger key", "must be like holdfast/ins_…+0a1b2c3d+AT… as it was printed");
    let text = text.trim();
    if text.len() > NOTE_MAX {
        return Err(wrong());
    }
    let decode = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| wrong());
    // Base64 may hold a plus as well: only the first two separate.
    let mut parts = text.splitn(3, '+');
    if let (Some(name), Some(id), Some(key), true) =
        (parts.next(), parts.next(), parts.next(), text.starts_with("holdfast/"))
    {
        let typed = decode(key)?;
        let key: [u8; 32] = typed.strip_prefix(&[ALGORITHM]).and_then(|key| key.try_into().ok()).ok_or_else(wrong)?;
        let given = data_encoding::HEXLOWER_PERMISSIVE.decode(id.as_bytes()).map_err(|_| wrong())?;
        return if given == key_id(name, &key) { Ok(key) } else { Err(wrong()) };
    }
    decode(text)?.try_into().map_err(|_| wrong())
}

fn key_name(instance: Id<kinds::Instance>) -> String {
    format!("holdfast/{instance}")
}

/// The first four bytes of SHA-256 over name, newline, algorithm and key (C2SP signed-note).
fn key_id(name: &str, key: &[u8; 32]) -> [u8; 4] {
    let mut input = Vec::with_capacity(name.len() + 34);
    input.extend_from_slice(name.as_bytes());
    input.extend_from_slice(&[b'\n', ALGORITHM]);
    input.extend_from_slice(key);
    let mut id = [0; 4];
    id.copy_from_slice(&digest(&SHA256, &input).as_ref()[..4]);
    id
}

/// A signed tree head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The instance whose log it is.
    pub instance: Id<kinds::Instance>,
    /// The epoch it was made in.
    pub epoch: u64,
    /// Events in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
    /// The signed text and the signatures.
    note: String,
}

impl Checkpoint {
    /// Signs a tree head.
    fn make(instance: Id<kinds::Instance>, epoch: u64, size: u64, root: Hash, signer: &dyn Sign) -> Self {
        let name = key_name(instance);
        let mut note = format!("{name}/{epoch}\n{size}\n{}\n", BASE64.encode(&root));
        let signature = signer.sign(note.as_bytes());
        let mut bytes = key_id(&name, &signer.public_key()).to_vec();
        bytes.extend_from_slice(&signature);
        // Writing to a String cannot fail.
        let _infallible = write!(note, "\n\u{2014} {name} {}\n", BASE64.encode(&bytes));
        Self { instance, epoch, size, root, note }
    }

    /// Reads a note; its signature is for [`Checkpoint::is_signed_by`] to check.
    ///
    /// # Errors
    /// It has another form, or no signature line.
    pub fn parse(note: &str) -> Result<Self, ParseError> {
        let wrong = |problem: &str| ParseError::new("checkpoint", problem);
        if note.len() > NOTE_MAX {
            return Err(wrong("longer than any checkpoint"));
        }
        let (text, signatures) = note.split_once("\n\n").ok_or_else(|| wrong("has no signature"))?;
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(wrong("must have three lines before its signature"));
        };
        let (instance, epoch) = origin
            .strip_prefix("holdfast/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| wrong("its first line is not that of a holdfast ledger"))?;
        let root: Hash = BASE64
            .decode(root.as_bytes())
            .ok()
            .and_then(|root| root.try_into().ok())
            .ok_or_else(|| wrong("its third line is not the base64 of a root"))?;
        let lines = signatures.strip_suffix('\n').unwrap_or_default();
        if lines.is_empty() || lines.split('\n').count() > SIGNATURES_MAX {
            return Err(wrong("must end with signature lines"));
        }
        Ok(Self {
            instance: Id::parse(instance)?,
            epoch: number(epoch).filter(|epoch| *epoch > 0).ok_or_else(|| wrong("its epoch is not a number"))?,
            size: number(size).ok_or_else(|| wrong("its size is not a number"))?,
            root,
            note: note.to_owned(),
        })
    }

    /// The note, as it is given out.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Whether one of its signatures is that of this key.
    pub fn is_signed_by(&self, key: &[u8; 32]) -> bool {
        let Some((_, signatures)) = self.note.split_once("\n\n") else { return false };
        let signed = &self.note.as_bytes()[..self.note.len() - signatures.len() - 1];
        let name = key_name(self.instance);
        signatures.split('\n').take(SIGNATURES_MAX).any(|line| {
            let bytes = line
                .strip_prefix("\u{2014} ")
                .and_then(|line| line.split_once(' '))
                .filter(|(of, _)| *of == name)
                .and_then(|(_, base64)| BASE64.decode(base64.as_bytes()).ok());
            bytes.as_deref().and_then(|bytes| bytes.split_first_chunk::<4>()).is_some_and(|(id, signature)| {
                *id == key_id(&name, key) && UnparsedPublicKey::new(&ED25519, key).verify(signed, signature).is_ok()
            })
        })
    }
}

/// Decimal digits without a sign or leading zeros.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Signs the tree as it is after the events of this transaction, and stores the note. Without new events the newest
/// note is answered again. Give it out only once the operation has been answered: then it is durable.
///
/// # Errors
/// The log does not continue the newest checkpoint (nothing is signed then), the ledger was not started, or the
/// database failed.
pub fn checkpoint_make(tx: &mut WriteTx<'_>, signer: &dyn Sign, now: Timestamp) -> Result<Checkpoint, LedgerError> {
    let (reader, tail) = tx.parts::<LedgerTail>();
    let tail = tail.ok_or(LedgerError::NotStarted)?;
    let (size, epoch, root) = (tail.size(), tail.epoch(), tail.root());
    if let Some((newest, _)) = store::checkpoint_newest(&reader)? {
        let continues =
            newest.size <= size && newest.epoch <= epoch && root_at(&StoredNodes(&reader), newest.size)? == newest.root;
        if !continues {
            return Err(LedgerError::Inconsistent { size: newest.size });
        }
        if newest.size == size && newest.epoch == epoch {
            return Ok(Checkpoint::parse(&newest.note)?);
        }
    }
    let made = Checkpoint::make(tail.instance, epoch, size, root, signer);
    let stored = StoredCheckpoint { epoch, size, root, note: made.note.clone() };
    store::checkpoint_insert(&reader, &stored, now)?;
    Ok(made)
}

/// The newest checkpoint and when it was made.
///
/// # Errors
/// The stored note is unreadable, or the database failed.
pub fn checkpoint_newest(reader: &Reader<'_>) -> Result<Option<(Checkpoint, Timestamp)>, LedgerError> {
    match store::checkpoint_newest(reader)? {
        None => Ok(None),
        Some((stored, at)) => Ok(Some((Checkpoint::parse(&stored.note)?, at))),
    }
}
