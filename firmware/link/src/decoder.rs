//! From bytes back to frames.

use crate::frame::{Frame, MAX_BODY_BYTES};
use crate::wire::fields;
use cobs::{DecodeResult, DecoderState};

/// What was received and thrown away, counted since the start. Sums go around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Faults {
    /// Frames with a wrong checksum, of an unknown kind, or too short for one.
    pub checksum: u32,
    /// Frames that end in the middle of a COBS group.
    pub cobs: u32,
    /// Frames longer than any that is sent.
    pub too_long: u32,
    /// Frames with a right checksum around something that is not a message, or not one for this side.
    pub message: u32,
    /// Frames of another session, or requests older than the last one.
    pub stale: u32,
}

/// Finds frames in a stream of bytes that begins anywhere and may have any fault. A zero ends every frame, so that at most the
/// frames with a fault in them are lost.
///
/// Holds at most `N` bytes, and each byte takes constant time, but for the one that ends a frame: its checksum is computed.
#[derive(Debug)]
pub struct Decoder<const N: usize = MAX_BODY_BYTES> {
    body: [u8; N],
    used: usize,
    cobs: DecoderState,
    too_long: bool,
    /// What was thrown away.
    pub faults: Faults,
}

impl<const N: usize> Decoder<N> {
    /// Nothing received.
    pub const fn new() -> Self {
        let faults = Faults { checksum: 0, cobs: 0, too_long: 0, message: 0, stale: 0 };
        Self { body: [0; N], used: 0, cobs: DecoderState::Idle, too_long: false, faults }
    }

    /// Takes the next byte; returns the frame that it ends, if it ends one.
    pub fn feed(&mut self, byte: u8) -> Option<Frame<'_>> {
        let Self { body, used, cobs, too_long, faults } = self;
        let step = cobs.feed(byte);
        if byte != 0 {
            if let Ok(DecodeResult::DataContinue(decoded)) = step {
                match body.get_mut(*used) {
                    Some(place) => {
                        *place = decoded;
                        *used += 1;
                    }
                    None => *too_long = true,
                }
            }
            return None;
        }
        // A zero leaves the COBS decoder at the start of a frame, whatever was before.
        let length = core::mem::take(used);
        let fault = match step {
            _ if core::mem::take(too_long) => &mut faults.too_long,
            Err(_) => &mut faults.cobs,
            Ok(DecodeResult::DataComplete) => {
                let frame = body.get(..length).and_then(Frame::from_body);
                if frame.is_some() {
                    return frame;
                }
                &mut faults.checksum
            }
            // Nothing between two zeros.
            Ok(_) => return None,
        };
        *fault = fault.wrapping_add(1);
        None
    }

    /// Forgets the frame that has begun, where a connection was lost.
    pub fn reset(&mut self) {
        self.used = 0;
        self.cobs = DecoderState::Idle;
        self.too_long = false;
    }
}

impl<const N: usize> Default for Decoder<N> {
    fn default() -> Self {
        Self::new()
    }
}

fields!(['a] Faults { checksum, cobs, too_long, message, stale });

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::frame::{Header, Kind, MAX_WIRE_BYTES, encode};
    use crate::{Data, Request};
    use std::vec::Vec;

    fn frame(seq: u16) -> Vec<u8> {
        let header = Header { kind: Kind::Request, session: 1, seq };
        encode(header, &Request::Activate { slot: 1 }, &mut [0; 64]).unwrap().to_vec()
    }

    fn seqs(decoder: &mut Decoder<64>, bytes: &[u8]) -> Vec<u16> {
        bytes.iter().filter_map(|&byte| decoder.feed(byte).map(|frame| frame.header.seq)).collect()
    }

    #[test]
    fn noise_before_a_frame_does_not_cost_the_frame() {
        let mut decoder = Decoder::<64>::new();
        let mut bytes = Vec::from([0x55, 0xaa, 0x17]);
        bytes.extend(frame(1));
        assert_eq!(seqs(&mut decoder, &bytes), [1]);
        assert_eq!(decoder.faults, Faults { cobs: 1, ..Faults::default() });
    }

    #[test]
    fn a_lost_byte_costs_one_frame() {
        let frames = [frame(1), frame(2), frame(3)].concat();
        let length = frame(2).len();
        for lost in 0..length {
            let mut decoder = Decoder::<64>::new();
            let mut bytes = frames.clone();
            bytes.remove(length + lost);
            let got = seqs(&mut decoder, &bytes);
            // A zero too few or too many between frames is no loss.
            let outer = lost == 0 || lost == length - 1;
            assert_eq!(got, if outer { Vec::from([1, 2, 3]) } else { Vec::from([1, 3]) }, "byte {lost}");
        }
    }

    #[test]
    fn a_flipped_bit_never_gives_another_frame() {
        let good = frame(7);
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes.extend(frame(8));
            let got = seqs(&mut Decoder::<64>::new(), &bytes);
            assert!(got == [8] || got == [7, 8] && (bit < 8 || bit >= (good.len() - 1) * 8), "bit {bit}: {got:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_dropped_to_the_next_zero() {
        let mut decoder = Decoder::<64>::new();
        let header = Header { kind: Kind::Data, session: 1, seq: 1 };
        let mut wire = [0; MAX_WIRE_BYTES];
        let mut bytes = encode(header, &Data { offset: 0, bytes: &[3; 100] }, &mut wire).unwrap().to_vec();
        bytes.extend(frame(2));
        assert_eq!(seqs(&mut decoder, &bytes), [2]);
        assert_eq!(decoder.faults, Faults { too_long: 1, ..Faults::default() });
    }

    #[test]
    fn a_reset_forgets_half_a_frame() {
        let mut decoder = Decoder::<64>::new();
        let bytes = frame(1);
        assert!(seqs(&mut decoder, &bytes[..9]).is_empty());
        decoder.reset();
        assert_eq!(seqs(&mut decoder, &bytes), [1]);
        assert_eq!(decoder.faults, Faults::default());
    }
}
