//! Every message comes back from its frame, byte for byte as postcard writes it.

use crate::{
    Ack, Bench, Capabilities, Data, Decoder, Event, Faults, Header, Info, Kind, MAX_BODY_BYTES, MAX_CHUNK_BYTES,
    MAX_MESSAGE_BYTES, MAX_WIRE_BYTES, ModelInfo, Reader, Refusal, Request, Response, SlotInfo, SlotState, Timing,
    Welcome, Wire, WriteBegin, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::string::String;
use std::vec::Vec;

/// What messages are made of.
#[derive(Clone, Debug)]
struct Parts {
    variant: usize,
    small: [u8; 4],
    numbers: [u32; 8],
    large: [u64; 3],
    sha256: [u8; 32],
    bytes: Vec<u8>,
    names: [String; 2],
}

impl Parts {
    fn state(&self) -> SlotState {
        let received = self.numbers[7];
        [
            SlotState::Empty,
            SlotState::Receiving { received },
            SlotState::Valid,
            SlotState::Trial,
            SlotState::Active,
            SlotState::Bad,
        ][self.small[3] as usize % 6]
    }

    fn faults(&self) -> Faults {
        let [checksum, cobs, too_long, message, stale, ..] = self.numbers;
        Faults { checksum, cobs, too_long, message, stale }
    }

    fn short(&self) -> u16 {
        self.numbers[0] as u16
    }
}

prop_compose! {
    /// Numbers of every magnitude, so that varints have every length.
    fn number()(value in any::<u32>(), shift in 0u32..32) -> u32 { value >> shift }
}

prop_compose! {
    fn parts()(
        variant in 0usize..1000,
        small in any::<[u8; 4]>(),
        numbers in proptest::array::uniform8(number()),
        large in any::<[u64; 3]>(),
        shift in 0u32..64,
        sha256 in any::<[u8; 32]>(),
        bytes in vec(any::<u8>(), 0..=MAX_CHUNK_BYTES),
        zeros in any::<bool>(),
        names in proptest::array::uniform2("[ -~]{0,24}|[äß€]{0,8}"),
    ) -> Parts {
        let bytes = if zeros { std::vec![0; bytes.len()] } else { bytes };
        Parts { variant, small, numbers, large: large.map(|n| n >> shift), sha256, bytes, names }
    }
}

fn requests(parts: &Parts) -> Vec<Request> {
    let [slot, port, min_version, max_version] = parts.small;
    let [length, offset, ..] = parts.numbers;
    let short = parts.short();
    Vec::from([
        Request::Hello { min_version, max_version },
        Request::Info,
        Request::Slot { slot },
        Request::WriteBegin(WriteBegin { slot, length, sha256: parts.sha256 }),
        Request::WriteEnd,
        Request::Verify { slot },
        Request::Activate { slot },
        Request::Rollback,
        Request::Erase { slot },
        Request::Model,
        Request::InputBegin { port, length },
        Request::Run,
        Request::Output { port, offset },
        Request::Bench { repeat: short },
        Request::Timings { first: short },
        Request::SelfTest,
        Request::Log { after: offset },
        Request::Reboot,
    ])
}

fn refusals(parts: &Parts) -> Vec<Refusal> {
    let [min, max, slots, ports] = parts.small;
    let [needed, got, found, least, code, length, count, x] = parts.numbers;
    let numbers = [needed, got, x];
    Vec::from([
        Refusal::Version { min, max },
        Refusal::NoSession,
        Refusal::Malformed,
        Refusal::Unsupported,
        Refusal::AnswerTooLong,
        Refusal::Busy,
        Refusal::SlotUnknown { slots },
        Refusal::SlotNotValid,
        Refusal::SlotInUse,
        Refusal::TooLarge { needed, got },
        Refusal::Unsigned,
        Refusal::BadSignature,
        Refusal::OlderVersion { found, least },
        Refusal::Checksum,
        Refusal::Load(numbers),
        Refusal::Engine(numbers),
        Refusal::SelfTest(numbers),
        Refusal::NoModel,
        Refusal::NothingToRollBack,
        Refusal::Flash { code },
        Refusal::NoTransfer,
        Refusal::PastEnd { length },
        Refusal::Incomplete { needed, got },
        Refusal::PortUnknown { ports },
        Refusal::InputBytes { needed, got },
        Refusal::PastLast { count },
    ])
}

fn responses(parts: &Parts) -> Vec<Response<'_>> {
    let [version, slots, inputs, outputs] = parts.small;
    let [a, b, c, d, e, ..] = parts.numbers;
    let [min, median, max] = parts.large;
    let short = parts.short();
    let [name, other] = [parts.names[0].as_str(), parts.names[1].as_str()];
    let refusals = refusals(parts);
    let bytes = parts.bytes.as_slice();
    let active = (version > 9).then_some(slots);
    Vec::from([
        Response::Welcome(Welcome {
            version,
            capabilities: Capabilities(a),
            max_chunk_bytes: short,
            window: inputs,
            slots,
            board: name,
            firmware: other,
        }),
        Response::Refused(refusals[parts.variant % refusals.len()]),
        Response::Done,
        Response::Info(Info {
            active,
            least_version: a,
            slot_bytes: b,
            arena_bytes: c,
            ticks_per_second: d,
            faults: parts.faults(),
        }),
        Response::Slot(SlotInfo { state: parts.state(), version: a, length: b, sha256: parts.sha256, name }),
        Response::Begun { next_offset: a },
        Response::Model(ModelInfo { name, file_bytes: a, arena_bytes: b, instructions: short, inputs, outputs }),
        Response::Ran { ticks: min },
        Response::Output { total: e, bytes },
        Response::Bench(Bench { runs: short, instructions: c as u16, min, median, max }),
        Response::Timings { first: short, entries: bytes },
        Response::SelfTest { vectors: a },
        Response::Log { at: a, bytes },
    ])
}

