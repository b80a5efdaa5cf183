//! What a firmware does when it is asked.

use crate::info::{Bench, Capabilities, Info, ModelInfo, SlotInfo, Timing, Welcome};
use crate::message::WriteBegin;
use crate::refusal::Refusal;

/// What a firmware does when it is asked. [`Device`](crate::Device) calls each method once for a request, however often the
/// request arrives.
///
/// A method may take as long as it must: meanwhile bytes wait in the receiver's buffer, or are lost and sent again. What a firmware
/// does not do it leaves as it is, and the host is told [`Refusal::Unsupported`].
pub trait Handler {
    /// Name of the board's folder.
    const BOARD: &'static str;
    /// Version of the firmware.
    const FIRMWARE: &'static str;
    /// What this firmware does.
    const CAPABILITIES: Capabilities;
    /// How many chunks the receiver keeps while flash is written: its buffer's bytes divided by
    /// [`MAX_WIRE_BYTES`](crate::MAX_WIRE_BYTES), at least 1.
    const WINDOW: u8;
    /// Slots for models.
    const SLOTS: u8;

    /// How the device is. [`Device`](crate::Device) fills in [`Info::faults`].
    fn info(&mut self) -> Info;

    /// What is in a slot.
    fn slot(&mut self, _slot: u8) -> Result<SlotInfo<&str>, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Makes ready for a file, and says how many bytes of this very file (same slot, length and SHA-256) are there already: 0 for
    /// a new one, all for one that is complete. What is there of another file may be erased.
    fn write_begin(&mut self, _file: &WriteBegin) -> Result<u32, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Keeps a chunk of the file that [`Handler::write_begin`] announced. `offset` is where the chunk before ended, and
    /// nothing goes beyond the announced length. An error ends the transfer.
    fn write_chunk(&mut self, _offset: u32, _bytes: &[u8]) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Verifies the complete file: length, SHA-256, signature, version, what the model needs. Also called for a
    /// file that was complete, and verified, before.
    fn write_end(&mut self) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Verifies the file in a slot once more.
    fn verify(&mut self, _slot: u8) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Makes the file in a slot the model that runs.
    fn activate(&mut self, _slot: u8) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Goes back to the model before.
    fn rollback(&mut self) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Empties a slot.
    fn erase(&mut self, _slot: u8) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Which model is loaded?
    fn model(&mut self) -> Result<ModelInfo<&str>, Refusal> {
        Err(Refusal::NoModel)
    }

    /// Checks that there is such an input of `length` bytes.
    fn input_begin(&mut self, _port: u8, _length: u32) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Writes into an input that [`Handler::input_begin`] has checked, from front to back.
    fn input(&mut self, _port: u8, _offset: u32, _bytes: &[u8]) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Runs the model once and returns its time in ticks.
    fn run(&mut self) -> Result<u64, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// The bytes of an output, all of them.
    fn output(&mut self, _port: u8) -> Result<&[u8], Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Runs the model `repeat` times and takes times, which it keeps for [`Handler::timing`].
    fn bench(&mut self, _repeat: u16) -> Result<Bench, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Time of an instruction in the last bench; `None` behind the last instruction, or if there was no bench.
    fn timing(&mut self, _instruction: u16) -> Option<Timing> {
        None
    }

    /// Runs the self-test vectors and returns their number.
    fn self_test(&mut self) -> Result<u32, Refusal> {
        Err(Refusal::Unsupported)
    }

    /// What the log holds from position `after` on: the position of the first byte, which is later if bytes were
    /// overwritten, and bytes that follow each other, not necessarily all. Positions count all bytes ever logged.
    fn log(&mut self, _after: u32) -> Result<(u32, &[u8]), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Makes ready for a restart, or refuses it.
    fn reboot_begin(&mut self) -> Result<(), Refusal> {
        Err(Refusal::Unsupported)
    }

    /// Restarts; the answer is on its way. Returns only in tests.
    fn reboot(&mut self) {}

    /// What the device says to a hello.
    fn welcome(&self, version: u8) -> Welcome<&'static str> {
        Welcome {
            version,
            capabilities: Self::CAPABILITIES,
            max_chunk_bytes: crate::MAX_CHUNK_BYTES as u16,
            window: Self::WINDOW,
            slots: Self::SLOTS,
            board: Self::BOARD,
            firmware: Self::FIRMWARE,
        }
    }
}
