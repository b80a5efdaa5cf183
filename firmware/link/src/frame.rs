//! Frames: where a message begins and ends on a wire that loses, flips and invents bytes.

use crate::wire::{Reader, Wire};
use cobs::CobsEncoder;
use mote_runtime::format::Crc32;

/// Most bytes of data that one message carries.
pub const MAX_CHUNK_BYTES: usize = 512;
/// Most bytes of a message in postcard's format: a chunk, and 16 bytes for what goes with it.
pub const MAX_MESSAGE_BYTES: usize = MAX_CHUNK_BYTES + 16;
/// Bytes in front of the message: kind, session, sequence number.
pub const HEADER_BYTES: usize = 5;
/// Bytes behind the message: CRC-32.
pub const CHECKSUM_BYTES: usize = 4;
/// Most bytes of a frame before COBS.
pub const MAX_BODY_BYTES: usize = HEADER_BYTES + MAX_MESSAGE_BYTES + CHECKSUM_BYTES;
/// Most bytes of a frame on the wire: COBS adds one byte in 254 and one more, and there is a zero on either side.
pub const MAX_WIRE_BYTES: usize = MAX_BODY_BYTES + MAX_BODY_BYTES / 254 + 3;

/// What a frame carries, and so who sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A [`Request`](crate::Request), from the host.
    Request = 1,
    /// A [`Response`](crate::Response), from the device, with the session and sequence number of its request.
    Response = 2,
    /// [`Data`](crate::Data) of a transfer, from the host; `seq` is that of the request that opened the transfer.
    Data = 3,
    /// An [`Ack`](crate::Ack) of data, from the device, with the `seq` of the data.
    Ack = 4,
    /// An [`Event`](crate::Event), from the device, which nobody asked for.
    Event = 5,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Request),
            2 => Some(Self::Response),
            3 => Some(Self::Data),
            4 => Some(Self::Ack),
            5 => Some(Self::Event),
            _ => None,
        }
    }
}

/// What is in front of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame carries.
    pub kind: Kind,
    /// Chosen by the host in its hello, so that frames of an earlier conversation are told from those of this one.
    pub session: u16,
    /// Counts requests; goes around after 65,535.
    pub seq: u16,
}

impl Header {
    fn bytes(self) -> [u8; HEADER_BYTES] {
        let [session_low, session_high] = self.session.to_le_bytes();
        let [seq_low, seq_high] = self.seq.to_le_bytes();
        [self.kind as u8, session_low, session_high, seq_low, seq_high]
    }
}

/// A frame whose checksum was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What is in front of the message.
    pub header: Header,
    /// The message in postcard's format.
    pub message: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The message, if it is an `M`.
    pub fn read<M: Wire<'a>>(&self) -> Option<M> {
        M::take(&mut Reader(self.message))
    }

    /// Splits a frame that COBS has been taken off; `None` if it is too short, its checksum is wrong or its kind unknown.
    pub(crate) fn from_body(body: &'a [u8]) -> Option<Self> {
        let (checked, checksum) = body.split_last_chunk::<CHECKSUM_BYTES>()?;
        let (&[kind, s0, s1, n0, n1], message) = checked.split_first_chunk::<HEADER_BYTES>()?;
        if Crc32::of(checked) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let kind = Kind::from_byte(kind)?;
        let (session, seq) = (u16::from_le_bytes([s0, s1]), u16::from_le_bytes([n0, n1]));
        Some(Self { header: Header { kind, session, seq }, message })
    }
}

/// A message does not fit into a frame, or a frame not into the memory it was to be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooLong;

/// Writes the frame of one message to the start of `wire` and returns it, zeros included.
///
/// # Errors
/// If the message has more than [`MAX_MESSAGE_BYTES`], or `wire` is too small; [`MAX_WIRE_BYTES`] are enough for any other.
pub fn encode<'w, 'm, M: Wire<'m>>(header: Header, message: &M, wire: &'w mut [u8]) -> Result<&'w [u8], TooLong> {
    let (before, rest) = wire.split_first_mut().ok_or(TooLong)?;
    // The zero in front costs one byte in 500 and keeps what noise has put on an idle line out of the frame.
    *before = 0;
    let mut writer = Writer::new(rest, header);
    message.put(&mut writer);
    let encoded = writer.finish().ok_or(TooLong)?;
    *wire.get_mut(encoded + 1).ok_or(TooLong)? = 0;
    wire.get(..encoded + 2).ok_or(TooLong)
}

