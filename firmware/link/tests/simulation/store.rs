//! A device with two slots in memory, which counts what is done to it.

use mote_link::{Bench, Capabilities, Handler, Info, ModelInfo, Refusal, SlotInfo, SlotState, Timing, WriteBegin};
use sha2::{Digest, Sha256};

pub const SLOT_BYTES: u32 = 200_000;
pub const INSTRUCTIONS: u16 = 95;
pub const INPUT_BYTES: u32 = 3000;

#[derive(Default)]
pub struct Slot {
    pub announced: Option<WriteBegin>,
    pub bytes: Vec<u8>,
    pub valid: bool,
}

#[derive(Default)]
pub struct Store {
    pub slots: [Slot; 2],
    pub active: Option<u8>,
    receiving: Option<u8>,
    pub input: Vec<u8>,
    output: Vec<u8>,
    /// Times that a complete file had another SHA-256 than announced.
    pub corrupt: u32,
    /// Chunks that did not go on where the one before ended, or went beyond the end.
    pub misplaced: u32,
    pub begins: u32,
    pub chunks: u32,
    pub activations: u32,
    pub rollbacks: u32,
    pub runs: u64,
    pub reboot: bool,
    /// Time that erasing, writing a chunk and verifying take, every 16th chunk a sector's erasing too.
    pub erase_us: u64,
    pub chunk_us: u64,
    pub verify_us: u64,
    /// Time that the last command takes.
    pub busy_us: u64,
    log: Vec<u8>,
}

impl Store {
    /// Only slots and what counts survive.
    pub fn lose_power(&mut self) {
        self.receiving = None;
        self.input.clear();
        self.output.clear();
        // Flash is written in pages: what is in the last one may be lost.
        for slot in self.slots.iter_mut().filter(|slot| !slot.valid) {
            slot.bytes.truncate(slot.bytes.len() / 256 * 256);
        }
    }

    fn at(&mut self, slot: u8) -> Result<&mut Slot, Refusal> {
        self.slots.get_mut(usize::from(slot)).ok_or(Refusal::SlotUnknown { slots: 2 })
    }
}

impl Handler for Store {
    const BOARD: &'static str = "simulated";
    const FIRMWARE: &'static str = "0.1.0";
    const CAPABILITIES: Capabilities = Capabilities::STORE.and(Capabilities::RUN).and(Capabilities::BENCH);
    const WINDOW: u8 = 4;
    const SLOTS: u8 = 2;

    fn info(&mut self) -> Info {
        Info { active: self.active, slot_bytes: SLOT_BYTES, ..Info::default() }
    }

    fn slot(&mut self, slot: u8) -> Result<SlotInfo<&str>, Refusal> {
        let active = self.active == Some(slot);
        let slot = self.at(slot)?;
        let received = slot.bytes.len() as u32;
        let state = match slot.announced {
            None => SlotState::Empty,
            Some(_) if active => SlotState::Active,
            Some(_) if slot.valid => SlotState::Valid,
            Some(_) => SlotState::Receiving { received },
        };
        let sha256 = slot.announced.map_or([0; 32], |file| file.sha256);
        let length = slot.announced.map_or(0, |file| file.length);
        Ok(SlotInfo { state, version: 1, length, sha256, name: "simulated model" })
    }

    fn write_begin(&mut self, file: &WriteBegin) -> Result<u32, Refusal> {
        self.begins += 1;
        if file.length > SLOT_BYTES {
            return Err(Refusal::TooLarge { needed: file.length, got: SLOT_BYTES });
        }
        self.receiving = None;
        let slot = self.at(file.slot)?;
        if slot.announced != Some(*file) {
            *slot = Slot { announced: Some(*file), ..Slot::default() };
        }
        let next = slot.bytes.len() as u32;
        self.busy_us = self.erase_us;
        self.receiving = Some(file.slot);
        Ok(next)
    }

