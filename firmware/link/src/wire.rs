//! How messages are written: postcard's format, without `serde`.
//!
//! The encoding is postcard's to the byte, and tests hold this file to it. With `serde`'s derived code the device's side took 3 KB
//! more flash (10.5 KB on a Cortex-M0+), and postcard linked a panic. A message is the fields of a struct one after the other; of an enum, the number
//! of the variant and its fields. Integers of more than a byte are varints: seven bits in a byte, the lowest first. Slices
//! and strings have their length in front.

#[cfg(test)]
mod tests;

use crate::frame::Writer;

/// Something that can be written into a message, and read from one without copying bytes or strings.
pub trait Wire<'a>: Sized {
    /// Appends it. A writer that is full says so in the end.
    fn put(&self, writer: &mut Writer<'_>);

    /// Reads it; `None` if the bytes are none of these. Bytes behind it are left: later versions may append fields.
    fn take(reader: &mut Reader<'a>) -> Option<Self>;
}

/// The rest of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    #[inline(never)]
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    #[inline(never)]
    fn varint32(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 15 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl Writer<'_> {
    #[inline(never)]
    fn varint32(&mut self, mut value: u32) {
        while value > 0x7f {
            self.push(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.push(&[value as u8]);
    }
}

impl Wire<'_> for u8 {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.push(&[*self]);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.byte()
    }
}

impl Wire<'_> for u16 {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.varint32(u32::from(*self));
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        // Three bytes at most, as postcard reads it.
        let before = reader.0.len();
        let value = reader.varint32()?;
        if before - reader.0.len() > 3 { None } else { value.try_into().ok() }
    }
}

impl Wire<'_> for u32 {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.varint32(*self);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.varint32()
    }
}

impl Wire<'_> for u64 {
    #[inline(never)]
    fn put(&self, writer: &mut Writer<'_>) {
        let mut value = *self;
        while value > 0x7f {
            writer.push(&[value as u8 | 0x80]);
            value >>= 7;
        }
        writer.push(&[value as u8]);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = reader.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Wire<'a> for &'a [u8] {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.varint32(self.len() as u32);
        writer.push(self);
    }

    fn take(reader: &mut Reader<'a>) -> Option<Self> {
        let length = reader.varint32()?;
        reader.bytes(length as usize)
    }
}

impl<'a> Wire<'a> for &'a str {
    fn put(&self, writer: &mut Writer<'_>) {
        self.as_bytes().put(writer);
    }

    fn take(reader: &mut Reader<'a>) -> Option<Self> {
        core::str::from_utf8(Wire::take(reader)?).ok()
    }
}

impl Wire<'_> for [u8; 32] {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.push(self);
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        reader.bytes(32)?.try_into().ok()
    }
}

impl Wire<'_> for [u32; 3] {
    fn put(&self, writer: &mut Writer<'_>) {
        self.iter().for_each(|number| number.put(writer));
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        Some([reader.varint32()?, reader.varint32()?, reader.varint32()?])
    }
}

impl Wire<'_> for Option<u8> {
    fn put(&self, writer: &mut Writer<'_>) {
        match self {
            None => writer.push(&[0]),
            Some(value) => writer.push(&[1, *value]),
        }
    }

    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            0 => Some(None),
            1 => reader.byte().map(Some),
            _ => None,
        }
    }
}

/// `fields!([lifetime, type parameter] Type { fields in the order of the message })`.
macro_rules! fields {
    ([$life:lifetime $(, $name:ident)?] $type:ty { $($field:ident),* }) => {
        impl<$life $(, $name: $crate::wire::Wire<$life>)?> $crate::wire::Wire<$life> for $type {
            fn put(&self, writer: &mut $crate::frame::Writer<'_>) {
                $($crate::wire::Wire::put(&self.$field, writer);)*
            }

            fn take(reader: &mut $crate::wire::Reader<$life>) -> Option<Self> {
                Some(Self { $($field: $crate::wire::Wire::take(reader)?),* })
            }
        }
    };
}

/// `variants!([lifetime] Type { number = Variant, number = Variant { fields }, number = Variant(field) })`. Numbers keep their
/// meaning for good.
macro_rules! variants {
    ([$life:lifetime] $type:ty {
        $($number:literal = $variant:ident $({ $($field:ident),* })? $(($inner:ident))?,)*
    }) => {
        impl<$life> $crate::wire::Wire<$life> for $type {
            fn put(&self, writer: &mut $crate::frame::Writer<'_>) {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($inner))? => {
                        writer.push(&[$number]);
                        $($($crate::wire::Wire::put($field, writer);)*)?
                        $($crate::wire::Wire::put($inner, writer);)?
                    })*
                }
            }

            fn take(reader: &mut $crate::wire::Reader<$life>) -> Option<Self> {
                let number = <u8 as $crate::wire::Wire>::take(reader)?;
                match number {
                    $($number => {
                        $($(let $field = $crate::wire::Wire::take(reader)?;)*)?
                        $(let $inner = $crate::wire::Wire::take(reader)?;)?
                        Some(Self::$variant $({ $($field),* })? $(($inner))?)
                    })*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use {fields, variants};
