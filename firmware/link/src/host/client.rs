//! Questions and answers.

use super::{Clock, LinkError, Options, Transport};
use crate::decoder::Decoder;
use crate::frame::{Header, Kind, MAX_WIRE_BYTES, encode};
use crate::info::Welcome;
use crate::message::{Event, NEWEST_VERSION, OLDEST_VERSION, Request, Response};
use crate::refusal::Refusal;
use crate::wire::{Reader, Wire};
use std::collections::VecDeque;
use std::string::String;
use std::time::Duration;
use std::vec::Vec;

/// How many events are kept for [`Client::next_event`]; the oldest ones are dropped.
const MAX_EVENTS: usize = 256;

/// The host's side of the link.
pub struct Client<T: Transport, C: Clock> {
    pub(super) transport: T,
    pub(super) clock: C,
    pub(super) options: Options,
    decoder: Decoder,
    /// Bytes that were read and not yet decoded.
    inbox: VecDeque<u8>,
    pub(super) session: u16,
    /// Of the last request.
    pub(super) seq: u16,
    welcome: Option<Welcome<String>>,
    events: VecDeque<LogEvent>,
    reconnects: u32,
}

/// Bytes of the log that the device has sent on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Position of the first byte; a jump means that some are lost, and [`Client::log`] may still get them.
    pub at: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A frame.
pub(super) struct Received {
    pub header: Header,
    pub message: Vec<u8>,
}

impl Received {
    pub fn read<'a, M: Wire<'a>>(&'a self) -> Option<M> {
        M::take(&mut Reader(&self.message))
    }
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// Talks to the device behind `transport`; says hello when it is first asked for something.
    ///
    /// Sessions are counted from `first_session`, which should be another one each time, taken from the time of day for
    /// example: so the device tells this client from the one before.
    pub fn new(transport: T, clock: C, first_session: u16, options: Options) -> Self {
        Self {
            transport,
            clock,
            options,
            decoder: Decoder::new(),
            inbox: VecDeque::new(),
            session: first_session,
            seq: 0,
            welcome: None,
            events: VecDeque::new(),
            reconnects: 0,
        }
    }

    /// What the device said to the hello; says hello first if there is no session.
    ///
    /// # Errors
    /// [`LinkError::Refused`] with [`Refusal::Version`] if there is no version that both speak; those of the connection.
    pub fn hello(&mut self) -> Result<&Welcome<String>, LinkError<T::Error>> {
        let welcome = match self.welcome.take() {
            Some(welcome) => welcome,
            None => self.say_hello()?,
        };
        Ok(self.welcome.insert(welcome))
    }

    fn say_hello(&mut self) -> Result<Welcome<String>, LinkError<T::Error>> {
        self.session = self.session.wrapping_add(1);
        self.seq = 0;
        let request = Request::Hello { min_version: OLDEST_VERSION, max_version: NEWEST_VERSION };
        let (received, _) = self.exchange(&request)?;
        match received.read() {
            Some(Response::Welcome(welcome)) => Ok(welcome.owned()),
            Some(Response::Refused(refusal)) => Err(refusal.into()),
            _ => Err(LinkError::Unexpected { request: request.name() }),
        }
    }

    /// What the device has said on its own, as far as it has arrived while something else was waited for.
    pub fn next_event(&mut self) -> Option<LogEvent> {
        self.events.pop_front()
    }

    /// The transport, back.
    pub fn into_transport(self) -> T {
        self.transport
    }

