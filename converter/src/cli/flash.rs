//! `mote flash`: a model file onto a device.

use super::model_file::{ModelFile, read};
use super::out::print_json;
use super::port_args::{open, refusal_hint, refused, update_explained};
use super::table::{count, facts};
use super::{Hinted, Progress, Verdict, print};
use crate::boards;
use crate::device::{Device, Port, Probe, ProbeError, Sent, UpdateError, activate, send};
use anyhow::Context;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Put a model file onto a device, try it out there, and make it the one that runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote flash net.mote --port /dev/ttyACM0                  through the firmware, over a serial port
  mote flash net.mote --port tcp:127.0.0.1:5555            an emulated board
  mote flash net.mote --port /dev/ttyACM0 --no-activate    send and verify only; `mote device activate` later
  mote flash net.mote --board my-board/board.toml          through a debug probe, with the command `probe-rs`

The device takes a signed file into a free slot and verifies it. Then it restarts, runs the file's self-test vectors, and goes
back to the model before if one fails. Until then the model before keeps running; a transfer that breaks off, by Ctrl-C
too, goes on where it stopped. Exit 1 if the device refuses the file, or it fails its trial.

A debug probe writes past the firmware: the model goes into the first slot and the log is emptied, with it the least version that
the device takes. The firmware checks the signature when it starts, and takes the second slot if that holds a higher version.")]
pub(super) struct Args {
    /// A .mote file, signed unless the firmware takes unsigned ones.
    file: PathBuf,
    /// The device: a serial port, as /dev/ttyACM0 or /dev/ttyACM0@115200, or tcp:HOST:PORT.
    #[arg(long, value_name = "PORT", required_unless_present = "board", conflicts_with = "board")]
    port: Option<Port>,
    /// Use a debug probe: the board's name, or the path of its board.toml.
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    /// Send and verify the file, but let the model that runs go on.
    #[arg(long, conflicts_with = "board")]
    no_activate: bool,
    /// Send the file without looking at it first; the device decides alone.
    #[arg(long)]
    no_check: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let file = if args.no_check { read(&args.file)? } else { checked(&args)? };
    match (&args.port, &args.board) {
        (Some(port), _) => over_link(&args, port, &file, progress),
        (None, Some(board)) => by_probe(&args, board, &file, progress),
        (None, None) => Err(Hinted::new("no device is given", "give --port PORT or --board BOARD").into()),
    }
}

/// The file's bytes, if it is a model file that loads.
fn checked(args: &Args) -> anyhow::Result<Vec<u8>> {
    let model = ModelFile::open(&args.file)?;
    if !model.summary.sha256_ok {
        let what = format!("`{}` is damaged: it has another SHA-256 than its header says", args.file.display());
        return Err(Hinted::new(what, "convert or copy it again").into());
    }
    Ok(model.session.model()?.as_bytes().to_vec())
}

fn over_link(args: &Args, port: &Port, file: &[u8], progress: &Progress) -> anyhow::Result<Verdict> {
    let mut device = open(port)?;
    let activating = say_what_an_interrupt_means()?;
    match update(args, &mut device, file, progress, activating) {
        Ok(sent) => report(args, port, &mut device, file, sent),
        Err(UpdateError::Refused(refusal)) => {
            refused(Some(&args.file), &refusal.to_string(), refusal_hint(&refusal), args.json, progress)
        }
        Err(failed @ UpdateError::TrialFailed { .. }) => {
            refused(Some(&args.file), &failed.to_string(), None, args.json, progress)
        }
        Err(error) => Err(update_explained(error)
            .context(format!("`{}` was not put on the device; its model goes on running", args.file.display()))),
    }
}

