//! `--port`, and what to say when nothing good is behind it.

use super::out::print_json;
use super::{Hinted, Progress, Verdict, print};
use crate::device::{self, Device, DeviceError, Port, UpdateError};
use mote_link::Refusal;
use serde_json::json;
use std::path::Path;

/// The line to a device.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PortArgs {
    /// The device: a serial port, as /dev/ttyACM0 or /dev/ttyACM0@115200, or tcp:HOST:PORT.
    #[arg(long, value_name = "PORT")]
    port: Port,
}

impl PortArgs {
    /// Opens it and says hello.
    pub fn open(&self) -> anyhow::Result<Device> {
        open(&self.port)
    }
}

/// Opens a port and says hello.
pub(super) fn open(port: &Port) -> anyhow::Result<Device> {
    let mut device = device::open(port).map_err(|error| {
        let hint = match port {
            Port::Tcp { .. } => {
                "start the emulator first; its option `-serial tcp:HOST:PORT,server=on,wait=off` makes the port"
            }
            Port::Serial { .. } => {
                "is the board plugged in, may you use the port (group `dialout`), and does nobody else?"
            }
        };
        anyhow::Error::new(error).context(Hinted::new(format!("cannot open {port}"), hint))
    })?;
    device.hello().map_err(|error| explained(error).context(format!("no device that speaks to mote at {port}")))?;
    Ok(device)
}

/// An error of a device, with what to try next.
pub(super) fn explained(error: DeviceError) -> anyhow::Error {
    let hint = match &error {
        DeviceError::Refused(refusal) => refusal_hint(refusal),
        DeviceError::NoAnswer { .. } => {
            Some("does its firmware have the service, and is the baud rate right? restart it and try again")
        }
        DeviceError::Transport(_) => {
            Some("check the cable, or whether the emulator still runs; a transfer goes on where it stopped")
        }
        DeviceError::Interrupted { .. } | DeviceError::Restarts { .. } => {
            Some("`mote device log` may say why it restarts")
        }
        _ => None,
    };
    let text = error.to_string();
    match hint {
        Some(hint) => anyhow::Error::new(Hinted::new(text, hint)),
        None => anyhow::Error::new(error),
    }
}

/// An error of an update, likewise.
pub(super) fn update_explained(error: UpdateError) -> anyhow::Error {
    match error {
        UpdateError::Device(error) => explained(error),
        UpdateError::Refused(refusal) => explained(DeviceError::Refused(refusal)),
        failed @ UpdateError::TrialFailed { .. } => anyhow::Error::new(failed),
    }
}

/// Says that a device, or a board, does not take what it was given: a check that failed. `what` is what was refused, if it has a name.
pub(super) fn refused(
    what: Option<&Path>,
    reason: &str,
    hint: Option<&str>,
    json: bool,
    progress: &Progress,
) -> anyhow::Result<Verdict> {
    if json {
        print_json(&json!({ "schema": 1, "held": false, "failed": reason }))?;
    } else {
        let what = what.map_or_else(String::new, |what| format!("{}: ", what.display()));
        print(format!("REFUSED: {what}{reason}"))?;
    }
    if let Some(hint) = hint {
        progress.note(hint);
    }
    Ok(Verdict::Fail)
}

/// What to do about a refusal.
pub(super) fn refusal_hint(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::Unsigned => "sign it: mote sign FILE --key SECRET.key.pem",
        Refusal::BadSignature => "sign it with a key whose public part was built into the firmware (MOTE_PUBLIC_KEYS)",
        Refusal::OlderVersion { .. } => {
            "sign a newer one with --model-version N, or go back with `mote device rollback`"
        }
        Refusal::TooLarge { .. } => {
            "convert it smaller, as with `mote quantize --compress smallest`, or build firmware with larger slots"
        }
        Refusal::Load(_) => {
            "convert it again with this version of mote, or build firmware with the kernels that it needs (`mote inspect` lists them)"
        }
        Refusal::Engine(_) => "convert it with less RAM (`--ram`), or build firmware with a larger arena",
        Refusal::NoModel => "send one: mote flash FILE --port PORT",
        Refusal::NothingToRollBack => "`mote device slots` shows what it has",
        Refusal::SlotInUse => {
            "restart the device (`mote device reboot`), then try again; `mote device slots` shows what is in use"
        }
        Refusal::Checksum => "send it again",
        Refusal::InputBytes { .. } | Refusal::PortUnknown { .. } => {
            "does the device run the model file that you name? `mote device slots` shows it"
        }
        _ => return None,
    })
}
