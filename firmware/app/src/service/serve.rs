//! The loop around a service: bytes from a line in, answers out, until the host asks for a restart.

use super::board::ServiceBoard;
use super::start::Service;
use embedded_io::{Read, Write};
use mote_link::{Device, Event, Handler, MAX_EVENT_BYTES};
use mote_runtime::Ops;
use mote_store::Mapped;

/// Bytes that are taken from the line at a time. Answers may be sent between two of them, so that few suffice.
const READ_BYTES: usize = 16;

/// Answers the host on the line `port` until it asks for a restart; then the board should restart. New lines of the log are
/// sent as they are written, after the answer that belongs to them.
///
/// A read that fails is tried again: what a broken line means, a board knows better, and its `Read` may wait or restart.
///
/// # Errors
/// If bytes cannot be sent.
pub fn serve<B, F, O, P>(service: &mut Service<'_, B, F, O>, port: &mut P) -> Result<(), P::Error>
where
    B: ServiceBoard,
    F: Mapped,
    O: Ops,
    P: Read + Write,
{
    let mut device = Device::new();
    let mut bytes = [0; READ_BYTES];
    let mut told = 0;
    while !service.reboot_wanted() {
        let Ok(count) = port.read(&mut bytes) else { continue };
        device.feed(bytes.get(..count).unwrap_or_default(), service, port)?;
        // What is longer comes with what is received next, or when the host asks for it.
        if let Ok((at, new)) = service.log(told)
            && let Some(new) = new.get(..new.len().min(MAX_EVENT_BYTES)).filter(|new| !new.is_empty())
        {
            told = at.wrapping_add(new.len() as u32);
            device.event(&Event::Log { at, bytes: new }, port)?;
        }
    }
    port.flush()
}
