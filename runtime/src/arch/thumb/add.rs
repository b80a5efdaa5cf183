//! Addition with the roundings of the TensorFlow Lite reference kernel.

use super::super::{Addition, Channel, ShiftBase, Term, portable};
use super::isa;
use super::limits::Limits;
use crate::format::Rounding;

/// Elements whose sums are held on the stack at a time.
const BLOCK: usize = 32;

/// The left shift that the reference kernel uses.
const LEFT_SHIFT: u32 = 20;

/// A [`Term`] as the assembly reads it. With `d = x - zero_point` of 9 bits and the two halves of the multiplier,
/// `(d << 20) * multiplier + 2^30 >> 31` is `d * high * 2^5 + (d * low + 2^10 >> 11)`, and no product leaves 32 bits.
#[repr(C)]
pub(super) struct Operand {
    /// The zero point, negative.
    less: i32,
    low: i32,
    /// Times `2^5`.
    high: i32,
    half: i32,
    /// All ones if rounding is away from zero: there is a place to round.
    away: i32,
    shift: i32,
}

impl Operand {
    fn new(term: &Term) -> Option<Self> {
        let Term { zero_point, scale } = *term;
        let shift = i32::from(scale.shift).wrapping_neg();
        ((0..=31).contains(&shift) && scale.multiplier >= 0).then_some(Self {
            less: i32::from(zero_point).wrapping_neg(),
            low: scale.multiplier & 0xffff,
            high: scale.multiplier >> 16 << 5,
            half: if shift == 0 { 0 } else { 1i32.wrapping_shl((shift as u32).wrapping_sub(1)) },
            away: if shift == 0 { 0 } else { -1 },
            shift,
        })
    }
}

/// See [`portable::add_tflite`].
#[inline(never)]
pub(crate) fn add_tflite(addition: &Addition, a: &[i8], b: &[i8], y: &mut [i8]) {
    let mut channel = Channel::default();
    let base = ShiftBase::new(Rounding::Tflite, addition.y_zero_point);
    let known = addition.left_shift == LEFT_SHIFT && addition.store.rounding == Rounding::Tflite;
    let scaled = channel.scale(addition.y_scale.multiplier, addition.y_scale.shift, base);
    let (true, Some(()), Some(first), Some(second)) =
        (known, scaled, Operand::new(&addition.a), Operand::new(&addition.b))
    else {
        return portable::add_tflite(addition, a, b, y);
    };
    let limits = Limits::from(addition.store);
    for ((y, a), b) in y.chunks_mut(BLOCK).zip(a.chunks(BLOCK)).zip(b.chunks(BLOCK)) {
        let mut sums = [0i32; BLOCK];
        let count = y.len().min(a.len()).min(b.len());
        let end = sums.as_ptr().wrapping_add(count);
        if count == 0 {
            return;
        }
        // SAFETY: `a`, `b`, `y` and `sums` have `count` elements, which are some. Sums of two terms of 2^28 at most are as
        // small as those of a channel's.
        unsafe {
            isa::add_terms(a.as_ptr(), sums.as_mut_ptr(), end, &first);
            isa::add_terms(b.as_ptr(), sums.as_mut_ptr(), end, &second);
            isa::scale_sums(sums.as_ptr(), end, y.as_mut_ptr(), &limits, &channel);
        }
    }
}
