//! What a host can ask for.

use super::client::Client;
use super::stream::Streamed;
use super::{Clock, LinkError, Transport};
use crate::info::{Bench, Info, ModelInfo, SlotInfo, Timing};
use crate::message::{Request, Response, WriteBegin};
use crate::refusal::Refusal;
use sha2::{Digest, Sha256};
use std::string::String;
use std::vec::Vec;

/// Outputs of a microcontroller are shorter than this; more bytes would only be believed.
const MAX_OUTPUT_BYTES: u32 = 1 << 24;

/// How far a transfer is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Have arrived, now or in an earlier attempt.
    pub done: u32,
    /// Of the file.
    pub total: u32,
}

/// A piece of a device's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Position of the first byte: that asked for, or a later one if bytes are lost.
    pub at: u32,
    /// Empty if there is nothing new.
    pub bytes: Vec<u8>,
}

impl Log {
    /// What to ask for next.
    pub fn next(&self) -> u32 {
        self.at.wrapping_add(self.bytes.len() as u32)
    }
}

/// All of these fail with a [`LinkError`] after bounded time: [`LinkError::Refused`] if the device does not do it, others if the
/// connection is too bad.
#[allow(clippy::missing_errors_doc, reason = "the same for all, said above")]
impl<T: Transport, C: Clock> Client<T, C> {
    /// How the device is.
    pub fn info(&mut self) -> Result<Info, LinkError<T::Error>> {
        self.ask(&Request::Info, |answer| match answer {
            Response::Info(info) => Some(info),
            _ => None,
        })
    }

    /// What is in a slot.
    pub fn slot(&mut self, slot: u8) -> Result<SlotInfo<String>, LinkError<T::Error>> {
        self.ask(&Request::Slot { slot }, |answer| match answer {
            Response::Slot(slot) => Some(slot.owned()),
            _ => None,
        })
    }

    /// What is in every slot.
    pub fn slots(&mut self) -> Result<Vec<SlotInfo<String>>, LinkError<T::Error>> {
        let slots = self.hello()?.slots;
        (0..slots).map(|slot| self.slot(slot)).collect()
    }

