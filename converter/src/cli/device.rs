//! `mote device`: what a device is, what it has, and what it may be told.

use super::model_file::ModelFile;
use super::on_device::OnDevice;
use super::out::print_json;
use super::port_args::{PortArgs, explained, refusal_hint, refused, update_explained};
use super::run::run_model;
use super::table::{Table, count, facts, kib};
use super::{Progress, Verdict, print};
use crate::device::{self, Device, DeviceError, UpdateError, printable};
use crate::inspect::hex;
use clap::Subcommand;
use mote_link::{Capabilities, Refusal, SlotInfo, SlotState};
use serde_json::{Value, json};

/// Ask a device that runs the firmware's service, and tell it which of its models to run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote device info --port /dev/ttyACM0                     board, firmware, memory, model
  mote device slots --port tcp:127.0.0.1:5555              what is in its slots
  mote device rollback --port /dev/ttyACM0                 back to the model before
  mote device run net.mote --input x.npy --port /dev/ttyACM0   run samples there, and compare with the host
  mote device test --port /dev/ttyACM0                     the model's self-test vectors
  mote device log --port /dev/ttyACM0                      what happened there last

Exit codes: 0 done; 1 a check failed, or the device refused; 2 any other error.")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// What every question has.
#[derive(Debug, clap::Args)]
struct Asked {
    #[command(flatten)]
    port: PortArgs,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A question about a slot.
#[derive(Debug, clap::Args)]
struct Slot {
    /// From 0; `mote device slots` shows them.
    slot: u8,
    #[command(flatten)]
    asked: Asked,
}

/// Samples for the device.
#[derive(Debug, clap::Args)]
struct Run {
    #[command(flatten)]
    port: PortArgs,
    #[command(flatten)]
    run: super::run::Args,
}

/// What to ask or tell.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Board, firmware, memory, and the model that runs.
    Info(Asked),
    /// What each slot holds.
    Slots(Asked),
    /// Verify a slot's file once more: checksum, signature, version.
    Verify(Slot),
    /// Try the verified file in a slot out, and run it from then on if it passes.
    Activate(Slot),
    /// Go back to the model before; twice returns to the newer one.
    Rollback(Asked),
    /// Empty a slot that is not in use.
    Erase(Slot),
    /// Run samples on the device and compare every byte with the host.
    Run(Box<Run>),
    /// Run the self-test vectors of the model on the device.
    Test(Asked),
    /// The device's log.
    Log(Asked),
    /// Restart the device.
    Reboot(Asked),
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    match args.verb {
        Verb::Info(asked) => ask(&asked, progress, &mut info),
        Verb::Slots(asked) => ask(&asked, progress, &mut slots),
        Verb::Log(asked) => ask(&asked, progress, &mut log),
        Verb::Test(asked) => ask(&asked, progress, &mut test),
        Verb::Rollback(asked) => ask(&asked, progress, &mut rollback),
        Verb::Verify(Slot { slot, asked }) => ask(&asked, progress, &mut |device| {
            device.verify(slot).map_err(told)?;
            Ok(done(format!("slot {slot} holds a file that this device trusts")))
        }),
        Verb::Activate(Slot { slot, asked }) => ask(&asked, progress, &mut |device| {
            device::activate(device, slot).map_err(|error| match error {
                UpdateError::Refused(refusal) => anyhow::Error::new(refusal),
                error => update_explained(error),
            })?;
            Ok(done(format!("the model in slot {slot} runs")))
        }),
        Verb::Erase(Slot { slot, asked }) => ask(&asked, progress, &mut |device| {
            device.erase(slot).map_err(told)?;
            Ok(done(format!("slot {slot} is empty")))
        }),
        Verb::Reboot(asked) => ask(&asked, progress, &mut |device| {
            device::restart(device).map_err(told)?;
            Ok(done("the device has restarted".into()))
        }),
        Verb::Run(args) => {
            let model = ModelFile::open(&args.run.file)?;
            let mut device = OnDevice::new(args.port.open()?, &model)?;
            run_model(&args.run, &model, progress, Some(&mut device))
        }
    }
}

/// No microcontroller keeps a longer log.
const MAX_LOG_BYTES: usize = 1 << 20;

/// What is said, and the same as a JSON object.
type Answer = (String, Value);

fn ask(
    asked: &Asked,
    progress: &Progress,
    question: &mut dyn FnMut(&mut Device) -> anyhow::Result<Answer>,
) -> anyhow::Result<Verdict> {
    let mut device = asked.port.open()?;
    let answer = {
        let _spinner = progress.spinner("asking the device");
        question(&mut device)
    };
    let error = match answer {
        Ok((_, value)) if asked.json => return print_json(&value).map(|()| Verdict::Pass),
        Ok((text, _)) => return print(text).map(|()| Verdict::Pass),
        Err(error) => error,
    };
    // A device that says no has answered: a check that failed.
    let Some(refusal) = error.downcast_ref::<Refusal>() else { return Err(error) };
    refused(None, &refusal.to_string(), refusal_hint(refusal), asked.json, progress)
}

fn done(text: String) -> Answer {
    let value = json!({ "schema": 1, "held": true, "done": text });
    (text, value)
}

/// A refusal stays one; anything else is explained.
fn told(error: DeviceError) -> anyhow::Error {
    match error {
        DeviceError::Refused(refusal) => anyhow::Error::new(refusal),
        error => explained(error),
    }
}

