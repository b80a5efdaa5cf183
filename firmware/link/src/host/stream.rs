//! Data that goes ahead of its acknowledgements: go-back-N, in chunks that get smaller where the line is bad.

use super::client::Client;
use super::{Clock, LinkError, Transport};
use crate::frame::{Header, Kind, MAX_CHUNK_BYTES};
use crate::message::{Ack, Data};
use crate::refusal::Refusal;

/// Chunks do not get smaller than this: frames would be mostly what is around the chunk.
const MIN_CHUNK_BYTES: u32 = 32;
/// After so many acknowledged chunks in a row, chunks may get larger again.
const STREAK: u32 = 16;

/// How a stream of data ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Streamed {
    /// Everything has arrived.
    Complete,
    /// The device knows nothing of the transfer any more. This much had arrived.
    Lost(u32),
}

/// What has been sent and what has arrived.
struct Window {
    /// Everything in front of this has arrived.
    base: u32,
    /// Where sending goes on.
    next: u32,
    /// Nothing behind this was ever sent.
    sent: u32,
    chunk_bytes: u32,
    max_chunk_bytes: u32,
    /// Went back to `base`, so that more of the device's complaints about what is missing say nothing new.
    went_back: bool,
    /// Times gone back without progress.
    stalls: u32,
    streak: u32,
}

impl Window {
    fn new(start: u32, max_chunk_bytes: u32) -> Self {
        let (chunk_bytes, went_back) = (max_chunk_bytes, false);
        Self { base: start, next: start, sent: start, chunk_bytes, max_chunk_bytes, went_back, stalls: 0, streak: 0 }
    }

    fn in_flight(&self) -> u32 {
        (self.next - self.base).div_ceil(self.chunk_bytes)
    }

    /// The device wants `wanted` next. True if that is progress.
    fn acknowledged(&mut self, wanted: u32) -> bool {
        if wanted > self.base && wanted <= self.sent {
            self.base = wanted;
            self.next = self.next.max(wanted);
            self.went_back = false;
            self.stalls = 0;
            self.streak += 1;
            if self.streak >= STREAK {
                self.streak = 0;
                self.chunk_bytes = (self.chunk_bytes * 2).min(self.max_chunk_bytes);
            }
            return true;
        }
        if wanted == self.base && self.next > self.base && !self.went_back {
            self.go_back();
        }
        false
    }

    fn go_back(&mut self) {
        self.next = self.base;
        self.went_back = true;
        self.streak = 0;
    }

    /// Nothing came back in time.
    fn timed_out(&mut self) {
        self.go_back();
        self.stalls += 1;
        if self.stalls > 1 {
            self.chunk_bytes = (self.chunk_bytes / 2).max(MIN_CHUNK_BYTES).min(self.max_chunk_bytes);
        }
    }
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// Sends `data` from `start` on to the transfer that the request `tag` opened.
    pub(super) fn stream(
        &mut self,
        tag: u16,
        data: &[u8],
        start: u32,
        arrived: &mut dyn FnMut(u32),
    ) -> Result<Streamed, LinkError<T::Error>> {
        let welcome = self.hello()?;
        let ahead = u32::from(welcome.window).max(1);
        let max_chunk_bytes = u32::from(welcome.max_chunk_bytes).clamp(1, MAX_CHUNK_BYTES as u32);
        let header = Header { kind: Kind::Data, session: self.session, seq: tag };
        let ack_header = Header { kind: Kind::Ack, ..header };
        let mut window = Window::new(start, max_chunk_bytes);
        let mut until = self.clock.now();
        loop {
            if window.base as usize >= data.len() {
                return Ok(Streamed::Complete);
            }
            while window.in_flight() < ahead {
                let rest = data.get(window.next as usize..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
                let bytes = rest.get(..window.chunk_bytes as usize).unwrap_or(rest);
                self.send(header, &Data { offset: window.next, bytes })?;
                window.next += bytes.len() as u32;
                window.sent = window.sent.max(window.next);
                until = self.clock.now() + self.options.wait(window.stalls);
            }
            let Some(received) = self.receive(until)? else {
                window.timed_out();
                if window.stalls > self.options.stalls {
                    return Err(LinkError::Stalled { offset: window.base, resent: self.options.stalls });
                }
                continue;
            };
            if received.header != ack_header {
                continue;
            }
            match received.read::<Ack>() {
                Some(Ack::Next { next_offset }) if window.acknowledged(next_offset) => {
                    self.progressed();
                    arrived(window.base);
                    until = self.clock.now() + self.options.wait(0);
                }
                Some(Ack::Refused(Refusal::NoSession)) => {
                    self.lose_session();
                    return Ok(Streamed::Lost(window.base));
                }
                Some(Ack::Refused(Refusal::NoTransfer)) => return Ok(Streamed::Lost(window.base)),
                Some(Ack::Refused(refusal)) => return Err(refusal.into()),
                Some(Ack::Next { .. }) | None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_gap_sends_back_once_however_many_complaints_arrive() {
        let mut window = Window::new(0, 100);
        (window.next, window.sent) = (400, 400);
        assert!(window.acknowledged(100));
        assert!(!window.acknowledged(100));
        assert_eq!(window.next, 100);
        window.next = 200;
        assert!(!window.acknowledged(100));
        assert_eq!(window.next, 200, "the second complaint is about the same gap");
        assert!(window.acknowledged(200));
    }

    #[test]
    fn what_arrived_before_going_back_is_not_sent_again() {
        let mut window = Window::new(0, 100);
        (window.next, window.sent) = (400, 400);
        window.timed_out();
        assert_eq!(window.next, 0);
        assert!(window.acknowledged(300));
        assert_eq!((window.base, window.next), (300, 300));
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_is_ignored() {
        let mut window = Window::new(0, 100);
        (window.next, window.sent) = (200, 200);
        assert!(!window.acknowledged(201));
        assert_eq!(window.base, 0);
    }

    #[test]
    fn chunks_shrink_where_nothing_arrives_and_grow_again() {
        let mut window = Window::new(0, 512);
        (0..9).for_each(|_| window.timed_out());
        assert_eq!(window.chunk_bytes, MIN_CHUNK_BYTES);
        for arrived in 1..=STREAK * 4 {
            window.sent = arrived;
            assert!(window.acknowledged(arrived));
        }
        assert_eq!(window.chunk_bytes, 512);
    }
}
