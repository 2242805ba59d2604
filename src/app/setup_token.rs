//! The file with the one-use token that makes the first owner.

use std::path::{Path, PathBuf};

use super::AppError;
use crate::config::{read_secret_file, write_private_file};
use crate::op::{Core, Op};
use crate::orgs::setup;
use crate::types::{Secret, SecretString};

/// Where the token of a data directory is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("setup-token")
}

/// A token that works, in its file. The one from before is kept while it works: whoever copied it can go on.
/// None, and no file, when the instance has its owner.
pub(super) async fn ensure(op: &Op, dir: &Path) -> Result<Option<SecretString>, AppError> {
    if op.core().db.read(setup::is_set_up)? {
        forget(dir);
        return Ok(None);
    }
    if let Some(token) = read(dir)
        && op.core().db.read(|reader| setup::token_stands(reader, op.keyring(), &token, op.now()))?
    {
        return Ok(Some(token));
    }
    create(op, dir).await.map(Some)
}

/// Makes a new token and its file; the one before stops working.
pub(super) async fn create(op: &Op, dir: &Path) -> Result<SecretString, AppError> {
    let token = setup::token_create(op).await?;
    write_private_file(&path(dir), format!("{}\n", token.expose()).as_bytes())?;
    Ok(token)
}

/// Takes the file away once it is of no use.
pub(super) fn forget_when_used(core: &Core, dir: &Path) -> Result<(), AppError> {
    if core.db.read(setup::is_set_up)? {
        forget(dir);
    }
    Ok(())
}

fn forget(dir: &Path) {
    // A token that was redeemed opens nothing; its file is only untidy.
    let _absent = std::fs::remove_file(path(dir));
}

/// The token in the file; one that cannot be read is as good as none.
fn read(dir: &Path) -> Option<SecretString> {
    let bytes = read_secret_file(&path(dir)).ok()?;
    std::str::from_utf8(bytes.expose()).ok().map(|text| Secret::new(text.trim().to_owned()))
}