    /// Asks until there is an answer and turns it into what is wanted of it.
    pub(super) fn ask<R>(
        &mut self,
        request: &Request,
        wanted: impl FnOnce(Response<'_>) -> Option<R>,
    ) -> Result<R, LinkError<T::Error>> {
        let name = request.name();
        for _ in 0..=self.options.restarts {
            self.hello()?;
            self.seq = self.seq.wrapping_add(1);
            let (received, times) = self.exchange(request)?;
            match received.read() {
                Some(Response::Refused(Refusal::NoSession)) => {
                    self.welcome = None;
                    // If it was sent once, it is this one that was refused, and the device has not done it.
                    if request.needs_memory() || times > 1 && !request.repeatable() {
                        return Err(LinkError::Interrupted { request: name });
                    }
                }
                Some(Response::Refused(refusal)) => return Err(refusal.into()),
                answer => return answer.and_then(wanted).ok_or(LinkError::Unexpected { request: name }),
            }
        }
        Err(LinkError::Restarts { request: name, times: self.options.restarts })
    }

    /// Forgets the session, because the device did.
    pub(super) fn lose_session(&mut self) {
        self.welcome = None;
    }

    /// Sends one request until its answer arrives. Also returns how often it was sent.
    fn exchange(&mut self, request: &Request) -> Result<(Received, u32), LinkError<T::Error>> {
        let header = Header { kind: Kind::Request, session: self.session, seq: self.seq };
        let answer = Header { kind: Kind::Response, ..header };
        // A device that is at work needs no reminders, while an answer that takes no time and does not come is lost.
        let (waited, backs_off) = match request.is_slow() {
            true => (self.options.slow_patience, 1),
            false => (self.options.patience, 0),
        };
        let give_up = self.clock.now() + waited;
        let mut times = 0;
        loop {
            self.send(header, request)?;
            let until = (self.clock.now() + self.options.wait(times * backs_off)).min(give_up);
            times += 1;
            while let Some(received) = self.receive(until)? {
                if received.header == answer {
                    self.progressed();
                    return Ok((received, times));
                }
            }
            if self.clock.now() >= give_up {
                return Err(LinkError::NoAnswer { request: request.name(), waited });
            }
        }
    }

    /// Sends a message once.
    pub(super) fn send<'m, M: Wire<'m>>(&mut self, header: Header, message: &M) -> Result<(), LinkError<T::Error>> {
        let mut wire = [0; MAX_WIRE_BYTES];
        // A request is short, and data is cut to what fits.
        let frame = encode(header, message, &mut wire).unwrap_or_default();
        match self.transport.write(frame) {
            Ok(()) => Ok(()),
            Err(error) => self.reconnect(error),
        }
    }

    /// The next frame that is not an event; `None` when it is `deadline`, or when a lost connection was opened again and
    /// whatever was sent is lost.
    pub(super) fn receive(&mut self, deadline: Duration) -> Result<Option<Received>, LinkError<T::Error>> {
        loop {
            while let Some(byte) = self.inbox.pop_front() {
                let Some(frame) = self.decoder.feed(byte) else { continue };
                if frame.header.kind != Kind::Event {
                    return Ok(Some(Received { header: frame.header, message: frame.message.to_vec() }));
                }
                if let Some(Event::Log { at, bytes }) = frame.read() {
                    self.events.push_back(LogEvent { at, bytes: bytes.to_vec() });
                    self.events.drain(..self.events.len().saturating_sub(MAX_EVENTS));
                }
            }
            let timeout = deadline.saturating_sub(self.clock.now());
            if timeout.is_zero() {
                return Ok(None);
            }
            let mut buffer = [0; 1024];
            match self.transport.read(&mut buffer, timeout) {
                Ok(bytes) => self.inbox.extend(buffer.iter().take(bytes)),
                Err(error) => {
                    self.reconnect(error)?;
                    return Ok(None);
                }
            }
        }
    }

    /// Something has arrived that was waited for: counting of failures starts anew.
    pub(super) fn progressed(&mut self) {
        self.reconnects = 0;
    }

    /// Opens the connection again. The session goes on: whoever waits for an answer asks again, with the same number.
    fn reconnect(&mut self, mut error: T::Error) -> Result<(), LinkError<T::Error>> {
        self.decoder.reset();
        self.inbox.clear();
        while self.reconnects < self.options.reconnects {
            self.reconnects += 1;
            match self.transport.reconnect() {
                Ok(()) => return Ok(()),
                Err(again) => error = again,
            }
        }
        Err(LinkError::Transport(error))
    }
}
