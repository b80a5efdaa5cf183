//! What a device does with single frames, late, repeated, of another session or damaged.

mod simulation;

use mote_link::{
    Ack, Data, Decoder, Device, Event, Handler, Header, Info, Kind, MAX_CHUNK_BYTES, MAX_EVENT_BYTES, MAX_WIRE_BYTES,
    Refusal, Request, Response, SlotInfo, SlotState, WriteBegin, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use simulation::{Rng, Store};
use std::convert::Infallible;

/// A device, and what it answers.
#[derive(Default)]
struct Bench {
    device: Device,
    store: Store,
    out: Sink,
}

#[derive(Default)]
struct Sink(Vec<u8>);

impl embedded_io::ErrorType for Sink {
    type Error = Infallible;
}

impl embedded_io::Write for Sink {
    /// Three bytes at a time, as a driver may do it.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let taken = bytes.len().min(3);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn frame<'m, M: mote_link::Wire<'m>>(kind: Kind, session: u16, seq: u16, message: &M) -> Vec<u8> {
    encode(Header { kind, session, seq }, message, &mut [0; MAX_WIRE_BYTES]).unwrap().to_vec()
}

impl Bench {
    /// In session 1, after request 0.
    fn greeted() -> Self {
        let mut bench = Self::default();
        bench.request(1, 0, Request::Hello { min_version: 1, max_version: 9 });
        bench
    }

    /// Everything that is written in answer to `bytes`.
    fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Ok(()) = self.device.feed(bytes, &mut self.store, &mut self.out);
        std::mem::take(&mut self.out.0)
    }

    fn request(&mut self, session: u16, seq: u16, request: Request) -> Vec<u8> {
        self.feed(&frame(Kind::Request, session, seq, &request))
    }

    /// Opens a transfer with request `seq`.
    fn begin(&mut self, seq: u16, file: &[u8]) {
        let sha256 = Sha256::digest(file).into();
        let begin = Request::WriteBegin(WriteBegin { slot: 0, length: file.len() as u32, sha256 });
        assert_eq!(self.request(1, seq, begin), response(1, seq, &Response::Begun { next_offset: 0 }));
    }

    fn data(&mut self, tag: u16, offset: u32, bytes: &[u8]) -> Ack {
        let answer = self.feed(&frame(Kind::Data, 1, tag, &Data { offset, bytes }));
        let mut decoder = Decoder::<64>::new();
        let acks: Vec<_> = answer.iter().filter_map(|&byte| decoder.feed(byte).map(|f| f.read().unwrap())).collect();
        assert_eq!(acks.len(), 1);
        acks[0]
    }

    fn faults(&mut self, seq: u16) -> mote_link::Faults {
        let answer = self.request(1, seq, Request::Info);
        let mut decoder = Decoder::<128>::new();
        let infos = answer.iter().filter_map(|&byte| match decoder.feed(byte)?.read() {
            Some(Response::Info(info)) => Some(info),
            _ => None,
        });
        infos.last().unwrap().faults
    }
}

fn response(session: u16, seq: u16, response: &Response<'_>) -> Vec<u8> {
    frame(Kind::Response, session, seq, response)
}

fn refused(session: u16, seq: u16, refusal: Refusal) -> Vec<u8> {
    response(session, seq, &Response::Refused(refusal))
}

#[test]
fn nothing_is_done_before_a_hello() {
    let mut bench = Bench::default();
    assert_eq!(bench.request(1, 5, Request::Run), refused(1, 5, Refusal::NoSession));
    assert_eq!(bench.store.runs, 0);
}

#[test]
fn a_host_with_other_versions_is_told_which_there_are() {
    let mut bench = Bench::default();
    let hello = Request::Hello { min_version: 2, max_version: 3 };
    assert_eq!(bench.request(1, 0, hello), refused(1, 0, Refusal::Version { min: 1, max: 1 }));
}

#[test]
fn a_repeated_request_is_answered_alike_and_done_once() {
    let mut bench = Bench::greeted();
    let first = bench.request(1, 1, Request::Run);
    assert!(!first.is_empty());
    assert_eq!(bench.request(1, 1, Request::Run), first);
    assert_eq!(bench.store.runs, 1);
}

#[test]
fn data_in_between_does_not_change_the_answer_to_a_repeated_request() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    let run = bench.request(1, 2, Request::Run);
    bench.data(1, 0, &[1; 20]);
    let event = Event::Log { at: 0, bytes: &[1] };
    let Ok(()) = bench.device.event(&event, &mut Sink::default());
    bench.request(9, 7, Request::Run);
    assert_eq!(bench.request(1, 2, Request::Run), run);
    assert_eq!(bench.store.runs, 1);
}

#[test]
fn an_old_request_is_not_answered_nor_done() {
    let mut bench = Bench::greeted();
    bench.request(1, 1, Request::Run);
    bench.request(1, 2, Request::Info);
    assert_eq!(bench.request(1, 1, Request::Run), []);
    assert_eq!(bench.store.runs, 1);
    assert_eq!(bench.faults(3).stale, 1);
}

