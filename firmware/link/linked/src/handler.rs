//! A firmware that does everything, somewhere else.

use mote_link::{Bench, Capabilities, Handler, Info, ModelInfo, Refusal, SlotInfo, SlotState, Timing, WriteBegin};

unsafe extern "C" {
    /// Defined nowhere, so that the compiler cannot know what a method does. Returns a number.
    safe fn mote_elsewhere(method: u32, a: u32, b: u32) -> u32;
}

fn done(method: u32, a: u32, b: u32) -> Result<(), Refusal> {
    match mote_elsewhere(method, a, b) {
        0 => Ok(()),
        code => Err(Refusal::Flash { code }),
    }
}

fn name(method: u32) -> &'static str {
    if mote_elsewhere(method, 0, 0) == 0 { "mote" } else { "kws" }
}

/// A firmware that does everything, somewhere else.
pub struct Firmware<'m>(pub &'m [u8]);

impl Handler for Firmware<'_> {
    const BOARD: &'static str = "nowhere";
    const FIRMWARE: &'static str = "0.1.0";
    const CAPABILITIES: Capabilities = Capabilities(127);
    const WINDOW: u8 = 4;
    const SLOTS: u8 = 2;

    fn info(&mut self) -> Info {
        Info { arena_bytes: mote_elsewhere(0, 0, 0), ..Info::default() }
    }

    fn slot(&mut self, slot: u8) -> Result<SlotInfo<&str>, Refusal> {
        done(1, slot.into(), 0)?;
        let number = mote_elsewhere(1, slot.into(), 1);
        let state = if number == 0 { SlotState::Valid } else { SlotState::Receiving { received: number } };
        Ok(SlotInfo { state, version: number, length: number, sha256: [number as u8; 32], name: name(1) })
    }

    fn write_begin(&mut self, file: &WriteBegin) -> Result<u32, Refusal> {
        let sum = file.sha256.iter().fold(0, |sum, &byte| sum * 31 + u32::from(byte));
        done(2, sum, file.length)?;
        Ok(mote_elsewhere(2, file.slot.into(), file.length))
    }

    fn write_chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        done(3, offset, bytes.iter().map(|&byte| u32::from(byte)).sum())
    }

    fn write_end(&mut self) -> Result<(), Refusal> {
        done(4, 0, 0)
    }

    fn verify(&mut self, slot: u8) -> Result<(), Refusal> {
        done(5, slot.into(), 0)
    }

    fn activate(&mut self, slot: u8) -> Result<(), Refusal> {
        done(6, slot.into(), 0)
    }

    fn rollback(&mut self) -> Result<(), Refusal> {
        done(7, 0, 0)
    }

    fn erase(&mut self, slot: u8) -> Result<(), Refusal> {
        done(8, slot.into(), 0)
    }

    fn model(&mut self) -> Result<ModelInfo<&str>, Refusal> {
        done(9, 0, 0)?;
        let number = mote_elsewhere(9, 0, 0);
        let (instructions, ports) = (number as u16, number as u8);
        Ok(ModelInfo {
            name: name(9),
            file_bytes: number,
            arena_bytes: number,
            instructions,
            inputs: ports,
            outputs: ports,
        })
    }

    fn input_begin(&mut self, port: u8, length: u32) -> Result<(), Refusal> {
        done(10, port.into(), length)
    }

    fn input(&mut self, port: u8, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        done(11, u32::from(port) + offset, bytes.iter().map(|&byte| u32::from(byte)).sum())
    }

    fn run(&mut self) -> Result<u64, Refusal> {
        done(12, 0, 0)?;
        Ok(mote_elsewhere(12, 0, 0).into())
    }

    fn output(&mut self, port: u8) -> Result<&[u8], Refusal> {
        done(13, port.into(), 0)?;
        Ok(self.0)
    }

    fn bench(&mut self, repeat: u16) -> Result<Bench, Refusal> {
        done(14, repeat.into(), 0)?;
        let ticks = mote_elsewhere(14, 0, 0).into();
        Ok(Bench { runs: repeat, instructions: ticks as u16, min: ticks, median: ticks, max: ticks })
    }

    fn timing(&mut self, instruction: u16) -> Option<Timing> {
        let ticks = mote_elsewhere(15, instruction.into(), 0);
        (ticks != 0).then_some(Timing { min: ticks, median: ticks, max: ticks })
    }

    fn self_test(&mut self) -> Result<u32, Refusal> {
        done(16, 0, 0)?;
        Ok(mote_elsewhere(16, 0, 0))
    }

    fn log(&mut self, after: u32) -> Result<(u32, &[u8]), Refusal> {
        Ok((after, self.0))
    }

    fn reboot_begin(&mut self) -> Result<(), Refusal> {
        done(18, 0, 0)
    }

    fn reboot(&mut self) {
        mote_elsewhere(19, 0, 0);
    }
}

/// Where answers go.
pub struct Port;

/// What is wrong with the port.
#[derive(Debug)]
pub struct PortError;

impl core::fmt::Display for PortError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the port does not take bytes")
    }
}

impl core::error::Error for PortError {}

impl embedded_io::Error for PortError {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl embedded_io::ErrorType for Port {
    type Error = PortError;
}

impl embedded_io::Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, PortError> {
        let sum = bytes.iter().map(|&byte| u32::from(byte)).sum();
        match mote_elsewhere(20, sum, bytes.len() as u32) {
            0 => Err(PortError),
            taken => Ok(taken as usize),
        }
    }

    fn flush(&mut self) -> Result<(), PortError> {
        done(21, 0, 0).map_err(|_| PortError)
    }
}
