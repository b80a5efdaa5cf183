//! Request by request.

use super::board::ServiceBoard;
use super::loaded::Loaded;
use super::refusal::Doing;
use super::start::{Service, model, with_engine};
use super::times::{Times, Watch};
use crate::board::Board;
use crate::profile::timed;
use mote_link::{Bench, Capabilities, Handler, Info, MAX_NAME_BYTES, ModelInfo, Refusal, SlotInfo, SlotState};
use mote_link::{Timing, WriteBegin};
use mote_runtime::{Engine, Ops};
use mote_store::{Content, Error, Mapped, Slot};
use sha2::{Digest, Sha256};

impl<B: ServiceBoard, F: Mapped, O: Ops> Handler for Service<'_, B, F, O> {
    const BOARD: &'static str = B::NAME;
    const FIRMWARE: &'static str = env!("CARGO_PKG_VERSION");
    const CAPABILITIES: Capabilities = {
        let all = Capabilities::STORE.and(Capabilities::RUN).and(Capabilities::BENCH).and(Capabilities::SELF_TEST);
        let all = all.and(Capabilities::LOG).and(Capabilities::REBOOT);
        if cfg!(feature = "unsigned") { all } else { all.and(Capabilities::SIGNED) }
    };
    const WINDOW: u8 = B::WINDOW;
    const SLOTS: u8 = 2;

    fn info(&mut self) -> Info {
        let slot_bytes = Slot::ALL.map(|slot| self.store.region(slot).len);
        Info {
            active: self.loaded.as_ref().ok().map(|loaded| loaded.slot as u8),
            least_version: self.store.floor(),
            slot_bytes: slot_bytes.into_iter().min().unwrap_or(0),
            arena_bytes: u32::try_from(self.arena.len()).unwrap_or(u32::MAX),
            ticks_per_second: B::TICKS_PER_SECOND,
            ..Info::default()
        }
    }

    #[inline(never)]
    fn slot(&mut self, slot: u8) -> Result<SlotInfo<&str>, Refusal> {
        let slot = slot_of(slot)?;
        let at = self.at(slot);
        let (received, length) = self.store.progress().unwrap_or_default();
        let empty = SlotInfo { state: SlotState::Empty, version: 0, length: 0, sha256: [0; 32], name: "" };
        let state = match at.content {
            Content::Unknown | Content::Erased => return Ok(empty),
            // Of a transfer that this start has not seen, the store tells how far it is when it goes on.
            Content::Receiving => return Ok(SlotInfo { state: SlotState::Receiving { received }, length, ..empty }),
            Content::Failed => return Ok(SlotInfo { state: SlotState::Bad, ..empty }),
            Content::Verified | Content::Confirmed if at.trial => SlotState::Trial,
            Content::Verified | Content::Confirmed if at.active => SlotState::Active,
            Content::Verified | Content::Confirmed => SlotState::Valid,
        };
        let Some(info) = at.info else { return Ok(empty) };
        let file = self.store.file(slot).and_then(|bytes| bytes.get(..info.length as usize)).unwrap_or_default();
        let sha256 = Sha256::digest(file).into();
        let name = model::<F, O>(&self.store, slot).map_or("", |model| short(model.meta().name));
        Ok(SlotInfo { state, version: info.version, length: info.length, sha256, name })
    }

    fn write_begin(&mut self, file: &WriteBegin) -> Result<u32, Refusal> {
        let slot = slot_of(file.slot)?;
        let begun = self.store.begin_in(slot, file.length, &file.sha256);
        self.noted(Doing::Write, begun).map(|begun| begun.offset)
    }

    fn write_chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let written = self.store.write(offset, bytes);
        self.noted(Doing::Write, written).map(|_| ())
    }

    fn write_end(&mut self) -> Result<(), Refusal> {
        let finished = self.store.finish::<O>();
        let (slot, info) = self.noted(Doing::Write, finished)?;
        self.log.line("received", &[slot as u32, info.version]);
        Ok(())
    }

    #[inline(never)]
    fn verify(&mut self, slot: u8) -> Result<(), Refusal> {
        let slot = slot_of(slot)?;
        let file = self.store.file(slot).filter(|_| self.at(slot).info.is_some()).ok_or(Error::NoModel);
        let arena_bytes = self.store.policy().arena_bytes;
        let verdict = file.and_then(|file| mote_store::verify::<O>(file, self.keys, arena_bytes));
        self.noted(Doing::Verify, verdict).map(|_| ())
    }

    fn activate(&mut self, slot: u8) -> Result<(), Refusal> {
        let slot = slot_of(slot)?;
        let [at, other] = [self.at(slot), self.at(slot.other())];
        // A host whose device has restarted asks twice.
        if at.trial || at.active && !other.trial {
            return Ok(());
        }
        let back = at.content == Content::Confirmed && other.active && !other.trial;
        let done = if back { self.store.rollback().map(|_| ()) } else { self.store.activate(slot) };
        self.noted(Doing::Activate, done)?;
        self.log.line("activated", &[slot as u32]);
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), Refusal> {
        let done = self.store.rollback();
        let next = self.noted(Doing::Rollback, done)?;
        match next {
            Some(slot) => self.log.line("rolled back", &[slot as u32]),
            None => self.log.line("rolled back", &[]),
        }
        Ok(())
    }

    fn erase(&mut self, slot: u8) -> Result<(), Refusal> {
        let slot = slot_of(slot)?;
        let done = self.store.erase(slot);
        self.noted(Doing::Erase, done)
    }

    #[inline(never)]
    fn model(&mut self) -> Result<ModelInfo<&str>, Refusal> {
        let slot = self.loaded()?.slot;
        let model = model::<F, O>(&self.store, slot)?;
        Ok(ModelInfo {
            name: short(model.meta().name),
            file_bytes: model.as_bytes().len() as u32,
            arena_bytes: model.arena_bytes(),
            instructions: model.instructions().len() as u16,
            inputs: model.inputs().len() as u8,
            outputs: model.outputs().len() as u8,
        })
    }

    fn input_begin(&mut self, port: u8, length: u32) -> Result<(), Refusal> {
        self.loaded()?.input_begin(port, length)
    }

    fn input(&mut self, port: u8, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        let loaded = self.loaded.as_mut().map_err(|refusal| *refusal)?;
        loaded.input(port, offset, bytes, self.arena)
    }

    #[inline(never)]
    fn run(&mut self) -> Result<u64, Refusal> {
        let Self { board, store, arena, loaded, .. } = self;
        let loaded = loaded.as_mut().map_err(|refusal| *refusal)?;
        loaded.ready()?;
        let mut ticks = 0;
        with_engine::<F, O>(store, loaded.slot, arena, &mut |engine| ticks = timed(board, || engine.run()).0)?;
        loaded.has_run();
        Ok(ticks)
    }

    fn output(&mut self, port: u8) -> Result<&[u8], Refusal> {
        let loaded = self.loaded.as_ref().map_err(|refusal| *refusal)?;
        loaded.output(port, self.arena)
    }

    /// All inputs are 0. Each repeat is two runs: one as a whole, and one in which every instruction is watched, which slows
    /// the whole down.
    #[inline(never)]
    fn bench(&mut self, repeat: u16) -> Result<Bench, Refusal> {
        let Self { board, store, arena, times, loaded, .. } = self;
        let loaded = loaded.as_mut().map_err(|refusal| *refusal)?;
        loaded.forget();
        with_engine::<F, O>(store, loaded.slot, arena, &mut |engine| {
            for _ in 0..times.begin(repeat, engine.model().instructions().len()) {
                zero_inputs(engine);
                let (ticks, ()) = timed(board, || engine.run());
                times.whole_run(ticks);
                zero_inputs(engine);
                watched_run(engine, board, times);
            }
        })?;
        Ok(times.bench())
    }

    fn timing(&mut self, instruction: u16) -> Option<Timing> {
        self.times.timing(instruction)
    }

    #[inline(never)]
    fn self_test(&mut self) -> Result<u32, Refusal> {
        let Self { store, arena, loaded, .. } = self;
        let loaded = loaded.as_mut().map_err(|refusal| *refusal)?;
        loaded.forget();
        let mut tested = Ok(0);
        with_engine::<F, O>(store, loaded.slot, arena, &mut |engine| tested = engine.self_test())?;
        self.noted(Doing::SelfTest, tested.map_err(Error::SelfTest))
    }

    fn log(&mut self, after: u32) -> Result<(u32, &[u8]), Refusal> {
        Ok(self.log.read(after))
    }

    fn reboot_begin(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn reboot(&mut self) {
        self.reboot = true;
    }
}

