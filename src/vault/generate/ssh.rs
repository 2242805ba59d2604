//! Key pairs as OpenSSH writes them (its PROTOCOL.key: `openssh-key-v1`, cipher `none`).

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::draw::Draw;
use crate::keys::{KeyError, pair};
use crate::types::SecretBytes;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const ALGORITHM: &[u8] = b"ssh-ed25519";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";
/// Characters of base64 on one line.
const LINE: usize = 70;
/// The private part is filled up to a multiple of this.
const BLOCK: usize = 8;
/// Room for everything with the longest comment: a buffer that grows leaves copies behind.
const ROOM: usize = 2_048;

/// The private key file, and the line for `authorized_keys`.
pub(super) fn pair(draw: &mut Draw<'_, '_>, comment: &str) -> Result<(SecretBytes, String), KeyError> {
    let seed = draw.bytes::<32>()?;
    let check = draw.bytes::<4>()?;
    let public = pair::ed25519_public(&seed)?;
    let mut public_blob = Vec::new();
    string(&mut public_blob, ALGORITHM);
    string(&mut public_blob, &public);

    let mut private = Zeroizing::new(Vec::with_capacity(ROOM));
    private.extend_from_slice(&*check);
    private.extend_from_slice(&*check);
    private.extend_from_slice(&public_blob);
    let both = Zeroizing::new([*seed, public].concat());
    string(&mut private, &both);
    string(&mut private, comment.as_bytes());
    let missing = (BLOCK - private.len() % BLOCK) % BLOCK;
    private.extend((1..=BLOCK).take(missing).filter_map(|n| u8::try_from(n).ok()));

    let mut file = Zeroizing::new(Vec::with_capacity(ROOM));
    file.extend_from_slice(MAGIC);
    string(&mut file, b"none"); // cipher
    string(&mut file, b"none"); // key derivation
    string(&mut file, b""); // its options
    file.extend_from_slice(&1_u32.to_be_bytes()); // keys
    string(&mut file, &public_blob);
    string(&mut file, &private);

    let line = format!("ssh-ed25519 {} {comment}", BASE64.encode(&public_blob));
    Ok((armored(&file), line.trim_end().to_owned()))
}

/// A length and the bytes, as SSH writes them (RFC 4251, section 5).
fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    // A key and a comment of at most 255 characters: far below 4 GiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

fn armored(file: &[u8]) -> SecretBytes {
    let base64 = Zeroizing::new(BASE64.encode(file));
    let mut text = String::with_capacity(2 * ROOM);
    text.push_str(BEGIN);
    for line in base64.as_bytes().chunks(LINE) {
        text.push_str(std::str::from_utf8(line).unwrap_or_default());
        text.push('\n');
    }
    text.push_str(END);
    SecretBytes::new(text.into_bytes())
}