#[test]
fn sequence_numbers_go_around() {
    let mut bench = Bench::default();
    bench.request(1, 0xffff, Request::Hello { min_version: 1, max_version: 1 });
    assert!(!bench.request(1, 0, Request::Run).is_empty());
    assert!(bench.request(1, 0xffff, Request::Run).is_empty());
    assert_eq!(bench.store.runs, 1);
}

#[test]
fn a_new_session_ends_the_one_before() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    bench.request(2, 0, Request::Hello { min_version: 1, max_version: 1 });
    assert_eq!(bench.request(1, 2, Request::Run), refused(1, 2, Refusal::NoSession));
    assert_eq!(bench.data(1, 0, &[1; 20]), Ack::Refused(Refusal::NoSession));
    assert_eq!((bench.store.runs, bench.store.chunks), (0, 0));
}

#[test]
fn late_data_of_another_transfer_is_not_taken_for_this_one() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    assert_eq!(bench.data(1, 0, &[1; 20]), Ack::Next { next_offset: 20 });
    bench.begin(2, &[2; 40]);
    assert_eq!(bench.data(1, 0, &[1; 20]), Ack::Refused(Refusal::NoTransfer));
    assert_eq!(bench.data(2, 0, &[2; 40]), Ack::Next { next_offset: 40 });
    assert_eq!(bench.request(1, 3, Request::WriteEnd), response(1, 3, &Response::Done));
    assert!(bench.store.slots[0].bytes == [2; 40]);
}

#[test]
fn data_is_taken_only_where_it_goes_on() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    assert_eq!(bench.data(1, 20, &[1; 20]), Ack::Gap { next_offset: 0 });
    assert_eq!(bench.data(1, 20, &[]), Ack::Gap { next_offset: 0 });
    assert_eq!(bench.data(1, 0, &[1; 20]), Ack::Next { next_offset: 20 });
    assert_eq!(bench.data(1, 0, &[1; 20]), Ack::Next { next_offset: 20 });
    assert_eq!(bench.data(1, 20, &[]), Ack::Next { next_offset: 20 });
    assert_eq!(bench.request(1, 2, Request::WriteEnd), refused(1, 2, Refusal::Incomplete { needed: 40, got: 20 }));
    assert_eq!(bench.data(1, 20, &[1; 20]), Ack::Refused(Refusal::NoTransfer), "the end has closed the transfer");
    assert_eq!(bench.store.chunks, 1);
}

#[test]
fn data_beyond_the_end_closes_the_transfer() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    assert_eq!(bench.data(1, 0, &[1; 41]), Ack::Refused(Refusal::PastEnd { length: 40 }));
    assert_eq!(bench.data(1, 0, &[1; 40]), Ack::Refused(Refusal::NoTransfer));
    assert_eq!(bench.store.chunks, 0);
}

#[test]
fn a_file_with_another_sha256_is_refused() {
    let mut bench = Bench::greeted();
    bench.begin(1, &[1; 40]);
    bench.data(1, 0, &[2; 40]);
    assert_eq!(bench.request(1, 2, Request::WriteEnd), refused(1, 2, Refusal::Checksum));
    assert!(!bench.store.slots[0].valid);
}

#[test]
fn an_unknown_message_is_refused_and_counted() {
    let mut bench = Bench::greeted();
    assert_eq!(bench.feed(&frame(Kind::Request, 1, 1, &200u8)), refused(1, 1, Refusal::Malformed));
    assert_eq!(bench.faults(2).message, 1);
}

#[test]
fn an_echo_is_not_answered() {
    let mut bench = Bench::greeted();
    let answer = bench.request(1, 1, Request::Info);
    assert_eq!(bench.feed(&answer), []);
    assert_eq!(bench.faults(2).message, 1);
}

#[test]
fn an_answer_that_does_not_fit_is_refused() {
    struct Verbose(String);
    impl Handler for Verbose {
        const BOARD: &'static str = "verbose";
        const FIRMWARE: &'static str = "1";
        const CAPABILITIES: mote_link::Capabilities = mote_link::Capabilities::STORE;
        const WINDOW: u8 = 1;
        const SLOTS: u8 = 1;
        fn info(&mut self) -> Info {
            Info::default()
        }
        fn slot(&mut self, _slot: u8) -> Result<SlotInfo<&str>, Refusal> {
            Ok(SlotInfo { state: SlotState::Valid, version: 0, length: 0, sha256: [0; 32], name: &self.0 })
        }
    }
    let (mut device, mut handler, mut out) = (Device::new(), Verbose("x".repeat(600)), Sink::default());
    let hello = frame(Kind::Request, 1, 0, &Request::Hello { min_version: 1, max_version: 1 });
    let Ok(()) = device.feed(&hello, &mut handler, &mut out);
    out.0.clear();
    let Ok(()) = device.feed(&frame(Kind::Request, 1, 1, &Request::Slot { slot: 0 }), &mut handler, &mut out);
    assert_eq!(out.0, refused(1, 1, Refusal::AnswerTooLong));
    out.0.clear();
    let Ok(()) = device.feed(&frame(Kind::Request, 1, 2, &Request::Rollback), &mut handler, &mut out);
    assert_eq!(out.0, refused(1, 2, Refusal::Unsupported), "what a firmware does not do");
}

