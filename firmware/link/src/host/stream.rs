//! Data that goes ahead of its acknowledgements: go-back-N, in chunks that get smaller where the line is bad. Who is only
//! slow is asked, not sent everything again.

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
    gaps: u32,
    /// Times waited in vain without progress.
    stalls: u32,
    streak: u32,
}

impl Window {
    fn new(start: u32, max_chunk_bytes: u32) -> Self {
        let (chunk_bytes, went_back) = (max_chunk_bytes, false);
        let (base, next, sent) = (start, start, start);
        Self { base, next, sent, chunk_bytes, max_chunk_bytes, went_back, gaps: 0, stalls: 0, streak: 0 }
    }

    fn in_flight(&self) -> u32 {
        (self.next - self.base).div_ceil(self.chunk_bytes)
    }

    /// Everything in front of `wanted` has arrived. True if that is progress.
    fn acknowledged(&mut self, wanted: u32) -> bool {
        if wanted <= self.base || wanted > self.sent {
            return false;
        }
        self.base = wanted;
        self.next = self.next.max(wanted);
        self.went_back = false;
        self.gaps = 0;
        self.stalls = 0;
        self.streak += 1;
        if self.streak >= STREAK {
            self.streak = 0;
            self.chunk_bytes = (self.chunk_bytes * 2).min(self.max_chunk_bytes);
        }
        true
    }

    /// What was sent from `base` on is lost, or some of it. What is still under way says so for each chunk, and once is enough.
    fn gap(&mut self) {
        if self.went_back {
            return;
        }
        self.next = self.base;
        self.went_back = true;
        self.streak = 0;
        self.gaps += 1;
        if self.gaps > 1 {
            self.shrink();
        }
    }

    /// Nothing came back in time: the device is at work, or something is lost. It is asked, and the answer counts again.
    fn timed_out(&mut self) {
        self.went_back = false;
        self.stalls += 1;
        if self.stalls > 2 {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.chunk_bytes = (self.chunk_bytes / 2).max(MIN_CHUNK_BYTES).min(self.max_chunk_bytes);
    }

    /// The chunk at `offset`, as long as chunks are now; empty at the end.
    fn chunk<'d>(&self, data: &'d [u8], offset: u32) -> Data<'d> {
        let rest = data.get(offset as usize..).unwrap_or_default();
        Data { offset, bytes: rest.get(..self.chunk_bytes as usize).unwrap_or(rest) }
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
                let chunk = window.chunk(data, window.next);
                if chunk.bytes.is_empty() {
                    break;
                }
                self.send(header, &chunk)?;
                window.next += chunk.bytes.len() as u32;
                window.sent = window.sent.max(window.next);
                until = self.clock.now() + self.options.wait(window.stalls);
            }
            let Some(received) = self.receive(until)? else {
                window.timed_out();
                if window.stalls > self.options.stalls {
                    return Err(LinkError::Stalled { offset: window.base, times: self.options.stalls });
                }
                // A device that is at work has little room: at first it is only asked. One chunk again gets on where most are lost.
                if window.stalls > 1 {
                    self.send(header, &window.chunk(data, window.base))?;
                }
                self.send(header, &Data { offset: window.next, bytes: &[] })?;
                until = self.clock.now() + self.options.wait(window.stalls);
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
                Some(Ack::Gap { next_offset }) => {
                    if window.acknowledged(next_offset) {
                        self.progressed();
                        arrived(window.base);
                    }
                    if next_offset == window.base {
                        window.gap();
                    }
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
        window.gap();
        assert_eq!(window.next, 100);
        window.next = 200;
        window.gap();
        assert_eq!(window.next, 200, "the second complaint is about the same gap");
        assert!(window.acknowledged(200));
        window.next = 300;
        window.gap();
        assert_eq!(window.next, 200, "a gap behind progress is another");
    }

    #[test]
    fn what_arrived_before_going_back_is_not_sent_again() {
        let mut window = Window::new(0, 100);
        (window.next, window.sent) = (400, 400);
        window.gap();
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
        for _ in 0..9 {
            window.gap();
            window.timed_out();
        }
        assert_eq!(window.chunk_bytes, MIN_CHUNK_BYTES);
        for arrived in 1..=STREAK * 4 {
            window.sent = arrived;
            assert!(window.acknowledged(arrived));
        }
        assert_eq!(window.chunk_bytes, 512);
    }
}
