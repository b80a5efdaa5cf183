//! The service itself, and what happens when a device starts.

use super::board::ServiceBoard;
use super::loaded::Loaded;
use super::log::Log;
use super::refusal::{Doing, refusal};
use super::times::Times;
use core::marker::PhantomData;
use mote_link::Refusal;
use mote_runtime::{Engine, EngineError, LoadError, Model, Ops};
use mote_store::{Error, Key, Layout, Mapped, Policy, Slot, Store};

/// How often a start boots: a trial that fails with a flash that cannot even note that is not run for ever.
const BOOTS: usize = 4;

/// Where models are and which are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Config<'d> {
    /// Of the flash.
    pub layout: Layout,
    /// Of those who may sign.
    pub keys: &'d [Key],
    /// What is accepted. Its `arena_bytes` should be the length of [`Work::arena`].
    pub policy: Policy,
}

/// The memory that a board gives to the service.
#[derive(Debug)]
pub struct Work<'d> {
    /// For the engine; as large as the board can spare. Starts at a multiple of 16.
    pub arena: &'d mut [u8],
    /// For times of instructions: `(runs + 1) * instructions` words.
    pub times: &'d mut [u32],
}

/// What a board does when a host asks. See the [module](super).
#[derive(Debug)]
pub struct Service<'d, B, F, O> {
    pub(super) board: B,
    pub(super) store: Store<'d, F>,
    pub(super) keys: &'d [Key],
    pub(super) arena: &'d mut [u8],
    pub(super) times: Times<'d>,
    /// What runs, or why nothing does.
    pub(super) loaded: Result<Loaded, Refusal>,
    pub(super) log: Log,
    pub(super) reboot: bool,
    ops: PhantomData<fn() -> O>,
}

impl<'d, B: ServiceBoard, F: Mapped, O: Ops> Service<'d, B, F, O> {
    /// Opens the store, decides what runs, and tries out what is on trial. Without a model that may run, the service still
    /// starts: a host can send one.
    ///
    /// # Errors
    /// [`Error::Layout`], [`Error::Flash`]: the store cannot be opened.
    pub fn start(board: B, flash: F, config: Config<'d>, work: Work<'d>) -> Result<Self, Error> {
        let Config { layout, keys, policy } = config;
        let store = Store::open(flash, layout, keys, policy)?;
        let Work { arena, times } = work;
        let mut service = Self {
            board,
            store,
            keys,
            arena,
            times: Times::new(times),
            loaded: Err(Refusal::NoModel),
            log: Log::new(),
            reboot: false,
            ops: PhantomData,
        };
        service.boot();
        Ok(service)
    }

    /// True once the host has asked for a restart. The answer is on its way.
    pub fn reboot_wanted(&self) -> bool {
        self.reboot
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store<'d, F> {
        &self.store
    }

    /// The model that runs, ready for the board's own inputs. What the host has put into inputs, or not yet read from
    /// outputs, is gone.
    ///
    /// # Errors
    /// [`Refusal::NoModel`]; [`Refusal::Load`], [`Refusal::Engine`] if its file is damaged by now or the arena does not do.
    pub fn engine(&mut self) -> Result<Engine<'_, '_, O>, Refusal> {
        let loaded = self.loaded.as_mut().map_err(|refusal| *refusal)?;
        loaded.forget();
        Engine::new(model(&self.store, loaded.slot)?, self.arena).map_err(engine_refusal)
    }

    /// Ends the service; gives board and flash back.
    pub fn stop(self) -> (B, F) {
        (self.board, self.store.close())
    }

    #[inline(never)]
    fn boot(&mut self) {
        for _ in 0..BOOTS {
            let boot = match self.store.boot::<O>() {
                Ok(boot) => boot,
                Err(error) => {
                    let _ = self.noted::<()>(Doing::Boot, Err(error));
                    return;
                }
            };
            self.log.line(if boot.trial { "trial" } else { "boot" }, &[boot.slot as u32, boot.info.version]);
            if boot.trial && !self.try_out() {
                continue;
            }
            self.loaded = load::<_, O>(&self.store, boot.slot, self.arena);
            return;
        }
    }

    /// True if the model on trial is confirmed.
    #[inline(never)]
    fn try_out(&mut self) -> bool {
        let vectors = self.store.try_out::<O>(self.arena);
        match vectors {
            Ok(vectors) => self.log.line("confirmed", &[vectors]),
            Err(error) => self.log.line("trial failed", &error.numbers()),
        }
        vectors.is_ok()
    }

    /// Logs an error of the store and makes a refusal of it.
    pub(super) fn noted<T>(&mut self, doing: Doing, result: Result<T, Error>) -> Result<T, Refusal> {
        result.map_err(|error| refused(&mut self.log, doing, error))
    }
}

#[inline(never)]
fn refused(log: &mut Log, doing: Doing, error: Error) -> Refusal {
    log.line(doing.name(), &error.numbers());
    refusal(error, doing)
}

#[inline(never)]
fn load<F: Mapped, O: Ops>(store: &Store<'_, F>, slot: Slot, arena: &mut [u8]) -> Result<Loaded, Refusal> {
    let mut loaded = Err(Refusal::NoModel);
    with_engine::<F, O>(store, slot, arena, &mut |engine| loaded = Ok(Loaded::new(slot, engine.model())))?;
    loaded
}

/// The model in `slot`, checked.
#[inline(never)]
pub(super) fn model<'m, F: Mapped, O: Ops>(store: &'m Store<'_, F>, slot: Slot) -> Result<Model<'m, O>, Refusal> {
    let file = store.file(slot).ok_or(Refusal::NoModel)?;
    Model::load_for(file).map_err(load_refusal)
}

/// Works with the model in `slot` over the arena. Models are large: one function holds them, and the stack has each once.
#[inline(never)]
pub(super) fn with_engine<F: Mapped, O: Ops>(
    store: &Store<'_, F>,
    slot: Slot,
    arena: &mut [u8],
    work: &mut dyn FnMut(&mut Engine<'_, '_, O>),
) -> Result<(), Refusal> {
    let file = store.file(slot).ok_or(Refusal::NoModel)?;
    match Model::load_for(file) {
        Ok(model) => match Engine::new(model, arena) {
            Ok(mut engine) => {
                work(&mut engine);
                Ok(())
            }
            Err(error) => Err(engine_refusal(error)),
        },
        Err(error) => Err(load_refusal(error)),
    }
}

fn load_refusal(error: LoadError) -> Refusal {
    refusal(Error::Load(error), Doing::Boot)
}

fn engine_refusal(error: EngineError) -> Refusal {
    refusal(Error::Engine(error), Doing::Boot)
}
