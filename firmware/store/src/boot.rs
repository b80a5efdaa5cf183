//! Which model runs: trials, confirmation, and the ways back.

use crate::error::Error;
use crate::layout::Mapped;
use crate::state::{Content, Slot, State, Trial};
use crate::store::Store;
use crate::verify::Info;
use mote_runtime::{Engine, Model, Ops};

/// What runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Boot {
    /// Where it is.
    pub slot: Slot,
    /// It has to be confirmed, or a later boot goes back.
    pub trial: bool,
    /// What it is.
    pub info: Info,
}

impl<F: Mapped> Store<'_, F> {
    /// Decides what runs, at every start of the device: the model on trial, if it is sound and has boots left; else the
    /// active one; else, if that is damaged, the previous one. A boot of a trial is counted before this returns.
    ///
    /// If the log was never used, a slot that holds a model which would be accepted becomes active, the higher version if
    /// both do: so a first model can be put into flash together with the firmware.
    ///
    /// Stops what was being received; `begin` goes on with it.
    ///
    /// # Errors
    /// [`Error::NoModel`]: nothing may run. A model can still be received.
    pub fn boot<O: Ops>(&mut self) -> Result<Boot, Error> {
        (self.running, self.receiving) = (None, None);
        if self.unused {
            self.adopt::<O>();
        }
        if let Some(trial) = self.state.trial {
            if let Some(boot) = self.boot_trial::<O>(trial) {
                return Ok(boot);
            }
            self.commit_or_remember(failed(self.state, trial.slot));
        }
        let slot = self.state.active.ok_or(Error::NoModel)?;
        if let Ok(info) = self.check_again::<O>(slot, self.policy.verify_at_boot) {
            return Ok(self.run(slot, false, info));
        }
        // Where there is no other, the log keeps saying so: what cannot be read today may be readable tomorrow.
        let other = slot.other();
        if other.of(self.state.contents) != Content::Confirmed {
            return Err(Error::NoModel);
        }
        let info = self.check_again::<O>(other, self.policy.verify_at_boot).map_err(|_| Error::NoModel)?;
        self.commit_or_remember(State { active: Some(other), ..failed(self.state, slot) });
        Ok(self.run(other, false, info))
    }

    /// Puts a verified file on trial from the next [`boot`](Self::boot) on.
    ///
    /// # Errors
    /// [`Error::NoModel`] if `slot` holds no verified file that has not run yet; [`Error::Busy`] if another is on trial or
    /// the slot still runs; [`Error::Flash`].
    pub fn activate(&mut self, slot: Slot) -> Result<(), Error> {
        if self.state.trial.is_some() || self.running == Some(slot) {
            return Err(Error::Busy);
        }
        if slot.of(self.state.contents) != Content::Verified {
            return Err(Error::NoModel);
        }
        self.commit(State { trial: Some(Trial { slot, boots: 0 }), download: None, ..self.state })
    }

    /// Makes the model on trial, which must be running, the active one, and its version the lowest that may be installed.
    ///
    /// # Errors
    /// [`Error::NoTrial`], also if the model was confirmed already; [`Error::Flash`].
    pub fn confirm(&mut self) -> Result<(), Error> {
        let slot = self.running_trial()?;
        let version = self.file(slot).and_then(Info::of).ok_or(Error::NoModel)?.version;
        let mut contents = self.state.contents;
        *slot.of_mut(&mut contents) = Content::Confirmed;
        let floor = self.state.floor.max(version);
        self.commit(State { floor, active: Some(slot), trial: None, contents, ..self.state })
    }

    /// Runs the self-test of the model on trial in `arena` and confirms it, or goes back.
    ///
    /// Returns how many vectors passed.
    ///
    /// # Errors
    /// [`Error::SelfTest`], [`Error::FewVectors`], [`Error::Engine`], [`Error::Load`]: it failed, and the next
    /// [`boot`](Self::boot) runs the active model. [`Error::NoTrial`], [`Error::Flash`].
    pub fn try_out<O: Ops>(&mut self, arena: &mut [u8]) -> Result<u32, Error> {
        let slot = self.running_trial()?;
        match self.self_test::<O>(slot, arena) {
            Ok(vectors) => self.confirm().map(|()| vectors),
            Err(error) => {
                self.commit(failed(self.state, slot))?;
                Err(error)
            }
        }
    }

    /// Goes back. A model on trial has failed or, if it was not booted yet, waits to be activated again. Without a trial,
    /// the previous model becomes active, if it is still there; doing so twice returns to the newer one.
    ///
    /// Takes effect at the next [`boot`](Self::boot); returns what that will run, `None` if nothing.
    ///
    /// # Errors
    /// [`Error::NoModel`] if there is no previous model; [`Error::Forbidden`] by the policy; [`Error::Flash`].
    pub fn rollback(&mut self) -> Result<Option<Slot>, Error> {
        let next = match (self.state.trial, self.state.active) {
            (Some(trial), _) if self.running == Some(trial.slot) => failed(self.state, trial.slot),
            (Some(_), _) => State { trial: None, ..self.state },
            (None, Some(active)) => {
                if !self.policy.allow_return {
                    return Err(Error::Forbidden);
                }
                if active.other().of(self.state.contents) != Content::Confirmed {
                    return Err(Error::NoModel);
                }
                State { active: Some(active.other()), ..self.state }
            }
            (None, None) => return Err(Error::NoModel),
        };
        self.commit(next)?;
        Ok(next.active)
    }

    fn running_trial(&self) -> Result<Slot, Error> {
        let trial = self.state.trial.filter(|trial| self.running == Some(trial.slot));
        trial.map(|trial| trial.slot).ok_or(Error::NoTrial)
    }

    fn boot_trial<O: Ops>(&mut self, Trial { slot, boots }: Trial) -> Option<Boot> {
        if boots >= self.policy.trial_boots.max(1) {
            return None;
        }
        let info = self.check_again::<O>(slot, self.policy.verify_at_boot).ok()?;
        let counted = Trial { slot, boots: boots.saturating_add(1) };
        // Without the count, a model that hangs would hang for ever.
        self.commit(State { trial: Some(counted), ..self.state }).ok()?;
        Some(self.run(slot, true, info))
    }

    fn run(&mut self, slot: Slot, trial: bool, info: Info) -> Boot {
        self.running = Some(slot);
        Boot { slot, trial, info }
    }

    fn adopt<O: Ops>(&mut self) {
        let mut state = State::default();
        for slot in Slot::ALL {
            if let Ok(info) = self.check_again::<O>(slot, true) {
                *slot.of_mut(&mut state.contents) = Content::Confirmed;
                if state.active.is_none() || info.version > state.floor {
                    (state.active, state.floor) = (Some(slot), info.version);
                }
            }
        }
        if state.active.is_some() {
            self.commit_or_remember(state);
        }
    }

    fn self_test<O: Ops>(&self, slot: Slot, arena: &mut [u8]) -> Result<u32, Error> {
        let model = Model::<O>::load_for(self.file(slot).ok_or(Error::NoModel)?)?;
        let mut engine = Engine::new(model, arena).map_err(Error::Engine)?;
        let found = engine.self_test().map_err(Error::SelfTest)?;
        let needed = self.policy.self_test_vectors;
        if found < needed { Err(Error::FewVectors { needed, found }) } else { Ok(found) }
    }
}

/// `state`, with the model in `slot` out of use.
fn failed(mut state: State, slot: Slot) -> State {
    state.trial = state.trial.filter(|trial| trial.slot != slot);
    *slot.of_mut(&mut state.contents) = Content::Failed;
    state
}