#[test]
fn the_longest_event_arrives_and_none_before_a_hello() {
    let event = Event::Log { at: u32::MAX, bytes: &[0; MAX_EVENT_BYTES] };
    let mut bench = Bench::default();
    let Ok(()) = bench.device.event(&event, &mut bench.out);
    assert_eq!(bench.out.0, []);
    bench.request(1, 0, Request::Hello { min_version: 1, max_version: 1 });
    let Ok(()) = bench.device.event(&event, &mut bench.out);
    assert_eq!(bench.out.0, frame(Kind::Event, 1, 0, &event));
}

#[test]
fn a_port_that_takes_nothing_holds_nobody_up() {
    struct Full;
    impl embedded_io::ErrorType for Full {
        type Error = Infallible;
    }
    impl embedded_io::Write for Full {
        fn write(&mut self, _bytes: &[u8]) -> Result<usize, Infallible> {
            Ok(0)
        }
        fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }
    let mut bench = Bench::greeted();
    let Ok(()) = bench.device.feed(&frame(Kind::Request, 1, 1, &Request::Run), &mut bench.store, &mut Full);
    assert_eq!(bench.store.runs, 1);
}

/// Frames that could come from a host, with any fields, and noise.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let headers = (0u16..3, 0u16..40);
    let request = (headers.clone(), 0u8..20, vec(any::<u8>(), 0..50)).prop_map(|((session, seq), number, fields)| {
        let wire = &mut [0; MAX_WIRE_BYTES];
        let bytes = [&[number], &fields[..]].concat();
        raw(Header { kind: Kind::Request, session, seq }, &bytes, wire)
    });
    let data = (headers, 0u32..600, vec(any::<u8>(), 0..MAX_CHUNK_BYTES));
    let data = data
        .prop_map(|((session, tag), offset, bytes)| frame(Kind::Data, session, tag, &Data { offset, bytes: &bytes }));
    let hello = (0u16..3)
        .prop_map(|session| frame(Kind::Request, session, 0, &Request::Hello { min_version: 1, max_version: 1 }));
    let begin = (0u16..3, 0u16..40, 0u32..1000).prop_map(|(session, seq, length)| {
        let begin = WriteBegin { slot: 0, length, sha256: [1; 32] };
        frame(Kind::Request, session, seq, &Request::WriteBegin(begin))
    });
    prop_oneof![request, data, hello, begin, vec(any::<u8>(), 0..100)]
}

/// A frame around a message that need not be one.
fn raw(header: Header, message: &[u8], wire: &mut [u8]) -> Vec<u8> {
    struct Raw<'m>(&'m [u8]);
    impl<'m> mote_link::Wire<'m> for Raw<'m> {
        fn put(&self, writer: &mut mote_link::Writer<'_>) {
            self.0.iter().for_each(|byte| byte.put(writer));
        }
        fn take(_: &mut mote_link::Reader<'m>) -> Option<Self> {
            None
        }
    }
    encode(header, &Raw(message), wire).unwrap().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// Whatever comes, nothing is written where it does not belong, nothing becomes valid, and one piece is answered with at
    /// most one frame.
    #[test]
    fn any_frames_do_no_harm(pieces in vec(piece(), 0..60)) {
        let mut bench = Bench::default();
        for piece in &pieces {
            let answer = bench.feed(piece);
            prop_assert!(answer.len() <= MAX_WIRE_BYTES);
        }
        prop_assert_eq!(bench.store.misplaced, 0);
        prop_assert!(bench.store.slots.iter().all(|slot| !slot.valid));
        // And it still works.
        let welcome = bench.request(7, 0, Request::Hello { min_version: 1, max_version: 1 });
        prop_assert!(!welcome.is_empty());
    }

    #[test]
    fn pieces_of_any_size_are_the_same(pieces in vec(piece(), 0..20), seed: u64) {
        let bytes = pieces.concat();
        let (mut whole, mut split) = (Bench::default(), Bench::default());
        let expected = whole.feed(&bytes);
        let (mut answers, mut rest, mut rng) = (Vec::new(), &bytes[..], Rng::new(seed));
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + rng.below(rest.len().min(40)));
            answers.extend(split.feed(now));
            rest = later;
        }
        prop_assert!(answers == expected);
    }
}

#[test]
fn a_device_takes_as_much_ram_as_documented() {
    assert!(size_of::<Device>() <= 1200, "{} bytes", size_of::<Device>());
}