/// Through a frame and back, and compared with postcard in both directions.
fn check<'p, M>(kind: Kind, message: M)
where
    M: Wire<'p> + Serialize + Debug + PartialEq + Copy,
    M: for<'m> Same<'m>,
{
    let header = Header { kind, session: 0x8001, seq: 0xff00 };
    let mut wire = [0; MAX_WIRE_BYTES];
    let frame = encode(header, &message, &mut wire).unwrap();
    assert!(frame[1..frame.len() - 1].iter().all(|&byte| byte != 0));
    let mut decoder = Decoder::<MAX_BODY_BYTES>::new();
    let (last, before) = frame.split_last().unwrap();
    assert!(before.iter().all(|&byte| decoder.feed(byte).is_none()));
    let decoded = decoder.feed(*last).unwrap();
    assert_eq!(decoded.header, header);
    assert_eq!(decoded.message, postcard::to_stdvec(&message).unwrap());
    assert!(decoded.message.len() <= MAX_MESSAGE_BYTES);
    message.comes_back(decoded.message);
}

/// Reading with another lifetime than that of the message compared with.
trait Same<'m> {
    fn comes_back(&self, bytes: &'m [u8]);
}

macro_rules! same {
    ($($type:ident $(<$life:lifetime>)?),*) => {$(
        impl<'m, 'p> Same<'m> for same!(@ 'p $type $(<$life>)?) {
            fn comes_back(&self, bytes: &'m [u8]) {
                type Read<'a> = same!(@ 'a $type $(<$life>)?);
                let read: Option<Read<'_>> = Wire::take(&mut Reader(bytes));
                assert_eq!(read.as_ref(), Some(self));
                for end in 0..bytes.len() {
                    let read: Option<Read<'_>> = Wire::take(&mut Reader(&bytes[..end]));
                    assert_eq!(read, None, "{end} of {} bytes", bytes.len());
                }
            }
        }
    )*};
    (@ $use:lifetime $type:ident <$life:lifetime>) => { $type<$use> };
    (@ $use:lifetime $type:ident) => { $type };
}