fn test(device: &mut Device) -> anyhow::Result<Answer> {
    let vectors = device.self_test().map_err(told)?;
    let text = format!("{vectors} self-test vectors gave the expected bytes");
    Ok((text, json!({ "schema": 1, "held": true, "vectors": vectors })))
}

fn rollback(device: &mut Device) -> anyhow::Result<Answer> {
    device.rollback().map_err(told)?;
    device::restart(device).map_err(told)?;
    let active = device.info().map_err(told)?.active;
    Ok(done(match active {
        Some(slot) => format!("the model in slot {slot} runs again"),
        None => "the device has no model now".into(),
    }))
}

fn info(device: &mut Device) -> anyhow::Result<Answer> {
    let welcome = device.hello().map_err(told)?.clone();
    let info = device.info().map_err(told)?;
    let model = match device.model() {
        Ok(model) => Some(model),
        Err(DeviceError::Refused(Refusal::NoModel)) => None,
        Err(error) => return Err(told(error)),
    };
    let signed = welcome.capabilities.has(Capabilities::SIGNED);
    let running = match (&model, info.active) {
        (Some(model), Some(slot)) => format!(
            "{} in slot {slot}: {} bytes, {} instructions, arena of {}",
            printable(model.name.as_bytes()),
            count(model.file_bytes.into()),
            model.instructions,
            kib(model.arena_bytes.into())
        ),
        _ => "none".into(),
    };
    let clock = if info.ticks_per_second == 0 {
        "unknown".into()
    } else {
        format!("{} ticks a second", count(info.ticks_per_second.into()))
    };
    let text = facts(&[
        ("board", printable(welcome.board.as_bytes())),
        ("firmware", format!("{}, protocol {}", printable(welcome.firmware.as_bytes()), welcome.version)),
        (
            "accepts",
            format!(
                "{} models of version {} and newer",
                if signed { "signed" } else { "signed and unsigned" },
                info.least_version
            ),
        ),
        ("slots", format!("{} of {}", welcome.slots, kib(info.slot_bytes.into()))),
        ("arena", kib(info.arena_bytes.into())),
        ("clock", clock),
        ("model", running),
        ("line", format!("{} damaged frames", info.faults.checksum + info.faults.cobs + info.faults.too_long)),
    ]);
    let value = json!({
        "schema": 1,
        "held": true,
        "board": welcome.board,
        "firmware": welcome.firmware,
        "protocol": welcome.version,
        "signed_only": signed,
        "least_version": info.least_version,
        "slots": welcome.slots,
        "slot_bytes": info.slot_bytes,
        "arena_bytes": info.arena_bytes,
        "ticks_per_second": info.ticks_per_second,
        "active": info.active,
        "model": model.map(|m| json!({
            "name": m.name, "file_bytes": m.file_bytes, "arena_bytes": m.arena_bytes, "instructions": m.instructions,
            "inputs": m.inputs, "outputs": m.outputs,
        })),
    });
    Ok((text, value))
}

fn slots(device: &mut Device) -> anyhow::Result<Answer> {
    let slots = device.slots().map_err(told)?;
    let mut table = Table::new(&[">slot", "state", "model", ">version", ">bytes", "SHA-256"]);
    for (index, slot) in slots.iter().enumerate() {
        let hash = if is_file(slot) { hex(slot.sha256.get(..8).unwrap_or_default()) } else { String::new() };
        let version = if is_file(slot) { slot.version.to_string() } else { String::new() };
        let bytes = if slot.length == 0 { String::new() } else { count(slot.length.into()) };
        table.row(&[index.to_string(), state(slot.state), printable(slot.name.as_bytes()), version, bytes, hash]);
    }
    let value = |(index, slot): (usize, &SlotInfo<String>)| {
        json!({
            "slot": index, "state": state_name(slot.state), "name": slot.name, "model_version": slot.version,
            "bytes": slot.length, "sha256": hex(&slot.sha256),
        })
    };
    let value = json!({ "schema": 1, "held": true, "slots": slots.iter().enumerate().map(value).collect::<Vec<_>>() });
    Ok((table.to_string(), value))
}

fn log(device: &mut Device) -> anyhow::Result<Answer> {
    let mut bytes = Vec::new();
    let mut after = 0;
    // A device that never ends is not believed.
    while bytes.len() < MAX_LOG_BYTES {
        let log = device.log(after).map_err(told)?;
        if log.bytes.is_empty() {
            break;
        }
        after = log.next();
        bytes.extend(log.bytes);
    }
    let text = printable(&bytes).trim_end().to_string();
    let lines: Vec<&str> = text.lines().collect();
    let value = json!({ "schema": 1, "held": true, "lines": lines });
    Ok((text.clone(), value))
}

fn is_file(slot: &SlotInfo<String>) -> bool {
    matches!(slot.state, SlotState::Valid | SlotState::Trial | SlotState::Active)
}

fn state_name(state: SlotState) -> &'static str {
    match state {
        SlotState::Empty => "empty",
        SlotState::Receiving { .. } => "receiving",
        SlotState::Valid => "valid",
        SlotState::Trial => "trial",
        SlotState::Active => "active",
        SlotState::Bad => "bad",
    }
}

fn state(state: SlotState) -> String {
    match state {
        SlotState::Receiving { received } => format!("receiving, {} there", count(received.into())),
        state => state_name(state).into(),
    }
}
