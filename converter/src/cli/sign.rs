//! `mote sign`: a model file that devices trust.

use super::keys::secret_key;
use super::model_file::ModelFile;
use super::out::print_json;
use super::table::facts;
use super::whole_file::write_whole;
use super::{Verdict, print};
use crate::sign::sign;
use anyhow::Context;
use serde_json::json;
use std::path::PathBuf;

/// Sign a model file, so that devices with the public key accept it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote sign net.mote --key release.key.pem                         in place
  mote sign net.mote --key release.key.pem --model-version 8 -o net-8.mote
  mote convert model.tflite -o net.mote --model-version 8 && mote sign net.mote --key release.key.pem

The signature is of everything in the file, its model version included: devices refuse a version lower than one that they have
confirmed. Signing adds 64 bytes, once; a file that is signed already gets the new signature in the place of the old one.")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// The secret key: a PEM file that only its owner may read.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Release of the model; grows with each [default: what the file says].
    #[arg(long, value_name = "N")]
    model_version: Option<u32>,
    /// Where to write it [default: in the place of FILE].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Verdict> {
    let key = secret_key(&args.key)?;
    let model = ModelFile::open(&args.file)?;
    let file = model.session.model()?.as_bytes().to_vec();
    let signed =
        sign(&file, &key, args.model_version).with_context(|| format!("cannot sign `{}`", args.file.display()))?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    write_whole(output, &signed)?;
    let version = args.model_version.unwrap_or(model.summary.model_version);
    let fingerprint = key.public().fingerprint();
    if args.json {
        print_json(&json!({
            "schema": 1,
            "output": output.display().to_string(),
            "file_bytes": signed.len(),
            "model_version": version,
            "fingerprint": fingerprint,
        }))?;
    } else {
        print(facts(&[
            ("signed", format!("{}, {} bytes", output.display(), signed.len())),
            ("model version", version.to_string()),
            ("by the key", fingerprint),
        ]))?;
    }
    Ok(Verdict::Pass)
}
