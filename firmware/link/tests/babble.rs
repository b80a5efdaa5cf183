//! A device, or whatever is at the other end, that answers nonsense for ever: a host ends in an error after bounded time.

mod simulation;

use mote_link::host::{Client, Clock, LinkError, Options, Transport};
use mote_link::{Ack, Bench, Capabilities, Decoder, Header, Kind, MAX_WIRE_BYTES, Refusal, Response, Welcome, encode};
use simulation::Rng;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

/// Answers each frame with what `answer` makes of it, after a millisecond.
struct Other<F> {
    now_ms: Rc<RefCell<u64>>,
    decoder: Decoder,
    answer: F,
    waiting: Vec<u8>,
}

impl<F: FnMut(Header) -> Vec<u8>> Transport for Other<F> {
    type Error = Infallible;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        for &byte in bytes {
            if let Some(frame) = self.decoder.feed(byte) {
                self.waiting.extend((self.answer)(frame.header));
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<usize, Infallible> {
        let bytes = self.waiting.len().min(buffer.len());
        *self.now_ms.borrow_mut() += if bytes == 0 { (timeout.as_millis() as u64).max(1) } else { 1 };
        for (place, byte) in buffer.iter_mut().zip(self.waiting.drain(..bytes)) {
            *place = byte;
        }
        Ok(bytes)
    }

    fn reconnect(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Time(Rc<RefCell<u64>>);

impl Clock for Time {
    fn now(&self) -> Duration {
        Duration::from_millis(*self.0.borrow())
    }
}

/// Writes a file to `answer`, then asks it for everything else; returns the virtual seconds that it took, and the first
/// error.
fn talk(answer: impl FnMut(Header) -> Vec<u8>) -> (u64, Option<LinkError<Infallible>>) {
    let now_ms = Rc::new(RefCell::new(0));
    let other = Other { now_ms: now_ms.clone(), decoder: Decoder::new(), answer, waiting: Vec::new() };
    let mut client = Client::new(other, Time(now_ms.clone()), 1, Options::default());
    let written = client.write(0, &[1; 5000], &mut |_| {});
    let rest = [
        client.info().err(),
        client.slots().err(),
        client.input(0, &[1; 2000]).err(),
        client.run().err(),
        client.output(0).err(),
        client.bench(2).err(),
        client.log(0).err(),
        client.self_test().err(),
        client.rollback().err(),
        client.reboot().err(),
    ];
    let seconds = *now_ms.borrow() / 1000;
    (seconds, written.err().or(rest.into_iter().flatten().next()))
}

fn response(header: Header, response: &Response<'_>) -> Vec<u8> {
    let kind = if header.kind == Kind::Data { Kind::Ack } else { Kind::Response };
    encode(Header { kind, ..header }, response, &mut [0; MAX_WIRE_BYTES]).unwrap().to_vec()
}

fn welcome() -> Response<'static> {
    let (capabilities, max_chunk_bytes) = (Capabilities(127), 512);
    Response::Welcome(Welcome {
        version: 1,
        capabilities,
        max_chunk_bytes,
        window: 8,
        slots: 2,
        board: "",
        firmware: "",
    })
}

#[test]
fn noise_is_no_answer() {
    let mut rng = Rng::new(1);
    let (seconds, error) = talk(|_| rng.bytes(700));
    assert!(matches!(error, Some(LinkError::NoAnswer { .. })), "{error:?}");
    assert!(seconds < 120, "{seconds}");
}

#[test]
fn silence_after_the_hello_ends() {
    let (seconds, error) = talk(|header| if header.seq == 0 { response(header, &welcome()) } else { Vec::new() });
    assert!(matches!(error, Some(LinkError::NoAnswer { request: "write", .. })), "{error:?}");
    assert!(seconds < 600, "{seconds}");
}

#[test]
fn an_answer_of_another_kind_ends() {
    let (seconds, error) = talk(|header| response(header, &welcome()));
    assert_eq!(error, Some(LinkError::Unexpected { request: "write" }));
    assert!(seconds < 600, "{seconds}");
}

#[test]
fn a_device_that_knows_no_session_for_long_ends() {
    let (seconds, error) = talk(|header| {
        if header.seq == 0 {
            response(header, &welcome())
        } else {
            response(header, &Response::Refused(Refusal::NoSession))
        }
    });
    assert_eq!(error, Some(LinkError::Restarts { request: "write", times: 4 }));
    assert!(seconds < 600, "{seconds}");
}

/// Plays every answer to every question, at random: whatever it says, it ends.
#[test]
fn random_answers_end() {
    let mut longest = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let (seconds, _) = talk(|header| {
            let n = rng.next() as u32 >> rng.below(32);
            if header.kind == Kind::Data {
                let refusal = [Refusal::NoTransfer, Refusal::NoSession, Refusal::Busy][rng.below(3)];
                let ack = if rng.chance(0.7) { Ack::Next { next_offset: n } } else { Ack::Refused(refusal) };
                let header = Header { kind: Kind::Ack, ..header };
                return encode(header, &ack, &mut [0; MAX_WIRE_BYTES]).unwrap().to_vec();
            }
            let bytes = rng.bytes(n as usize % 512);
            let bench = Bench { instructions: n as u16, ..Bench::default() };
            let answers = [
                welcome(),
                Response::Refused(Refusal::NoSession),
                Response::Done,
                Response::Begun { next_offset: n % 6000 },
                Response::Ran { ticks: 1 },
                Response::Output { total: n, bytes: &bytes },
                Response::Bench(bench),
                Response::Timings { first: 0, entries: &bytes },
                Response::Log { at: n, bytes: &bytes },
            ];
            if header.seq == 0 { response(header, &welcome()) } else { response(header, &answers[rng.below(9)]) }
        });
        longest = longest.max(seconds);
    }
    println!("at most {longest} s");
    assert!(longest < 1200, "{longest} s");
}

#[test]
fn an_output_without_end_ends() {
    let bytes = [0; 512];
    let (_, error) = talk(|header| match header.seq {
        0 => response(header, &welcome()),
        _ => response(header, &Response::Output { total: u32::MAX, bytes: &bytes }),
    });
    assert!(matches!(error, Some(LinkError::Unexpected { .. })), "{error:?}");
}
