//! Files of keys: who may read them, and what they hold.

use super::Hinted;
use super::model_file::read;
use crate::sign::{PublicKey, SecretKey};
use anyhow::Context;
use std::path::Path;

/// A public key from its file.
pub(super) fn public_key(path: &Path) -> anyhow::Result<PublicKey> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    PublicKey::from_pem(&text).with_context(|| {
        let hint = "give the .pub.pem file that `mote keygen` wrote, or one of `openssl pkey -pubout`";
        Hinted::new(format!("cannot use the key `{}`", path.display()), hint)
    })
}

/// A secret key from its file, which nobody else may read.
pub(super) fn secret_key(path: &Path) -> anyhow::Result<SecretKey> {
    let text = String::from_utf8(read(path)?).unwrap_or_default();
    check_private(path)?;
    SecretKey::from_pem(&text).with_context(|| {
        let hint = "give the .key.pem file that `mote keygen` wrote, or one of `openssl genpkey -algorithm ed25519`";
        Hinted::new(format!("cannot use the key `{}`", path.display()), hint)
    })
}

/// As ssh does it: a secret that others may read is none.
#[cfg(unix)]
fn check_private(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map(|meta| meta.permissions().mode()).unwrap_or(0);
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let what = format!("others may read the secret key `{}` (its mode is {:o})", path.display(), mode & 0o777);
    Err(Hinted::new(what, format!("chmod 600 {}", path.display())).into())
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> anyhow::Result<()> {
    Ok(())
}
