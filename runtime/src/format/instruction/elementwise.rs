//! Operands of element-wise instructions.

use super::{Multiplier, Operand};
use serde::{Deserialize, Serialize};

/// Element-wise int8 operation on two operands, with broadcasting of `b`:
/// element `i` of `a` meets element `(i / b_inner) % b_len` of `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Binary {
    /// First operand, `[len]`.
    pub a: Operand,
    /// Second operand, `[b_len]`.
    pub b: Operand,
    /// Output `[len]`; may start exactly where an arena operand of the same length starts, else no overlap.
    pub y: u32,
    /// Elements of `a` and `y`.
    pub len: u32,
    /// Elements of `b`, 1 or more.
    pub b_len: u32,
    /// Consecutive elements of `a` that share one element of `b`, 1 or more.
    pub b_inner: u32,
    /// Zero point of `a`.
    pub a_zero_point: i8,
    /// Zero point of `b`.
    pub b_zero_point: i8,
    /// Zero point of `y`.
    pub y_zero_point: i8,
    /// Smallest stored output.
    pub min: i8,
    /// Largest stored output.
    pub max: i8,
}

/// Addition on int8.
///
/// With [`Rounding::Tflite`](super::super::Rounding): both operands are shifted left by `left_shift`, scaled by `a_scale` and
/// `b_scale`, added, scaled by `y_scale`, as the TensorFlow Lite reference kernel.
/// With [`Rounding::Single`](super::super::Rounding): `y = ((a - za) * a_scale.multiplier + (b - zb) * b_scale.multiplier
/// + 2^(s - 1)) >> s` in i32, where `s = -y_scale.shift` in `1..=30`; multipliers in `[-2^21, 2^21]`; `left_shift`,
/// the other shifts and `y_scale.multiplier` are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Add {
    /// Operands and output.
    pub binary: Binary,
    /// Left shift before scaling, 0..=20.
    pub left_shift: u8,
    /// Scale of `a`.
    pub a_scale: Multiplier,
    /// Scale of `b`.
    pub b_scale: Multiplier,
    /// Scale of the sum.
    pub y_scale: Multiplier,
}

/// Multiplication on int8: `y = requantize((a - za) * (b - zb), scale) + zy`, `scale = a_scale * b_scale / y_scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mul {
    /// Operands and output.
    pub binary: Binary,
    /// Scale of the product.
    pub scale: Multiplier,
}

/// Any unary operation on int8 as a 256-byte table: `y = table[x + 128]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lookup {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Weights-section offset of 256 `i8`.
    pub table: u32,
}

/// `y = clamp(round_half_away(x / scale) + zero_point, -128, 127)`, `x [len] f32`, `y [len] i8`; NaN gives the zero point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quantize {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts, else no overlap.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
    /// Zero point of the output.
    pub zero_point: i8,
}

/// `y = scale * (x - zero_point)`, `x [len] i8`, `y [len] f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dequantize {
    /// Input.
    pub x: u32,
    /// Output; must not overlap the input.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Finite, above 0.
    pub scale: f32,
    /// Zero point of the input.
    pub zero_point: i8,
}

/// Changes scale and zero point of int8: `y = clamp(requantize(x - x_zero_point, scale) + y_zero_point, -128, 127)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requantize {
    /// Input.
    pub x: u32,
    /// Output; may start exactly where the input starts.
    pub y: u32,
    /// Elements.
    pub len: u32,
    /// Zero point of the input.
    pub x_zero_point: i8,
    /// Zero point of the output.
    pub y_zero_point: i8,
    /// `x_scale / y_scale`.
    pub scale: Multiplier,
}
