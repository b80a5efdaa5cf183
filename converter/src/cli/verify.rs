//! `mote verify`: would a device trust this file?

use super::keys::public_key;
use super::model_file::read;
use super::out::print_json;
use super::table::facts;
use super::{Hinted, Verdict, print};
use crate::sign::{PublicKey, SignError, verify};
use serde_json::json;
use std::path::PathBuf;

/// Check a model file's signature and every byte of it, as a device does.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote verify net.mote --key release.pub.pem
  mote verify net.mote --key release.pub.pem --key development.pub.pem

Exit 1, with the reason, if a device that trusts these keys would refuse the file.")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// A public key that is trusted: a PEM file. May be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Verdict> {
    let keys = args.key.iter().map(|path| public_key(path)).collect::<anyhow::Result<Vec<PublicKey>>>()?;
    let file = read(&args.file)?;
    let name = args.file.display();
    match verify(&file, &keys) {
        Ok((info, key)) if args.json => print_json(&json!({
            "schema": 1,
            "held": true,
            "model_version": info.version,
            "file_bytes": info.length,
            "arena_bytes": info.arena_bytes,
            "fingerprint": key.fingerprint(),
        }))?,
        Ok((info, key)) => print(facts(&[
            ("trusted", format!("{name}, {} bytes", info.length)),
            ("model version", info.version.to_string()),
            ("by the key", key.fingerprint()),
        ]))?,
        Err(SignError::Refused(reason)) => {
            if args.json {
                print_json(&json!({ "schema": 1, "held": false, "failed": reason.to_string() }))?;
            } else {
                print(format!("REFUSED: {name}: {reason}"))?;
            }
            return Ok(Verdict::Fail);
        }
        Err(error) => return Err(Hinted::new(error.to_string(), "give a .mote file and public keys").into()),
    }
    Ok(Verdict::Pass)
}
