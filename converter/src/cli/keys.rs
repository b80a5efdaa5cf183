//! Files of keys: who may read them, and what they hold.

use super::Hinted;
use super::model_file::read;
use super::whole_file::folder_of;
use crate::sign::{PublicKey, SecretKey};
use anyhow::Context;
use std::io::Write;
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

/// Writes a file that is not there yet, whole or not at all. A `secret` one can be read by its owner only, from the start.
pub(super) fn write_new(path: &Path, text: &str, secret: bool) -> anyhow::Result<()> {
    let write = || -> std::io::Result<()> {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(if secret { 0o600 } else { 0o644 }));
        }
        let mut file = builder.prefix(".mote-").tempfile_in(folder_of(path))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().with_context(|| {
        let hint = "keys are never overwritten: name another file, or check that the folder can be written to";
        Hinted::new(format!("cannot write `{}`", path.display()), hint)
    })
}