    /// Sends a file into a slot and has it verified. Goes on where an earlier attempt of the same file was interrupted, in this
    /// process or another; `progress` starts there.
    pub fn write(
        &mut self,
        slot: u8,
        file: &[u8],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LinkError<T::Error>> {
        let total = length(file)?;
        let begin = WriteBegin { slot, length: total, sha256: Sha256::digest(file).into() };
        let request = Request::WriteBegin(begin);
        let mut furthest = 0;
        let mut in_vain = 0;
        while in_vain <= self.options.restarts {
            let start = self.ask(&request, begun)?;
            if start > total {
                return Err(LinkError::Unexpected { request: request.name() });
            }
            progress(Progress { done: start, total });
            let streamed = self.stream(self.seq, file, start, &mut |done| progress(Progress { done, total }))?;
            let arrived = match streamed {
                Streamed::Lost(arrived) => arrived,
                Streamed::Complete => match self.ask(&Request::WriteEnd, done) {
                    // It restarted in between, and goes on with what its flash keeps.
                    Err(LinkError::Refused(Refusal::NoTransfer)) => total,
                    result => return result,
                },
            };
            in_vain = if arrived > furthest { 0 } else { in_vain + 1 };
            furthest = furthest.max(arrived);
        }
        Err(LinkError::Restarts { request: request.name(), times: self.options.restarts })
    }

    /// Verifies the file in a slot once more.
    pub fn verify(&mut self, slot: u8) -> Result<(), LinkError<T::Error>> {
        self.ask(&Request::Verify { slot }, done)
    }

    /// Makes the file in a slot the model that runs.
    pub fn activate(&mut self, slot: u8) -> Result<(), LinkError<T::Error>> {
        self.ask(&Request::Activate { slot }, done)
    }

    /// Goes back to the model before. [`LinkError::Interrupted`] if the device restarts meanwhile: [`Client::slots`] tells.
    pub fn rollback(&mut self) -> Result<(), LinkError<T::Error>> {
        self.ask(&Request::Rollback, done)
    }

    /// Empties a slot.
    pub fn erase(&mut self, slot: u8) -> Result<(), LinkError<T::Error>> {
        self.ask(&Request::Erase { slot }, done)
    }

    /// Which model is loaded?
    pub fn model(&mut self) -> Result<ModelInfo<String>, LinkError<T::Error>> {
        self.ask(&Request::Model, |answer| match answer {
            Response::Model(model) => Some(model.owned()),
            _ => None,
        })
    }

    /// Writes an input of the loaded model, all of it.
    pub fn input(&mut self, port: u8, bytes: &[u8]) -> Result<(), LinkError<T::Error>> {
        let request = Request::InputBegin { port, length: length(bytes)? };
        for _ in 0..=self.options.restarts {
            self.ask(&request, begun)?;
            if self.stream(self.seq, bytes, 0, &mut |_| {})? == Streamed::Complete {
                return Ok(());
            }
        }
        Err(LinkError::Restarts { request: request.name(), times: self.options.restarts })
    }

    /// Runs the loaded model once on what its inputs hold; returns its time in ticks. A device that restarts loses its inputs:
    /// [`LinkError::Interrupted`], or [`Refusal::NoModel`] from one that has not loaded its model again.
    pub fn run(&mut self) -> Result<u64, LinkError<T::Error>> {
        self.ask(&Request::Run, |answer| match answer {
            Response::Ran { ticks } => Some(ticks),
            _ => None,
        })
    }

    /// Reads an output of the loaded model, all of it.
    pub fn output(&mut self, port: u8) -> Result<Vec<u8>, LinkError<T::Error>> {
        let mut output = Vec::new();
        loop {
            let request = Request::Output { port, offset: length(&output)? };
            let total = self.ask(&request, |answer| match answer {
                Response::Output { total, bytes } if total <= MAX_OUTPUT_BYTES => {
                    output.extend_from_slice(bytes);
                    let stuck = bytes.is_empty() && output.len() < total as usize;
                    (!stuck).then_some(total as usize)
                }
                _ => None,
            })?;
            if output.len() >= total {
                return Ok(output);
            }
        }
    }

    /// Runs the loaded model `repeat` times; returns times of whole runs and of every instruction.
    pub fn bench(&mut self, repeat: u16) -> Result<(Bench, Vec<Timing>), LinkError<T::Error>> {
        let bench = self.ask(&Request::Bench { repeat }, |answer| match answer {
            Response::Bench(bench) => Some(bench),
            _ => None,
        })?;
        let mut timings = Vec::new();
        while timings.len() < usize::from(bench.instructions) {
            let request = Request::Timings { first: timings.len() as u16 };
            self.ask(&request, |answer| match answer {
                Response::Timings { entries, .. } if entries.len() >= Timing::BYTES => {
                    timings.extend(Timing::read_all(entries));
                    Some(())
                }
                _ => None,
            })?;
        }
        Ok((bench, timings))
    }

    /// Runs the self-test vectors of the loaded model; returns their number.
    pub fn self_test(&mut self) -> Result<u32, LinkError<T::Error>> {
        self.ask(&Request::SelfTest, |answer| match answer {
            Response::SelfTest { vectors } => Some(vectors),
            _ => None,
        })
    }

    /// Reads from the log, from position `after` on.
    pub fn log(&mut self, after: u32) -> Result<Log, LinkError<T::Error>> {
        self.ask(&Request::Log { after }, |answer| match answer {
            Response::Log { at, bytes } => Some(Log { at, bytes: bytes.to_vec() }),
            _ => None,
        })
    }

    /// Restarts the device. It is restarting when this returns; the next question says hello again.
    pub fn reboot(&mut self) -> Result<(), LinkError<T::Error>> {
        let result = self.ask(&Request::Reboot, done);
        self.lose_session();
        match result {
            // It has forgotten the session: that is what was wanted.
            Err(LinkError::Interrupted { .. }) => Ok(()),
            result => result,
        }
    }
}

fn begun(answer: Response<'_>) -> Option<u32> {
    match answer {
        Response::Begun { next_offset } => Some(next_offset),
        _ => None,
    }
}

fn done(answer: Response<'_>) -> Option<()> {
    (answer == Response::Done).then_some(())
}

fn length<E: std::error::Error + 'static>(bytes: &[u8]) -> Result<u32, LinkError<E>> {
    bytes.len().try_into().map_err(|_| LinkError::TooLarge { bytes: bytes.len() })
}
