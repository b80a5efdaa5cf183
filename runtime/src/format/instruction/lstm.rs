//! Operands of recurrent instructions.

use super::{FloatWeights, Multiplier};
use serde::{Deserialize, Serialize};

/// One gate of an [`Lstm`]: `requantize(x * weights_x + bias_x, scale_x) + requantize(h * weights_h + bias_h, scale_h)`,
/// saturated to i16 after each term, with 3 integer bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LstmGate {
    /// `i8 [units, in_n]`, zero point 0.
    pub weights_x: u32,
    /// `i8 [units, units]`, zero point 0.
    pub weights_h: u32,
    /// `i32 [units]`, the input's zero point folded in.
    pub bias_x: u32,
    /// `i32 [units]`, the hidden state's zero point folded in.
    pub bias_h: u32,
    /// `x_scale * weights_x_scale * 2^12`.
    pub scale_x: Multiplier,
    /// `h_scale * weights_h_scale * 2^12`.
    pub scale_h: Multiplier,
}

/// Long short-term memory on int8 with an int16 cell: `steps` rows of `x [steps, in_n]`, one after the other, give the rows
/// of `y [steps, units]`.
///
/// `cell` and `hidden` are state: they keep their bytes between runs, and `Engine::reset` sets them to what zero is
/// stored as. Arithmetic of the TensorFlow Lite reference kernel, in both rounding modes of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lstm {
    /// Input.
    pub x: u32,
    /// Output; overlaps neither the input nor the state.
    pub y: u32,
    /// State `i16 [units]`, `cell_integer_bits` above the point.
    pub cell: u32,
    /// State `i8 [units]`, as `y`.
    pub hidden: u32,
    /// Rows, 1 or more.
    pub steps: u32,
    /// Elements of a row of the input.
    pub in_n: u32,
    /// Elements of a row of the output.
    pub units: u32,
    /// Input gate.
    pub input: LstmGate,
    /// Forget gate.
    pub forget: LstmGate,
    /// What the input gate lets through.
    pub candidate: LstmGate,
    /// Output gate.
    pub output: LstmGate,
    /// 0 to 6.
    pub cell_integer_bits: u8,
    /// Bound of the cell's magnitude; 0 for none.
    pub cell_clip: i16,
    /// `2^-30 / h_scale`.
    pub hidden_scale: Multiplier,
    /// Zero point of `hidden` and `y`.
    pub hidden_zero_point: i8,
}

/// One gate of an [`LstmF32`]: `weights_x * x + weights_h * h + bias`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LstmGateF32 {
    /// `[units, in_n]`.
    pub weights_x: FloatWeights,
    /// `[units, units]`.
    pub weights_h: FloatWeights,
    /// `f32 [units]`.
    pub bias: u32,
}

/// [`Lstm`] on float32. `Engine::reset` sets the state to 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LstmF32 {
    /// Input.
    pub x: u32,
    /// Output; overlaps neither the input nor the state.
    pub y: u32,
    /// State `f32 [units]`.
    pub cell: u32,
    /// State `f32 [units]`.
    pub hidden: u32,
    /// Rows, 1 or more.
    pub steps: u32,
    /// Elements of a row of the input.
    pub in_n: u32,
    /// Elements of a row of the output.
    pub units: u32,
    /// Input gate.
    pub input: LstmGateF32,
    /// Forget gate.
    pub forget: LstmGateF32,
    /// What the input gate lets through.
    pub candidate: LstmGateF32,
    /// Output gate.
    pub output: LstmGateF32,
    /// Bound of the cell's magnitude; infinity for none.
    pub cell_clip: f32,
}
