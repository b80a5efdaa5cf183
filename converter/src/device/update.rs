//! A model file onto a device: into a free slot, verified there, tried out, and only then in the place of the one before.

use super::{Device, DeviceError, printable};
use mote_link::host::Progress;
use mote_link::{Refusal, SlotInfo, SlotState};
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

/// How long a device may take to start again and try the model out.
const RESTART: Duration = Duration::from_secs(60);

/// What [`send`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where the file is.
    pub slot: u8,
    /// It was there already, complete and verified.
    pub was_there: bool,
    /// It is what runs, so that there is nothing to activate.
    pub active: bool,
}

/// Why an update failed. Whatever it is, the model that ran goes on running.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The device refused the file, or a step.
    #[error(transparent)]
    Refused(Refusal),
    /// The new model did not pass its trial; the one before is back.
    #[error("the new model failed its trial on the device, and the model before it runs again: {reason}")]
    TrialFailed {
        /// The device's log, as far as it is about that.
        reason: String,
    },
    /// The connection.
    #[error(transparent)]
    Device(DeviceError),
}

impl From<DeviceError> for UpdateError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::Refused(refusal) => Self::Refused(refusal),
            error => Self::Device(error),
        }
    }
}

/// Sends `file` into a slot that is free, unless a slot holds it already; it is verified there. Goes on where an earlier attempt
/// stopped. What runs stays.
///
/// # Errors
/// [`UpdateError::Refused`], [`UpdateError::Device`].
pub fn send(device: &mut Device, file: &[u8], progress: &mut dyn FnMut(Progress)) -> Result<Sent, UpdateError> {
    let sha256: [u8; 32] = Sha256::digest(file).into();
    let slots = device.slots()?;
    let holds = |slot: &SlotInfo<String>| is_complete(slot.state) && slot.sha256 == sha256;
    if let Some(slot) = slots.iter().position(holds) {
        let active = slots.get(slot).is_some_and(|slot| slot.state == SlotState::Active);
        return Ok(Sent { slot: slot as u8, was_there: true, active });
    }
    let slot = free(&slots).ok_or(Refusal::SlotInUse).map_err(UpdateError::Refused)?;
    device.write(slot, file, progress)?;
    Ok(Sent { slot, was_there: false, active: false })
}

/// Puts the file in `slot` on trial, restarts the device, and waits until it has decided.
///
/// # Errors
/// [`UpdateError::TrialFailed`] if the model before came back; [`UpdateError::Refused`], [`UpdateError::Device`].
pub fn activate(device: &mut Device, slot: u8) -> Result<(), UpdateError> {
    device.activate(slot)?;
    restart(device)?;
    if device.slot(slot)?.state == SlotState::Active {
        return Ok(());
    }
    Err(UpdateError::TrialFailed { reason: trial_in_log(device) })
}

/// Restarts the device; returns when it answers again.
///
/// # Errors
/// Those of the connection.
pub fn restart(device: &mut Device) -> Result<(), DeviceError> {
    device.reboot()?;
    let until = Instant::now() + RESTART;
    loop {
        // It starts, tries out what is on trial, and only then listens.
        match device.info() {
            Err(DeviceError::NoAnswer { .. }) if Instant::now() < until => {}
            result => return result.map(|_| ()),
        }
    }
}

fn is_complete(state: SlotState) -> bool {
    matches!(state, SlotState::Valid | SlotState::Trial | SlotState::Active)
}

/// Where nothing is lost by writing: one that has begun to receive, or is empty or bad, before one that holds the model before.
fn free(slots: &[SlotInfo<String>]) -> Option<u8> {
    let cost = |state| match state {
        SlotState::Receiving { .. } => Some(0),
        SlotState::Bad | SlotState::Empty => Some(1),
        SlotState::Valid => Some(2),
        SlotState::Trial | SlotState::Active => None,
    };
    let costs = slots.iter().zip(0..).filter_map(|(slot, index)| Some((cost(slot.state)?, index)));
    costs.min().map(|(_, index)| index)
}

/// What the log says about the trial; the whole of it is there for whoever asks.
fn trial_in_log(device: &mut Device) -> String {
    let Ok(log) = device.log(0) else { return "its log cannot be read".into() };
    let text = printable(&log.bytes);
    let line = text.lines().rev().find(|line| line.contains("failed")).map(str::trim);
    line.map_or_else(
        || "its log does not say why; `mote device log` shows it".into(),
        |line| format!("`{line}` in its log"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(state: SlotState) -> SlotInfo<String> {
        SlotInfo { state, version: 1, length: 0, sha256: [0; 32], name: String::new() }
    }

    #[test]
    fn the_slot_that_loses_least_is_taken() {
        let (active, valid, empty) = (SlotState::Active, SlotState::Valid, SlotState::Empty);
        assert_eq!(free(&[slot(active), slot(valid)]), Some(1));
        assert_eq!(free(&[slot(valid), slot(active)]), Some(0));
        assert_eq!(free(&[slot(empty), slot(SlotState::Receiving { received: 5 })]), Some(1));
        assert_eq!(free(&[slot(valid), slot(empty)]), Some(1));
        assert_eq!(free(&[slot(active), slot(SlotState::Trial)]), None);
        assert_eq!(free(&[]), None);
    }
}