    fn write_chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        self.chunks += 1;
        self.busy_us = self.chunk_us + if self.chunks.is_multiple_of(16) { self.erase_us } else { 0 };
        let slot = self.receiving.ok_or(Refusal::NoTransfer)?;
        let slot = self.at(slot)?;
        let end = slot.bytes.len() + bytes.len();
        if slot.bytes.len() != offset as usize || slot.announced.is_none_or(|file| end > file.length as usize) {
            self.misplaced += 1;
            return Err(Refusal::Flash { code: 1 });
        }
        slot.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn write_end(&mut self) -> Result<(), Refusal> {
        let slot = self.receiving.take().ok_or(Refusal::NoTransfer)?;
        self.verify(slot)
    }

    fn verify(&mut self, slot: u8) -> Result<(), Refusal> {
        self.busy_us = self.verify_us;
        let slot = self.at(slot)?;
        let file = slot.announced.ok_or(Refusal::SlotNotValid)?;
        if Sha256::digest(&slot.bytes)[..] == file.sha256 {
            slot.valid = true;
            return Ok(());
        }
        *slot = Slot::default();
        self.corrupt += 1;
        Err(Refusal::Checksum)
    }

    fn activate(&mut self, slot: u8) -> Result<(), Refusal> {
        if !self.at(slot)?.valid {
            return Err(Refusal::SlotNotValid);
        }
        self.activations += 1;
        self.active = Some(slot);
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), Refusal> {
        self.rollbacks += 1;
        Ok(())
    }

    fn erase(&mut self, slot: u8) -> Result<(), Refusal> {
        if self.active == Some(slot) {
            return Err(Refusal::SlotInUse);
        }
        *self.at(slot)? = Slot::default();
        Ok(())
    }

    fn model(&mut self) -> Result<ModelInfo<&str>, Refusal> {
        let (inputs, outputs) = (1, 1);
        let instructions = INSTRUCTIONS;
        Ok(ModelInfo { name: "simulated model", file_bytes: 1, arena_bytes: 2, instructions, inputs, outputs })
    }

    fn input_begin(&mut self, port: u8, length: u32) -> Result<(), Refusal> {
        if port != 0 {
            return Err(Refusal::PortUnknown { ports: 1 });
        }
        if length != INPUT_BYTES {
            return Err(Refusal::InputBytes { needed: INPUT_BYTES, got: length });
        }
        self.input = vec![0; length as usize];
        Ok(())
    }

    fn input(&mut self, _port: u8, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let place = self.input.get_mut(offset as usize..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.ok_or(Refusal::NoModel)?.copy_from_slice(bytes);
        Ok(())
    }

    fn run(&mut self) -> Result<u64, Refusal> {
        self.runs += 1;
        self.output = self.input.iter().map(|byte| !byte).collect();
        Ok(u64::MAX - self.runs)
    }

    fn output(&mut self, port: u8) -> Result<&[u8], Refusal> {
        if port == 0 { Ok(&self.output) } else { Err(Refusal::PortUnknown { ports: 1 }) }
    }

    fn bench(&mut self, repeat: u16) -> Result<Bench, Refusal> {
        Ok(Bench { runs: repeat, instructions: INSTRUCTIONS, min: 1, median: 2, max: u64::MAX })
    }

    fn timing(&mut self, instruction: u16) -> Option<Timing> {
        let median = u32::from(instruction) * 1000;
        (instruction < INSTRUCTIONS).then_some(Timing { min: median / 2, median, max: u32::MAX })
    }

    fn self_test(&mut self) -> Result<u32, Refusal> {
        Err(Refusal::SelfTest([1, 0, 7]))
    }

    fn log(&mut self, after: u32) -> Result<(u32, &[u8]), Refusal> {
        self.log = (0..2000u32).map(|at| at as u8).collect();
        // The first 1,000 bytes were overwritten.
        let at = after.max(1000);
        Ok((at, self.log.get(at as usize..).unwrap_or_default()))
    }

    fn reboot_begin(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn reboot(&mut self) {
        self.reboot = true;
    }
}
