//! The device's side: takes bytes, calls a [`Handler`], writes answers. It waits for nothing and needs no clock.

mod handler;
mod transfer;

pub use handler::Handler;

use crate::decoder::Decoder;
use crate::frame::{Frame, Header, Kind, MAX_CHUNK_BYTES, MAX_WIRE_BYTES, encode};
use crate::info::Timing;
use crate::message::{Ack, Data, Event, NEWEST_VERSION, OLDEST_VERSION, Request, Response};
use crate::refusal::Refusal;
use crate::wire::Wire;
use embedded_io::Write;
use transfer::Transfer;

/// Bytes on the wire of the longest frame that is not kept for a second sending: an event.
const SHORT_WIRE_BYTES: usize = 96;

/// The device's side of the link: about 1.1 KB of RAM.
///
/// A transfer that is interrupted stays open until the host opens another or says hello; the store keeps what has arrived.
#[derive(Debug)]
pub struct Device {
    decoder: Decoder,
    conversation: Conversation,
}

/// What a device remembers from one frame to the next.
#[derive(Debug)]
struct Conversation {
    /// Session and sequence number of the last request that was done.
    last: Option<(u16, u16)>,
    transfer: Option<Transfer>,
    /// The answer to it, as it was sent: a request that comes again gets it again.
    answer: [u8; MAX_WIRE_BYTES],
    answer_bytes: usize,
    reboot: bool,
}

impl Device {
    /// Nobody has said hello.
    pub const fn new() -> Self {
        let conversation =
            Conversation { last: None, transfer: None, answer: [0; MAX_WIRE_BYTES], answer_bytes: 0, reboot: false };
        Self { decoder: Decoder::new(), conversation }
    }

    /// Takes bytes as they arrive, in pieces of any size, and does and answers what they ask for.
    ///
    /// # Errors
    /// Those of `out`. The rest of `bytes` is dropped then; the host will ask again.
    pub fn feed<H: Handler, W: Write>(&mut self, bytes: &[u8], handler: &mut H, out: &mut W) -> Result<(), W::Error> {
        let Self { decoder, conversation } = self;
        for &byte in bytes {
            let faults = decoder.faults;
            let Some(frame) = decoder.feed(byte) else { continue };
            let outcome = match frame.header.kind {
                Kind::Request => conversation.request(&frame, faults, handler, out)?,
                Kind::Data => conversation.data(&frame, handler, out)?,
                // Ours, come back: the line has an echo.
                Kind::Response | Kind::Ack | Kind::Event => Outcome::NoMessage,
            };
            let fault = match outcome {
                Outcome::Answered => continue,
                Outcome::NoMessage => &mut decoder.faults.message,
                Outcome::Stale => &mut decoder.faults.stale,
            };
            *fault = fault.wrapping_add(1);
        }
        Ok(())
    }

    /// Says something that nobody asked for. Nothing is said before the first hello.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn event<W: Write>(&self, event: &Event<'_>, out: &mut W) -> Result<(), W::Error> {
        let Some((session, seq)) = self.conversation.last else { return Ok(()) };
        send_short(Header { kind: Kind::Event, session, seq }, event, out)
    }
}

impl Default for Device {
    fn default() -> Self {
        Self::new()
    }
}

/// What became of a frame.
enum Outcome {
    Answered,
    NoMessage,
    Stale,
}

impl Conversation {
    fn request<H: Handler, W: Write>(
        &mut self,
        frame: &Frame<'_>,
        faults: crate::Faults,
        handler: &mut H,
        out: &mut W,
    ) -> Result<Outcome, W::Error> {
        let Header { session, seq, .. } = frame.header;
        let request = frame.read::<Request>();
        match self.last {
            Some((current, last)) if current == session => match seq.wrapping_sub(last) {
                0 => {
                    send(self.answer.get(..self.answer_bytes).unwrap_or_default(), out)?;
                    return Ok(Outcome::Answered);
                }
                1..=0x7fff => {}
                // Late. Whoever sent it has long got an answer, or has given up.
                _ => return Ok(Outcome::Stale),
            },
            _ if matches!(request, Some(Request::Hello { .. })) => self.transfer = None,
            _ => {
                // The answer to the last request is still wanted by whoever sent that.
                let header = Header { kind: Kind::Response, ..frame.header };
                send_short(header, &Response::Refused(Refusal::NoSession), out)?;
                return Ok(Outcome::Stale);
            }
        }
        self.last = Some((session, seq));
        self.answer_bytes = 0;
        let outcome = if request.is_some() { Outcome::Answered } else { Outcome::NoMessage };
        let request = request.ok_or(Refusal::Malformed);
        let header = Header { kind: Kind::Response, ..frame.header };
        let mut timings = [0; Timing::BYTES * Timing::MAX_IN_MESSAGE];
        let answer = request.and_then(|request| self.answer(request, seq, handler, &mut timings));
        let answer = match answer {
            Ok(Response::Info(info)) => Response::Info(crate::Info { faults, ..info }),
            Ok(answer) => answer,
            Err(refusal) => Response::Refused(refusal),
        };
        let encoded = encode(header, &answer, &mut self.answer).map(<[u8]>::len);
        let too_long = Response::Refused(Refusal::AnswerTooLong);
        let encoded = encoded.or_else(|_| encode(header, &too_long, &mut self.answer).map(<[u8]>::len));
        self.answer_bytes = encoded.unwrap_or(0);
        send(self.answer.get(..self.answer_bytes).unwrap_or_default(), out)?;
        if core::mem::take(&mut self.reboot) {
            handler.reboot();
        }
        Ok(outcome)
    }