/// Sums up and encodes the bytes of a message as they come, so that no second buffer is needed.
pub struct Writer<'w> {
    cobs: CobsEncoder<'w>,
    crc: Crc32,
    body_bytes: usize,
    full: bool,
}

impl<'w> Writer<'w> {
    #[inline(never)]
    fn new(memory: &'w mut [u8], header: Header) -> Self {
        let mut writer = Self { cobs: CobsEncoder::new(memory), crc: Crc32::new(), body_bytes: 0, full: false };
        writer.push(&header.bytes());
        writer
    }

    /// Appends bytes. That there was no room for some is said in the end.
    #[inline(never)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.body_bytes = self.body_bytes.saturating_add(bytes.len());
        self.full |= self.cobs.push(bytes).is_err();
    }

    /// Adds the checksum; returns how many bytes were encoded, `None` if not all had room.
    #[inline(never)]
    fn finish(mut self) -> Option<usize> {
        let checksum = self.crc.finish().to_le_bytes();
        self.push(&checksum);
        // COBS may leave room for more than a decoder takes.
        (!self.full && self.body_bytes <= MAX_BODY_BYTES).then(|| self.cobs.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, Decoder};

    const HEADER: Header = Header { kind: Kind::Data, session: 0x1234, seq: 0xfffe };

    #[test]
    fn the_longest_chunk_fits_whatever_its_bytes_are() {
        for fill in [0, 1, 255] {
            let bytes = [fill; MAX_CHUNK_BYTES];
            let mut wire = [0xee; MAX_WIRE_BYTES];
            let frame = encode(HEADER, &Data { offset: u32::MAX, bytes: &bytes }, &mut wire).unwrap();
            assert!(frame.len() <= MAX_WIRE_BYTES);
            let mut decoder = Decoder::<MAX_BODY_BYTES>::new();
            let frames: usize = frame.iter().map(|&byte| usize::from(decoder.feed(byte).is_some())).sum();
            assert_eq!(frames, 1);
        }
    }

    #[test]
    fn what_is_encoded_fits_into_a_decoder() {
        let zeros = [0; 2 * MAX_CHUNK_BYTES];
        for bytes in 0..zeros.len() {
            let message = Data { offset: 0, bytes: &zeros[..bytes] };
            let mut wire = [0; 2 * MAX_WIRE_BYTES];
            let fits = bytes + 3 <= MAX_MESSAGE_BYTES;
            let Ok(frame) = encode(HEADER, &message, &mut wire) else {
                assert!(!fits, "{bytes}");
                continue;
            };
            let mut decoder = Decoder::<MAX_BODY_BYTES>::new();
            assert!(fits && frame.iter().any(|&byte| decoder.feed(byte).is_some()), "{bytes}");
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_is_refused_at_every_length() {
        let message = Data { offset: 5, bytes: &[0, 1, 2, 0, 4] };
        let mut wire = [0; MAX_WIRE_BYTES];
        let needed = encode(HEADER, &message, &mut wire).unwrap().len();
        for bytes in 0..needed {
            assert_eq!(encode(HEADER, &message, &mut wire[..bytes]), Err(TooLong), "{bytes}");
        }
    }

    #[test]
    fn a_wire_image_is_what_the_documentation_says() {
        let mut wire = [0; 64];
        let header = Header { kind: Kind::Request, session: 7, seq: 0x0102 };
        let frame = encode(header, &crate::Request::Info, &mut wire).unwrap();
        let crc = Crc32::of(&[1, 7, 0, 2, 1, 1]).to_le_bytes();
        assert!(!crc.contains(&0));
        let expected = [0, 3, 1, 7, 8, 2, 1, 1, crc[0], crc[1], crc[2], crc[3], 0];
        assert_eq!(frame, expected);
    }
}