fn update(
    args: &Args,
    device: &mut Device,
    file: &[u8],
    progress: &Progress,
    activating: &AtomicBool,
) -> Result<Sent, UpdateError> {
    let bar = progress.bytes(file.len(), "sending");
    let sent = send(device, file, &mut |sending| bar.set(sending.done as usize))?;
    drop(bar);
    if sent.active || args.no_activate {
        return Ok(sent);
    }
    let _spinner = progress.spinner("trying the model out on the device");
    activating.store(true, Ordering::Relaxed);
    activate(device, sent.slot)?;
    Ok(Sent { active: true, ..sent })
}

/// Ctrl-C at any time leaves the device with a model that runs; this says which. The flag it gives: the trial was asked for.
fn say_what_an_interrupt_means() -> anyhow::Result<&'static AtomicBool> {
    static ACTIVATING: AtomicBool = AtomicBool::new(false);
    let stop = || {
        let text = match ACTIVATING.load(Ordering::Relaxed) {
            false => {
                "stopped: the device keeps running the model it had; the same command goes on where this one stopped"
            }
            true => {
                "stopped: the device tries the model out at its next start; `mote device slots` shows what it decides"
            }
        };
        eprintln!("\n{text}");
        std::process::exit(2);
    };
    ctrlc::set_handler(stop).context("cannot catch Ctrl-C")?;
    Ok(&ACTIVATING)
}

fn report(args: &Args, port: &Port, device: &mut Device, file: &[u8], sent: Sent) -> anyhow::Result<Verdict> {
    let explained = |error| update_explained(UpdateError::from(error));
    let welcome = device.hello().map_err(explained)?.clone();
    let slot = device.slot(sent.slot).map_err(explained)?;
    if args.json {
        print_json(&json!({
            "schema": 1,
            "held": true,
            "port": port.to_string(),
            "board": welcome.board,
            "slot": sent.slot,
            "was_there": sent.was_there,
            "active": sent.active,
            "model_version": slot.version,
            "file_bytes": file.len(),
        }))?;
        return Ok(Verdict::Pass);
    }
    let state = match (sent.active, sent.was_there) {
        (true, true) => "runs; it was there already",
        (true, false) => "runs; it passed its trial on the device",
        (false, _) => "verified, and waits for `mote device activate`",
    };
    print(facts(&[
        ("model", format!("{}, version {}, {} bytes", args.file.display(), slot.version, count(file.len() as u64))),
        ("device", format!("{} at {port}", welcome.board)),
        ("slot", sent.slot.to_string()),
        ("state", state.into()),
    ]))?;
    Ok(Verdict::Pass)
}

fn by_probe(args: &Args, board: &str, file: &[u8], progress: &Progress) -> anyhow::Result<Verdict> {
    let board = boards::find(board)?;
    let probe = match Probe::of(&board, file.len() as u64) {
        Err(error @ ProbeError::TooLarge { .. }) => {
            let hint = Some("convert it smaller, as with `mote quantize --compress smallest`");
            return refused(Some(&args.file), &error.to_string(), hint, args.json, progress);
        }
        probe => probe.with_context(|| Hinted::new("cannot use a debug probe", "give --port PORT instead"))?,
    };
    probe.flash(file, &mut |command| progress.note(command)).map_err(|error| {
        let hint = match &error {
            ProbeError::Start { .. } => "install it (`cargo install probe-rs-tools`), or give --port PORT",
            _ => "`probe-rs list` shows the probes; the same command writes everything again",
        };
        anyhow::Error::new(error).context(Hinted::new("the debug probe did not write the model", hint))
    })?;
    if args.json {
        print_json(&json!({ "schema": 1, "held": true, "board": board.name, "slot": 0, "file_bytes": file.len() }))?;
    } else {
        print(facts(&[
            ("model", format!("{}, {} bytes", args.file.display(), count(file.len() as u64))),
            ("board", format!("{}: {}", board.name, board.description)),
            (
                "state",
                "in the first slot; the firmware checks it now: `mote device slots --port PORT` shows what it says"
                    .into(),
            ),
        ]))?;
    }
    Ok(Verdict::Pass)
}
