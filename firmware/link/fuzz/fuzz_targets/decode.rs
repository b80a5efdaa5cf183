//! Arbitrary bytes into a decoder, into every message and into a device; as they are, and as the contents of frames with the
//! right checksum, which a fuzzer would not find.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mote_link::{
    Ack, Capabilities, Data, Decoder, Device, Event, Handler, Header, Info, Kind, MAX_BODY_BYTES, MAX_MESSAGE_BYTES,
    MAX_WIRE_BYTES, Reader, Refusal, Request, Response, Wire, WriteBegin, Writer, encode,
};
use std::convert::Infallible;

const SLOT_BYTES: u32 = 1000;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::<64>::new();
    for &byte in bytes {
        if let Some(frame) = decoder.feed(byte) {
            assert!(frame.message.len() <= 64);
            read(frame.message);
        }
    }
    read(bytes);
    let (mut device, mut store) = (Device::new(), Store::default());
    feed(&mut device, &mut store, bytes);
    // A fuzzer needs not find out that a session begins with a hello.
    let mut wire = [0; MAX_WIRE_BYTES];
    let header = Header { kind: Kind::Request, session: 0, seq: 0 };
    let hello = encode(header, &Request::Hello { min_version: 1, max_version: 1 }, &mut wire);
    feed(&mut device, &mut store, hello.expect("it is short enough"));
    let mut rest = bytes;
    while let Some((&[kind, session, seq, length], after)) = rest.split_first_chunk() {
        let (message, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let kinds = [Kind::Request, Kind::Data, Kind::Response, Kind::Ack, Kind::Event];
        let kind = kinds[usize::from(kind) % kinds.len()];
        // Few of each, so that they meet.
        let header = Header { kind, session: u16::from(session % 2), seq: u16::from(seq % 16) };
        let mut wire = [0; MAX_WIRE_BYTES];
        let frame = encode(header, &Raw(message), &mut wire).expect("it is short enough");
        let mut decoder = Decoder::<MAX_BODY_BYTES>::new();
        let found = frame.iter().filter(|&&byte| decoder.feed(byte).is_some_and(|f| f.message == message)).count();
        assert_eq!(found, 1);
        feed(&mut device, &mut store, frame);
    }
});

/// What is read can be written and read again.
fn read(bytes: &[u8]) {
    again::<Request>(bytes);
    again::<Response<'_>>(bytes);
    again::<Data<'_>>(bytes);
    again::<Ack>(bytes);
    again::<Event<'_>>(bytes);
}

fn again<'m, M: Wire<'m>>(bytes: &'m [u8]) {
    let Some(message) = M::take(&mut Reader(bytes)) else { return };
    let mut wire = [0; MAX_WIRE_BYTES];
    let header = Header { kind: Kind::Data, session: 0, seq: 0 };
    let Ok(frame) = encode(header, &message, &mut wire) else {
        assert!(bytes.len() > MAX_MESSAGE_BYTES);
        return;
    };
    let mut decoder = Decoder::<MAX_BODY_BYTES>::new();
    let read = frame.iter().any(|&byte| decoder.feed(byte).is_some_and(|f| f.message.len() <= bytes.len()));
    assert!(read, "a message is not longer than what it was read from");
}

fn feed(device: &mut Device, store: &mut Store, bytes: &[u8]) {
    let mut out = Count(0);
    let Ok(()) = device.feed(bytes, store, &mut out);
    assert!(out.0 <= (bytes.len() / 2 + 1) * MAX_WIRE_BYTES);
}

/// A message of any bytes.
struct Raw<'m>(&'m [u8]);

impl<'m> Wire<'m> for Raw<'m> {
    fn put(&self, writer: &mut Writer<'_>) {
        self.0.iter().for_each(|byte| byte.put(writer));
    }

    fn take(_: &mut Reader<'m>) -> Option<Self> {
        None
    }
}

struct Count(usize);

impl embedded_io::ErrorType for Count {
    type Error = Infallible;
}

impl embedded_io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// One slot and one input, which check that data goes on where it ended and not beyond the end.
#[derive(Default)]
struct Store {
    length: u32,
    received: u32,
    input: u32,
    input_received: u32,
}

impl Handler for Store {
    const BOARD: &'static str = "fuzzed";
    const FIRMWARE: &'static str = "0";
    const CAPABILITIES: Capabilities = Capabilities::STORE;
    const WINDOW: u8 = 1;
    const SLOTS: u8 = 1;

    fn info(&mut self) -> Info {
        Info::default()
    }

    fn write_begin(&mut self, file: &WriteBegin) -> Result<u32, Refusal> {
        if file.length > SLOT_BYTES {
            return Err(Refusal::TooLarge { needed: file.length, got: SLOT_BYTES });
        }
        // As if a part were there already.
        (self.length, self.received) = (file.length, u32::from(file.sha256[0]).min(file.length));
        Ok(self.received)
    }

    fn write_chunk(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        assert_eq!(offset, self.received);
        self.received += bytes.len() as u32;
        assert!(self.received <= self.length);
        Ok(())
    }

    fn write_end(&mut self) -> Result<(), Refusal> {
        assert_eq!(self.received, self.length);
        Ok(())
    }

    fn input_begin(&mut self, _port: u8, length: u32) -> Result<(), Refusal> {
        (self.input, self.input_received) = (length, 0);
        if length > SLOT_BYTES { Err(Refusal::InputBytes { needed: SLOT_BYTES, got: length }) } else { Ok(()) }
    }

    fn input(&mut self, _port: u8, offset: u32, bytes: &[u8]) -> Result<(), Refusal> {
        assert_eq!(offset, self.input_received);
        self.input_received += bytes.len() as u32;
        assert!(self.input_received <= self.input);
        Ok(())
    }

    fn output(&mut self, _port: u8) -> Result<&[u8], Refusal> {
        Ok(&[7; 1500])
    }
}