    fn answer<'a, H: Handler>(
        &mut self,
        request: Request,
        seq: u16,
        handler: &'a mut H,
        timings: &'a mut [u8],
    ) -> Result<Response<'a>, Refusal> {
        let done = |()| Response::Done;
        match request {
            Request::Hello { min_version, max_version } => {
                let version = max_version.min(NEWEST_VERSION);
                if version < min_version || version < OLDEST_VERSION {
                    return Err(Refusal::Version { min: OLDEST_VERSION, max: NEWEST_VERSION });
                }
                Ok(Response::Welcome(handler.welcome(version)))
            }
            Request::Info => Ok(Response::Info(handler.info())),
            Request::Slot { slot } => handler.slot(slot).map(Response::Slot),
            Request::WriteBegin(file) => self.open(Transfer::into_slot(handler, seq, &file)),
            Request::WriteEnd => {
                let transfer = self.transfer.take().ok_or(Refusal::NoTransfer)?;
                transfer.end(handler).map(done)
            }
            Request::Verify { slot } => handler.verify(slot).map(done),
            Request::Activate { slot } => handler.activate(slot).map(done),
            Request::Rollback => handler.rollback().map(done),
            Request::Erase { slot } => {
                self.transfer = None;
                handler.erase(slot).map(done)
            }
            Request::Model => handler.model().map(Response::Model),
            Request::InputBegin { port, length } => self.open(Transfer::into_input(handler, seq, port, length)),
            Request::Run => handler.run().map(|ticks| Response::Ran { ticks }),
            Request::Output { port, offset } => {
                let all = handler.output(port)?;
                let total = all.len() as u32;
                let bytes = all.get(offset as usize..).ok_or(Refusal::PastLast { count: total })?;
                Ok(Response::Output { total, bytes: chunk(bytes) })
            }
            Request::Bench { repeat } => handler.bench(repeat.max(1)).map(Response::Bench),
            Request::Timings { first } => Ok(read_timings(handler, first, timings)),
            Request::SelfTest => handler.self_test().map(|vectors| Response::SelfTest { vectors }),
            Request::Log { after } => {
                let (at, bytes) = handler.log(after)?;
                Ok(Response::Log { at, bytes: chunk(bytes) })
            }
            Request::Reboot => {
                handler.reboot_begin()?;
                self.reboot = true;
                Ok(Response::Done)
            }
        }
    }

    /// Makes a transfer the open one. One that could not be opened leaves none: the handler may have given up the other.
    fn open<'a>(&mut self, transfer: Result<Transfer, Refusal>) -> Result<Response<'a>, Refusal> {
        self.transfer = transfer.ok();
        transfer.map(|transfer| Response::Begun { next_offset: transfer.next_offset() })
    }

    fn data<H: Handler, W: Write>(
        &mut self,
        frame: &Frame<'_>,
        handler: &mut H,
        out: &mut W,
    ) -> Result<Outcome, W::Error> {
        let Some(data) = frame.read::<Data<'_>>() else { return Ok(Outcome::NoMessage) };
        let ours = self.last.is_some_and(|(session, _)| session == frame.header.session);
        let (ack, outcome) = if ours {
            (transfer::take(&mut self.transfer, handler, frame.header.seq, &data), Outcome::Answered)
        } else {
            (Ack::Refused(Refusal::NoSession), Outcome::Stale)
        };
        send_short(Header { kind: Kind::Ack, ..frame.header }, &ack, out)?;
        Ok(outcome)
    }
}

fn chunk(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_CHUNK_BYTES).unwrap_or(bytes)
}

fn read_timings<'a, H: Handler>(handler: &mut H, first: u16, buffer: &'a mut [u8]) -> Response<'a> {
    let (places, _) = buffer.as_chunks_mut::<{ Timing::BYTES }>();
    let mut count = 0;
    for (place, instruction) in places.iter_mut().zip(first..) {
        let Some(timing) = handler.timing(instruction) else { break };
        *place = timing.to_bytes();
        count += 1;
    }
    Response::Timings { first, entries: buffer.get(..count * Timing::BYTES).unwrap_or_default() }
}

fn send_short<'m, M: Wire<'m>, W: Write>(header: Header, message: &M, out: &mut W) -> Result<(), W::Error> {
    let mut wire = [0; SHORT_WIRE_BYTES];
    send(encode(header, message, &mut wire).unwrap_or_default(), out)
}

fn send<W: Write>(mut bytes: &[u8], out: &mut W) -> Result<(), W::Error> {
    // `write_all` would panic where a driver takes nothing.
    while !bytes.is_empty() {
        let taken = out.write(bytes)?;
        if taken == 0 {
            return Ok(());
        }
        bytes = bytes.get(taken..).unwrap_or_default();
    }
    out.flush()
}
