//! Data from the host, chunk by chunk.

use super::Handler;
use crate::message::{Ack, Data, WriteBegin};
use crate::refusal::Refusal;

/// The transfer that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Sequence number of the request that opened it: data of another transfer has another.
    tag: u16,
    target: Target,
    /// Offset of the first byte that is wanted; never more than `length`.
    next: u32,
    length: u32,
}

/// Where the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Slot,
    Input(u8),
}

impl Transfer {
    /// Opens a transfer into a slot.
    pub fn into_slot<H: Handler>(handler: &mut H, tag: u16, file: &WriteBegin) -> Result<Self, Refusal> {
        let next = handler.write_begin(file)?;
        Ok(Self { tag, target: Target::Slot, next: next.min(file.length), length: file.length })
    }

    /// Opens a transfer into an input.
    pub fn into_input<H: Handler>(handler: &mut H, tag: u16, port: u8, length: u32) -> Result<Self, Refusal> {
        handler.input_begin(port, length)?;
        Ok(Self { tag, target: Target::Input(port), next: 0, length })
    }

    /// Where data goes on.
    pub fn next_offset(&self) -> u32 {
        self.next
    }

    /// Ends the transfer; only one into a slot needs that.
    pub fn end<H: Handler>(self, handler: &mut H) -> Result<(), Refusal> {
        if self.target != Target::Slot {
            return Err(Refusal::NoTransfer);
        }
        if self.next < self.length {
            return Err(Refusal::Incomplete { needed: self.length, got: self.next });
        }
        handler.write_end()
    }

    fn take<H: Handler>(&mut self, handler: &mut H, data: &Data<'_>) -> Result<Ack, Refusal> {
        // What comes too early will come again: the host goes back to where it is wanted.
        if data.offset > self.next {
            return Ok(Ack::Gap { next_offset: self.next });
        }
        if data.offset < self.next || data.bytes.is_empty() {
            return Ok(Ack::Next { next_offset: self.next });
        }
        let bytes = data.bytes.len() as u32;
        let next = self.next.checked_add(bytes).filter(|&next| next <= self.length);
        let next = next.ok_or(Refusal::PastEnd { length: self.length })?;
        match self.target {
            Target::Slot => handler.write_chunk(data.offset, data.bytes)?,
            Target::Input(port) => handler.input(port, data.offset, data.bytes)?,
        }
        self.next = next;
        Ok(Ack::Next { next_offset: next })
    }
}

/// Takes a chunk for whatever transfer is open; an error closes it.
pub fn take<H: Handler>(open: &mut Option<Transfer>, handler: &mut H, tag: u16, data: &Data<'_>) -> Ack {
    let Some(transfer) = open.as_mut().filter(|transfer| transfer.tag == tag) else {
        return Ack::Refused(Refusal::NoTransfer);
    };
    match transfer.take(handler, data) {
        Ok(ack) => ack,
        Err(refusal) => {
            *open = None;
            Ack::Refused(refusal)
        }
    }
}