impl<B: ServiceBoard, F: Mapped, O: Ops> Service<'_, B, F, O> {
    fn at(&self, slot: Slot) -> mote_store::SlotInfo {
        let [a, b] = self.store.slots();
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }

    fn loaded(&mut self) -> Result<&mut Loaded, Refusal> {
        self.loaded.as_mut().map_err(|refusal| *refusal)
    }
}

fn slot_of(slot: u8) -> Result<Slot, Refusal> {
    match slot {
        0 => Ok(Slot::A),
        1 => Ok(Slot::B),
        _ => Err(Refusal::SlotUnknown { slots: 2 }),
    }
}

#[inline(never)]
fn watched_run<B: Board, O: Ops>(engine: &mut Engine<'_, '_, O>, board: &mut B, times: &mut Times<'_>) {
    times.begin_run();
    engine.run_with(&mut Watch::new(board, times));
    times.end_run();
}

fn zero_inputs<O: Ops>(engine: &mut Engine<'_, '_, O>) {
    for input in 0..engine.model().inputs().len() {
        engine.input_bytes_mut(input).fill(0);
    }
}

/// As much of a name as a message holds.
fn short(name: &str) -> &str {
    let ends = (0..=MAX_NAME_BYTES.min(name.len())).rev();
    ends.filter_map(|end| name.get(..end)).next().unwrap_or_default()
}
