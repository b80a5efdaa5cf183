//! Decoding of operands: the fields in the order of their declaration.

use super::{Decode, Reader};
use crate::format::instruction::*;

macro_rules! decode_fields {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        $(impl<'m> Decode<'m> for $name {
            fn decode(from: &mut Reader<'m>) -> Self {
                // The fields of a struct expression are evaluated as they are written.
                Self { $($field: Decode::decode(from),)* }
            }
        })*
    };
}

decode_fields! {
    Hwc { h, w, c }
    Window { kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left }
    Multiplier { multiplier, shift }
    Requantize8 { biases, factors, y_zero_point, min, max }
    Conv2d { x, y, scratch, x_shape, y_shape, window, groups, weights, x_zero_point, order, requantize }
    Conv2dWinograd { x, y, scratch, x_shape, y_shape, pad_top, pad_left, weights, x_zero_point, order, requantize }
    DepthwiseConv2d {
        x, y, scratch, scratch_bytes, x_shape, y_shape, window, weights, x_zero_point, order, requantize,
    }
    FullyConnected { x, y, rows, in_n, out_n, weights, requantize }
    Binary { a, b, y, len, b_len, b_inner, a_zero_point, b_zero_point, y_zero_point, min, max }
    Add { binary, left_shift, a_scale, b_scale, y_scale }
    Mul { binary, scale }
    Pool2d { x, y, x_shape, y_shape, window, count_include_pad, pad_bottom, pad_right, zero_point, min, max }
    Mean { x, y, outer, n, inner, x_zero_point, y_zero_point, min, max, scale }
    Pad { x, y, element_bytes, x_shape, before, after, value }
    Softmax { x, y, rows, depth, scale, diff_min }
    Lookup { x, y, len, table }
    StridedCopy { x, y, rows, row_bytes, x_stride, y_stride }
    Transpose { x, y, element_bytes, x_shape, axes }
    Quantize { x, y, len, scale, zero_point }
    Dequantize { x, y, len, scale, zero_point }
    Requantize { x, y, len, x_zero_point, y_zero_point, scale }
    FloatWeights { offset, half }
    Conv2dF32 { x, y, x_shape, y_shape, window, groups, weights, bias, min, max }
    FullyConnectedF32 { x, y, rows, in_n, out_n, weights, bias, min, max }
    BinaryF32 { a, b, y, len, b_len, b_inner, min, max }
    Pool2dF32 { x, y, x_shape, y_shape, window, count_include_pad, pad_bottom, pad_right, min, max }
    MeanF32 { x, y, outer, n, inner, min, max }
    SoftmaxF32 { x, y, rows, depth }
    UnaryF32 { x, y, len, function }
    LstmGate { weights_x, weights_h, bias_x, bias_h, scale_x, scale_h }
    Lstm {
        x, y, cell, hidden, steps, in_n, units, input, forget, candidate, output, cell_integer_bits, cell_clip,
        hidden_scale, hidden_zero_point,
    }
    LstmGateF32 { weights_x, weights_h, bias }
    Requantize16 { biases, factors, reduced, min, max }
    Conv2dI16 { x, y, x_shape, y_shape, window, groups, weights, order, requantize }
    DepthwiseConv2dI16 { x, y, x_shape, y_shape, window, weights, order, requantize }
    FullyConnectedI16 { x, y, rows, in_n, out_n, weights, requantize }
    BinaryI16 { a, b, y, len, b_len, b_inner, min, max }
    AddI16 { binary, subtract, left_shift, a_scale, b_scale, y_scale }
    MulI16 { binary, scale }
    Pool2dI16 { x, y, x_shape, y_shape, window, count_include_pad, pad_bottom, pad_right, min, max }
    MeanI16 { x, y, outer, n, inner, min, max, scale }
    SoftmaxI16 { x, y, rows, depth, scale, exp_table, reciprocal_table }
    LookupI16 { x, y, len, table }
    SigmoidI16 { x, y, len, tanh, multiplier, shift, table }
    RescaleI16 { x, y, len, positive, negative, min, max }
    WidenI8 { x, y, len, x_zero_point, scale }
    NarrowI16 { x, y, len, y_zero_point, scale }
    QuantizeI16 { x, y, len, scale }
    DequantizeI16 { x, y, len, scale }
    Bands { count }
    Conv2dSparse { conv, blocks, counts, deltas, direct }
    Packing { tile_channels, words, code }
    Conv2dPacked { conv, packing }
    FullyConnectedPacked { dense, tile, packing }
    LstmF32 { x, y, cell, hidden, steps, in_n, units, input, forget, candidate, output, cell_clip }
}

impl Decode<'_> for Biases {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::I32(from.u32()),
            1 => Self::I16(from.u32()),
            _ => {
                from.fail();
                Self::I32(0)
            }
        }
    }
}

impl Decode<'_> for WideBiases {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::Zero,
            1 => Self::Int32(from.u32()),
            2 => Self::Int64(from.u32()),
            _ => {
                from.fail();
                Self::Zero
            }
        }
    }
}

impl Decode<'_> for Factors {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::One(Multiplier::decode(from)),
            1 => Self::Each { multipliers: from.u32(), shifts: from.u32() },
            2 => Self::Packed { words: from.u32(), shift: i8::decode(from) },
            _ => {
                from.fail();
                Self::Each { multipliers: 0, shifts: 0 }
            }
        }
    }
}

impl Decode<'_> for WeightCode {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::Int4,
            1 => Self::Palette { bits: from.byte(), values: from.u32(), count: from.u32() },
            2 => Self::Huffman { table: from.u32(), count: from.u32() },
            _ => {
                from.fail();
                Self::Int4
            }
        }
    }
}

impl Decode<'_> for RowOrder {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::TopDown,
            1 => Self::BottomUp,
            _ => {
                from.fail();
                Self::TopDown
            }
        }
    }
}

impl Decode<'_> for Operand {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::Arena(from.u32()),
            1 => Self::Weights(from.u32()),
            _ => {
                from.fail();
                Self::Arena(0)
            }
        }
    }
}

impl Decode<'_> for Unary {
    fn decode(from: &mut Reader) -> Self {
        match from.u32() {
            0 => Self::Clamp { min: from.f32(), max: from.f32() },
            1 => Self::LeakyRelu { alpha: from.f32() },
            2 => Self::Elu { alpha: from.f32() },
            3 => Self::Selu { alpha: from.f32(), gamma: from.f32() },
            4 => Self::Sigmoid,
            5 => Self::Tanh,
            6 => Self::HardSigmoid { alpha: from.f32(), beta: from.f32() },
            7 => Self::HardSwish,
            8 => Self::Silu,
            9 => Self::Gelu,
            10 => Self::GeluTanh,
            11 => Self::Mish,
            12 => Self::Softplus,
            13 => Self::Softsign,
            14 => Self::Erf,
            15 => Self::Exp,
            16 => Self::Log,
            17 => Self::Sqrt,
            18 => Self::Reciprocal,
            19 => Self::Neg,
            20 => Self::Abs,
            21 => Self::Floor,
            22 => Self::Ceil,
            23 => Self::Round,
            24 => Self::Sign,
            25 => Self::Sin,
            26 => Self::Cos,
            _ => {
                from.fail();
                Self::Sigmoid
            }
        }
    }
}
