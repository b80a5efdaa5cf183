//! `mote keygen`: a pair of keys for signing models.

use super::out::print_json;
use super::table::facts;
use super::whole_file::{Readers, write_new};
use super::{Hinted, Verdict, print};
use crate::sign::SecretKey;
use serde_json::json;
use std::path::PathBuf;

/// Make a pair of Ed25519 keys: one that signs models, and one that devices know them by.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote keygen release                    release.key.pem, for its owner only, and release.pub.pem
  mote keygen keys/release --json | jq -r .public_key

Keep the secret key where only the people who release models have it, and a copy of it: devices accept no other. The files
are those of OpenSSL: PKCS #8 and SubjectPublicKeyInfo. Existing files are not overwritten.")]
pub(super) struct Args {
    /// Start of the two files' names.
    name: PathBuf,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Verdict> {
    let path = |end: &str| {
        let mut name = args.name.clone().into_os_string();
        name.push(end);
        PathBuf::from(name)
    };
    let (secret_file, public_file) = (path(".key.pem"), path(".pub.pem"));
    // Before the secret one is written.
    if public_file.exists() {
        let what = format!("`{}` is there already", public_file.display());
        return Err(Hinted::new(what, "name another file: keys are never overwritten").into());
    }
    let key = SecretKey::generate();
    let public = key.public();
    write_new(&secret_file, key.to_pem().as_bytes(), Readers::Owner)?;
    write_new(&public_file, public.to_pem().as_bytes(), Readers::Usual)?;
    let hex: String = public.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    if args.json {
        print_json(&json!({
            "schema": 1,
            "secret_key_file": secret_file.display().to_string(),
            "public_key_file": public_file.display().to_string(),
            "public_key": hex,
            "fingerprint": public.fingerprint(),
        }))?;
    } else {
        print(facts(&[
            ("secret key", format!("{}: signs; keep it to yourself, and keep a copy", secret_file.display())),
            ("public key", format!("{}: for devices and `mote verify`", public_file.display())),
            ("its bytes", hex),
            ("fingerprint", public.fingerprint()),
            ("next", format!("mote sign net.mote --key {}", secret_file.display())),
        ]))?;
    }
    Ok(Verdict::Pass)
}
