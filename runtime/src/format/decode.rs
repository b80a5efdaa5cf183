//! Reading what `format::write` has encoded: postcard's wire format, without `serde`.
//!
//! The encoding is postcard's to the byte, and a test holds this file to it. Derived decoders return every field as a
//! `Result` and copy each struct several times; here a [`Reader`] remembers that it has failed, so that reading a field
//! is one call and one store. A device decodes the whole program on each run.

mod operands;
#[cfg(test)]
mod tests;
mod utf8;

use super::{DType, Meta, Port, Program, Rounding};

/// Takes values off the front of a slice. After something that cannot be decoded it gives zeros and
/// [`failed`](Self::failed) is true: what was read before must not be used then.
pub(crate) struct Reader<'m> {
    rest: &'m [u8],
    failed: bool,
}

/// What a [`Reader`] can read.
pub(crate) trait Decode<'m>: Sized {
    /// Reads one. Anything of the type if the reader fails.
    fn decode(from: &mut Reader<'m>) -> Self;
}

impl<'m> Reader<'m> {
    pub fn new(bytes: &'m [u8]) -> Self {
        Self { rest: bytes, failed: false }
    }

    /// True if anything could not be read.
    pub fn failed(&self) -> bool {
        self.failed
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'m [u8] {
        self.rest
    }

    /// Gives up: the rest is not read.
    #[cold]
    #[inline(never)]
    pub fn fail(&mut self) {
        self.failed = true;
        self.rest = &[];
    }

    #[inline(never)]
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => {
                self.fail();
                0
            }
        }
    }

    /// Seven bits a byte, the lowest first; the top bit of a byte says that another follows. At most 32 bits.
    #[inline(never)]
    pub fn u32(&mut self) -> u32 {
        match self.rest.split_first() {
            // Most numbers are small.
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                byte.into()
            }
            _ => self.long_u32(),
        }
    }

    #[inline(never)]
    fn long_u32(&mut self) -> u32 {
        let mut value = 0;
        let mut shift = 0u32;
        loop {
            let byte = u32::from(self.byte());
            value |= (byte & 0x7f).wrapping_shl(shift);
            // The fifth byte ends the number, and only four of its bits are left.
            if byte < 0x80 && (shift < 28 || byte < 0x10) {
                return value;
            }
            shift = shift.wrapping_add(7);
            if shift > 28 {
                self.fail();
                return 0;
            }
        }
    }

    #[inline(never)]
    pub fn f32(&mut self) -> f32 {
        match self.rest.split_first_chunk() {
            Some((&bytes, rest)) => {
                self.rest = rest;
                f32::from_le_bytes(bytes)
            }
            None => {
                self.fail();
                0.0
            }
        }
    }

    /// A length, then as many bytes.
    #[inline(never)]
    fn bytes(&mut self) -> &'m [u8] {
        let length = self.u32() as usize;
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.rest = rest;
                bytes
            }
            None => {
                self.fail();
                &[]
            }
        }
    }

    /// A length, then text.
    #[inline(never)]
    fn text(&mut self) {
        if !utf8::is_utf8(self.bytes()) {
            self.fail();
        }
    }

    /// A length of at most `N`, then as many elements.
    fn list<T: Decode<'m>, const N: usize>(&mut self) -> heapless::Vec<T, N> {
        let mut list = heapless::Vec::new();
        for _ in 0..self.u32() {
            if self.failed || list.push(T::decode(self)).is_err() {
                self.fail();
                break;
            }
        }
        list
    }
}

impl Decode<'_> for u32 {
    #[inline(always)]
    fn decode(from: &mut Reader) -> Self {
        from.u32()
    }
}

impl Decode<'_> for u8 {
    #[inline(always)]
    fn decode(from: &mut Reader) -> Self {
        from.byte()
    }
}

impl Decode<'_> for i8 {
    #[inline(always)]
    fn decode(from: &mut Reader) -> Self {
        from.byte() as i8
    }
}

/// Zigzag: 0, -1, 1, -2, 2 are 0, 1, 2, 3, 4.
impl Decode<'_> for i32 {
    #[inline]
    fn decode(from: &mut Reader) -> Self {
        let zigzag = from.u32();
        (zigzag >> 1) as i32 ^ -((zigzag & 1) as i32)
    }
}

/// As `i32`, within 16 bits, which three bytes hold: a longer form of a small number is none.
impl Decode<'_> for i16 {
    fn decode(from: &mut Reader) -> Self {
        let before = from.rest.len();
        let value = i32::decode(from);
        match i16::try_from(value) {
            Ok(value) if before.wrapping_sub(from.rest.len()) <= 3 => value,
            _ => {
                from.fail();
                0
            }
        }
    }
}

impl Decode<'_> for f32 {
    #[inline(always)]
    fn decode(from: &mut Reader) -> Self {
        from.f32()
    }
}

impl Decode<'_> for bool {
    fn decode(from: &mut Reader) -> Self {
        match from.byte() {
            0 => false,
            1 => true,
            _ => {
                from.fail();
                false
            }
        }
    }
}

impl<'m, T: Decode<'m> + Copy, const N: usize> Decode<'m> for [T; N] {
    fn decode(from: &mut Reader<'m>) -> Self {
        [(); N].map(|()| T::decode(from))
    }
}

impl Decode<'_> for DType {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::I8,
            1 => Self::U8,
            2 => Self::I16,
            3 => Self::I32,
            4 => Self::I64,
            5 => Self::F16,
            6 => Self::F32,
            _ => {
                from.fail();
                Self::I8
            }
        }
    }
}

impl Decode<'_> for Rounding {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::Tflite,
            1 => Self::Single,
            _ => {
                from.fail();
                Self::Single
            }
        }
    }
}

impl<'m> Decode<'m> for Port {
    #[inline(never)]
    fn decode(from: &mut Reader<'m>) -> Self {
        Self {
            offset: from.u32(),
            dtype: DType::decode(from),
            shape: from.list(),
            scale: from.f32(),
            zero_point: i32::decode(from),
            source_dtype: DType::decode(from),
            source_axes: from.list(),
        }
    }
}

impl<'m> Decode<'m> for Program {
    fn decode(from: &mut Reader<'m>) -> Self {
        Self {
            rounding: Rounding::decode(from),
            inputs: from.list(),
            outputs: from.list(),
            instruction_count: from.u32(),
        }
    }
}

/// True if `bytes` are exactly one [`Meta`], its texts valid UTF-8.
pub(crate) fn is_meta(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let from = &mut reader;
    // The fields of `Meta` in their order: texts, and `result_params` and the two hashes.
    for is_text in [true, true, true, false, true, true, true, false, false] {
        if is_text {
            from.text();
        } else {
            from.bytes();
        }
    }
    if bool::decode(from) {
        let _accuracy_ppm = (from.u32(), from.u32());
    }
    !from.failed && from.rest.is_empty()
}

/// Reads a [`Meta`] that [`is_meta`] has accepted.
pub(crate) fn meta(bytes: &[u8]) -> Meta<'_> {
    fn text<'m>(from: &mut Reader<'m>) -> &'m str {
        core::str::from_utf8(from.bytes()).unwrap_or_default()
    }
    let from = &mut Reader::new(bytes);
    if bytes.is_empty() {
        return Meta::default();
    }
    Meta {
        name: text(from),
        port_names: text(from),
        node_names: text(from),
        result_params: from.bytes(),
        labels: text(from),
        normalization: text(from),
        converter: text(from),
        source_sha256: from.bytes(),
        calibration_sha256: from.bytes(),
        accuracy_ppm: bool::decode(from).then(|| (from.u32(), from.u32())),
    }
}
