//! The store itself and what it is asked about.

use crate::error::Error;
use crate::layout::{Layout, Mapped, Region};
use crate::log::Log;
use crate::receive::Receiving;
use crate::state::{Content, Slot, State};
use crate::verify::{self, Info, Key};
use mote_runtime::Ops;

/// What a device accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Policy {
    /// Bytes of arena that the device has; a model that needs more is refused.
    pub arena_bytes: u32,
    /// How often a model on trial may be booted before it counts as failed: 1 to 255, where 0 is taken for 1. A boot that
    /// a power cut ends counts. [`Policy::new`] says 3.
    pub trial_boots: u8,
    /// Accepts files older than what was confirmed before. [`Policy::new`] says no.
    pub allow_downgrade: bool,
    /// Lets [`Store::rollback`] return to the previous model although it is older. [`Policy::new`] says yes.
    pub allow_return: bool,
    /// Verifies SHA-256 and signature at every boot, not only when a file comes: then nothing runs that was changed in the
    /// slot behind the store's back. Checksums are compared in any case. [`Policy::new`] says yes.
    pub verify_at_boot: bool,
    /// How many self-test vectors a model must have for [`Store::try_out`] to confirm it. [`Policy::new`] says 0, as a
    /// file may be stripped of them.
    pub self_test_vectors: u32,
}

impl Policy {
    /// For a device with `arena_bytes` of arena.
    pub const fn new(arena_bytes: u32) -> Self {
        Self {
            arena_bytes,
            trial_boots: 3,
            allow_downgrade: false,
            allow_return: true,
            verify_at_boot: true,
            self_test_vectors: 0,
        }
    }
}

/// Models in flash. See the crate's documentation.
#[derive(Debug)]
pub struct Store<'k, F> {
    pub(crate) flash: F,
    pub(crate) layout: Layout,
    pub(crate) keys: &'k [Key],
    pub(crate) policy: Policy,
    pub(crate) log: Log,
    pub(crate) state: State,
    /// No record was found: the flash is new, or models were put there by other means.
    pub(crate) unused: bool,
    /// What the last boot chose. Never written nor erased.
    pub(crate) running: Option<Slot>,
    pub(crate) receiving: Option<Receiving>,
}

/// What there is to know about a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotInfo {
    /// What it holds.
    pub content: Content,
    /// The model, where `content` says that there is one.
    pub info: Option<Info>,
    /// The next boot runs it, if no trial does.
    pub active: bool,
    /// The next boot runs it if boots are left.
    pub trial: bool,
    /// The last boot chose it.
    pub running: bool,
}

impl<'k, F: Mapped> Store<'k, F> {
    /// Reads the log. Writes nothing.
    ///
    /// A file is trusted if one of `keys` has signed it. Keys are part of the firmware.
    ///
    /// # Errors
    /// [`Error::Layout`] if `layout` does not fit `flash`; [`Error::Flash`].
    pub fn open(mut flash: F, layout: Layout, keys: &'k [Key], policy: Policy) -> Result<Self, Error> {
        layout.check(&flash)?;
        let (log, newest) = Log::open(&mut flash, layout.log)?;
        let (state, unused) = (newest.unwrap_or_default(), newest.is_none());
        Ok(Self { flash, layout, keys, policy, log, state, unused, running: None, receiving: None })
    }

    /// Both slots.
    pub fn slots(&self) -> [SlotInfo; 2] {
        Slot::ALL.map(|slot| {
            let content = slot.of(self.state.contents);
            let is_model = matches!(content, Content::Verified | Content::Confirmed);
            SlotInfo {
                content,
                info: self.file(slot).filter(|_| is_model).and_then(Info::of),
                active: self.state.active == Some(slot),
                trial: self.state.trial.is_some_and(|trial| trial.slot == slot),
                running: self.running == Some(slot),
            }
        })
    }

    /// The bytes of a slot, as `Model::load` takes them: the file and whatever follows it.
    ///
    /// Borrows the store. A firmware that runs a model *while* it receives another takes the bytes from the flash itself,
    /// at [`region`](Self::region); until the next [`boot`](Self::boot) the store does not write or erase the slot that
    /// the last one chose.
    pub fn file(&self, slot: Slot) -> Option<&[u8]> {
        let region = self.region(slot);
        self.flash.mapped(region.start, region.len)
    }

    /// Where a slot is.
    pub const fn region(&self, slot: Slot) -> Region {
        let [a, b] = self.layout.slots;
        match slot {
            Slot::A => a,
            Slot::B => b,
        }
    }

    /// What the last [`boot`](Self::boot) chose.
    pub const fn running(&self) -> Option<Slot> {
        self.running
    }

    /// The lowest model version that may be installed: the highest that was ever confirmed.
    pub const fn floor(&self) -> u32 {
        self.state.floor
    }

    /// What may be installed.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The flash driver, to look at.
    pub const fn flash(&self) -> &F {
        &self.flash
    }

    /// Gives the flash back.
    pub fn close(self) -> F {
        self.flash
    }

    /// One write to the log: after it, `state` is what counts.
    pub(crate) fn commit(&mut self, state: State) -> Result<(), Error> {
        self.log.append(&mut self.flash, &state)?;
        (self.state, self.unused) = (state, false);
        Ok(())
    }

    /// As [`commit`](Self::commit); if the log cannot be written, remembers it until the power goes.
    pub(crate) fn commit_or_remember(&mut self, state: State) {
        if self.commit(state).is_err() {
            self.state = state;
        }
    }

    /// Whether the model in a slot may run; with `trusted`, also whether it is signed.
    pub(crate) fn check_again<O: Ops>(&self, slot: Slot, trusted: bool) -> Result<Info, Error> {
        let bytes = self.file(slot).ok_or(Error::NoModel)?;
        verify::check::<O>(bytes, self.keys, self.policy.arena_bytes, trusted)
    }
}