same!(Request, Ack, Response<'x>, Data<'x>, Event<'x>);

/// Reads what postcard reads, but for numbers of variants that are longer than they need be.
fn agrees<'m, M>(bytes: &'m [u8])
where
    M: Wire<'m> + Serialize + Deserialize<'m> + Debug + PartialEq,
{
    let ours: Option<M> = Wire::take(&mut Reader(bytes));
    let theirs = postcard::from_bytes::<M>(bytes).ok();
    let canonical = theirs.as_ref().is_some_and(|theirs| bytes.starts_with(&postcard::to_stdvec(theirs).unwrap()));
    if ours.is_some() || canonical {
        assert_eq!(ours, theirs, "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn every_request_comes_back(parts in parts()) {
        requests(&parts).into_iter().for_each(|request| check(Kind::Request, request));
    }

    #[test]
    fn every_response_comes_back(parts in parts()) {
        responses(&parts).into_iter().for_each(|response| check(Kind::Response, response));
    }

    #[test]
    fn data_acks_and_events_come_back(parts in parts()) {
        let [offset, at, next_offset, ..] = parts.numbers;
        check(Kind::Data, Data { offset, bytes: &parts.bytes });
        check(Kind::Ack, Ack::Next { next_offset });
        check(Kind::Ack, Ack::Gap { next_offset });
        refusals(&parts).into_iter().for_each(|refusal| check(Kind::Ack, Ack::Refused(refusal)));
        check(Kind::Event, Event::Started);
        let bytes = &parts.bytes[..parts.bytes.len().min(crate::MAX_EVENT_BYTES)];
        check(Kind::Event, Event::Log { at, bytes });
    }

    #[test]
    fn arbitrary_bytes_are_read_as_postcard_reads_them(bytes in vec(any::<u8>(), 0..80), first in 0u8..30) {
        for bytes in [&bytes[..], &[&[first], &bytes[..]].concat()] {
            agrees::<Request>(bytes);
            agrees::<Response<'_>>(bytes);
            agrees::<Data<'_>>(bytes);
            agrees::<Ack>(bytes);
            agrees::<Event<'_>>(bytes);
        }
    }

    #[test]
    fn numbers_are_read_as_postcard_reads_them(bytes in vec(prop_oneof![any::<u8>(), Just(0x80), Just(0xff)], 0..12)) {
        let reader = Reader(&bytes);
        prop_assert_eq!(<u16 as Wire>::take(&mut { reader }), postcard::from_bytes(&bytes).ok());
        prop_assert_eq!(<u32 as Wire>::take(&mut { reader }), postcard::from_bytes(&bytes).ok());
        prop_assert_eq!(<u64 as Wire>::take(&mut { reader }), postcard::from_bytes(&bytes).ok());
        prop_assert_eq!(<Option<u8> as Wire>::take(&mut { reader }), postcard::from_bytes(&bytes).ok());
    }

    #[test]
    fn a_decoder_takes_any_bytes_and_then_a_frame(noise in vec(any::<u8>(), 0..2000), seq: u16) {
        let mut decoder = Decoder::<64>::new();
        let found = noise.iter().filter(|&&byte| decoder.feed(byte).is_some()).count();
        let header = Header { kind: Kind::Request, session: 3, seq };
        let mut wire = [0; 32];
        let frame = encode(header, &Request::Run, &mut wire).unwrap();
        let headers: Vec<_> = frame.iter().filter_map(|&byte| decoder.feed(byte).map(|frame| frame.header)).collect();
        // The zero in front of the frame may complete one of the noise, once in 2^32.
        prop_assert_eq!(found, 0);
        prop_assert_eq!(headers, [header]);
    }

    #[test]
    fn timings_come_back(words in vec(any::<[u32; 3]>(), 0..Timing::MAX_IN_MESSAGE)) {
        let timings: Vec<_> = words.iter().map(|&[min, median, max]| Timing { min, median, max }).collect();
        let bytes: Vec<_> = timings.iter().flat_map(|timing| timing.to_bytes()).collect();
        prop_assert!(Timing::read_all(&bytes).eq(timings));
    }
}

#[test]
fn the_lists_of_messages_are_complete() {
    let parts = Parts {
        variant: 0,
        small: [0; 4],
        numbers: [0; 8],
        large: [0; 3],
        sha256: [0; 32],
        bytes: Vec::new(),
        names: Default::default(),
    };
    // Every number of a variant that can be read is in the list, in this order.
    let zeros = [0; 64];
    let numbers = |readable: &dyn Fn(&[u8]) -> bool| -> Vec<u8> {
        (0..=u8::MAX).filter(|&number| readable(&[&[number], &zeros[..]].concat())).collect()
    };
    let first = |bytes: Vec<u8>| bytes[0];
    let listed: Vec<u8> = requests(&parts).iter().map(|m| first(postcard::to_stdvec(m).unwrap())).collect();
    assert_eq!(numbers(&|bytes| Request::take(&mut Reader(bytes)).is_some()), listed);
    let listed: Vec<u8> = responses(&parts).iter().map(|m| first(postcard::to_stdvec(m).unwrap())).collect();
    assert_eq!(numbers(&|bytes| Response::take(&mut Reader(bytes)).is_some()), listed);
    let listed: Vec<u8> = refusals(&parts).iter().map(|m| first(postcard::to_stdvec(m).unwrap())).collect();
    assert_eq!(numbers(&|bytes| Refusal::take(&mut Reader(bytes)).is_some()), listed);
}
