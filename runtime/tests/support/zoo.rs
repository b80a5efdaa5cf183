//! One valid instruction of each kind, all on the same arena and weights: seeds for hostile files.

use mote_runtime::format::instruction::*;
use mote_runtime::format::{DType, MAX_RANK, Program, Rounding};

use super::{Small, port, small};

/// Bytes of arena that the zoo's instructions use.
pub const ARENA_BYTES: u32 = 2048;
/// Where all instructions write.
const Y: u32 = 512;

/// Offsets into [`weights`].
mod at {
    pub const BYTES: u32 = 0;
    pub const MULTIPLIERS: u32 = 256;
    pub const SHIFTS: u32 = 320;
    pub const BIAS: u32 = 336;
    pub const FLOATS: u32 = 400;
    pub const HALVES: u32 = 656;
    pub const POINTS: u32 = 784;
    pub const COUNTS: u32 = 1810;
    pub const DELTAS: u32 = 1820;
    pub const CODE: u32 = 1830;
}

/// 256 bytes, 16 multipliers, 16 shifts, 16 biases, 64 floats, 64 halves, 513 points of a table, the places of blocks of
/// five filters, a Huffman code.
pub fn weights() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..=255u8).map(|i| i.wrapping_mul(91)).collect();
    (0..16i32).for_each(|i| bytes.extend((0x4000_0000 + i * 0x0300_0000).to_le_bytes()));
    (0..16i8).for_each(|i| bytes.push((-4 - i % 3) as u8));
    (0..16i32).for_each(|i| bytes.extend((i * 37 - 300).to_le_bytes()));
    (0..64).for_each(|i| bytes.extend((i as f32 * 0.125 - 4.0).to_le_bytes()));
    (0..64u16).for_each(|i| bytes.extend((0x3000 + i * 16).to_le_bytes()));
    (0..513i16).for_each(|i| bytes.extend((i * 60 + 100).to_le_bytes()));
    [3u16, 0, 4, 1, 2].iter().for_each(|count| bytes.extend(count.to_le_bytes()));
    bytes.extend([0, 2, 2, 0, 1, 1, 1, 4, 3, 1]);
    // Three codes of two bits, one of three, two of four.
    bytes.extend([0, 3, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 246, 90, 7, 166]);
    bytes
}

const WINDOW: Window = Window {
    kernel_h: 3,
    kernel_w: 3,
    stride_h: 2,
    stride_w: 2,
    dilation_h: 1,
    dilation_w: 1,
    pad_top: 1,
    pad_left: 1,
};
const SCALE: Multiplier = Multiplier { multiplier: 0x5555_5555, shift: -2 };

fn hwc(h: u32, w: u32, c: u32) -> Hwc {
    Hwc { h, w, c }
}

/// Factors in each of their forms.
const EACH: Factors = Factors::Each { multipliers: at::MULTIPLIERS, shifts: at::SHIFTS };
const PACKED: Factors = Factors::Packed { words: at::MULTIPLIERS, shift: -4 };
const ONE: Factors = Factors::One(Multiplier { multiplier: 0x4300_0000, shift: -5 });
/// Behind all ports and operands.
const SCRATCH: u32 = 1024;

fn requantize(biases: Biases, factors: Factors) -> Requantize8 {
    Requantize8 { biases, factors, y_zero_point: 3, min: -100, max: 120 }
}

fn binary(a: Operand, b: Operand) -> Binary {
    Binary {
        a,
        b,
        y: Y,
        len: 48,
        b_len: 4,
        b_inner: 3,
        a_zero_point: 1,
        b_zero_point: -2,
        y_zero_point: 4,
        min: -128,
        max: 127,
    }
}

fn pool(count_include_pad: bool) -> Pool2d {
    Pool2d {
        x: 0,
        y: Y,
        x_shape: hwc(7, 6, 3),
        y_shape: hwc(4, 3, 3),
        window: WINDOW,
        count_include_pad,
        pad_bottom: 1,
        pad_right: 1,
        zero_point: -9,
        min: -120,
        max: 100,
    }
}

fn depthwise(y_shape: Hwc, scratch_bytes: u32, order: RowOrder) -> Instruction {
    Instruction::DepthwiseConv2d(DepthwiseConv2d {
        x: 0,
        y: Y,
        scratch: SCRATCH,
        scratch_bytes,
        x_shape: hwc(7, 5, 4),
        y_shape,
        window: WINDOW,
        weights: at::BYTES,
        x_zero_point: -5,
        order,
        requantize: requantize(Biases::I16(at::BIAS), PACKED),
    })
}

fn sparse(x: u32, x_shape: Hwc, y_shape: Hwc, window: Window, direct: bool) -> Instruction {
    let conv = Conv2d {
        x,
        y: Y,
        scratch: SCRATCH,
        x_shape,
        y_shape,
        window,
        groups: 1,
        weights: at::BYTES,
        x_zero_point: -5,
        order: RowOrder::TopDown,
        requantize: requantize(Biases::I32(at::BIAS), EACH),
    };
    Instruction::Conv2dSparse(Conv2dSparse { conv, blocks: 10, counts: at::COUNTS, deltas: at::DELTAS, direct })
}

/// A convolution of six filters of 36 weights each.
fn conv2d_packed(code: WeightCode, tile_channels: u32, words: u32) -> Instruction {
    Instruction::Conv2dPacked(Conv2dPacked {
        conv: Conv2d {
            x: 0,
            y: Y,
            scratch: SCRATCH,
            x_shape: hwc(7, 5, 4),
            y_shape: hwc(4, 3, 6),
            window: WINDOW,
            groups: 1,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I32(at::BIAS), EACH),
        },
        packing: Packing { tile_channels, words, code },
    })
}

/// A convolution, a depthwise one and a pool in bands, the result over the input.
pub fn banded() -> Vec<Instruction> {
    let (line, other_line, y) = (512, 640, 0);
    let same = Window { stride_h: 1, stride_w: 1, ..WINDOW };
    let halve = Window { kernel_h: 2, kernel_w: 2, stride_h: 2, stride_w: 2, pad_top: 0, pad_left: 0, ..WINDOW };
    vec![
        Instruction::Bands(Bands { count: 3 }),
        Instruction::Conv2d(Conv2d {
            x: 0,
            y: line,
            scratch: SCRATCH,
            x_shape: hwc(9, 5, 4),
            y_shape: hwc(9, 5, 8),
            window: same,
            groups: 1,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I32(at::BIAS), EACH),
        }),
        Instruction::DepthwiseConv2d(DepthwiseConv2d {
            x: line,
            y: other_line,
            scratch: SCRATCH,
            scratch_bytes: (3 * 7 + 5 * 3) * 8,
            x_shape: hwc(9, 5, 8),
            y_shape: hwc(9, 5, 8),
            window: same,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I16(at::BIAS), PACKED),
        }),
        Instruction::MaxPool2d(Pool2d {
            x: other_line,
            y,
            x_shape: hwc(9, 5, 8),
            y_shape: hwc(4, 2, 8),
            window: halve,
            count_include_pad: false,
            pad_bottom: 0,
            pad_right: 0,
            zero_point: 0,
            min: -128,
            max: 127,
        }),
    ]
}

/// One instruction of each int8 kind, both roundings' addition included.
pub fn int8(rounding: Rounding) -> Vec<Instruction> {
    let (x, y) = (0, Y);
    let add = match rounding {
        Rounding::Tflite => Add {
            binary: binary(Operand::Arena(0), Operand::Weights(4)),
            left_shift: 20,
            a_scale: Multiplier { shift: 0, ..SCALE },
            b_scale: SCALE,
            y_scale: Multiplier { shift: -18, ..SCALE },
        },
        Rounding::Single => Add {
            binary: binary(Operand::Arena(0), Operand::Weights(4)),
            left_shift: 0,
            a_scale: Multiplier { multiplier: 500_000, shift: 0 },
            b_scale: Multiplier { multiplier: -700_000, shift: 0 },
            y_scale: Multiplier { multiplier: 0, shift: -20 },
        },
    };
    let sub = (rounding == Rounding::Tflite).then_some(Instruction::Sub(add));
    let all = vec![
        Instruction::Conv2d(Conv2d {
            x,
            y,
            scratch: SCRATCH,
            x_shape: hwc(7, 5, 4),
            y_shape: hwc(4, 3, 6),
            window: WINDOW,
            groups: 2,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I32(at::BIAS), EACH),
        }),
        // Onto its own input.
        Instruction::Conv2d(Conv2d {
            x: 64,
            y: 32,
            scratch: SCRATCH,
            x_shape: hwc(3, 3, 8),
            y_shape: hwc(3, 3, 8),
            window: Window { kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1, pad_top: 0, pad_left: 0, ..WINDOW },
            groups: 1,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I16(at::BIAS), PACKED),
        }),
        sparse(x, hwc(7, 6, 3), hwc(4, 3, 5), WINDOW, false),
        sparse(
            x,
            hwc(1, 5, 4),
            hwc(1, 1, 5),
            Window { kernel_h: 1, kernel_w: 5, pad_top: 0, pad_left: 0, ..WINDOW },
            true,
        ),
        Instruction::Conv2dWinograd(Conv2dWinograd {
            x,
            y,
            scratch: SCRATCH,
            x_shape: hwc(6, 5, 3),
            y_shape: hwc(6, 5, 2),
            pad_top: 1,
            pad_left: 1,
            weights: at::BYTES,
            x_zero_point: -5,
            order: RowOrder::TopDown,
            requantize: requantize(Biases::I32(at::BIAS), EACH),
        }),
        depthwise(hwc(4, 3, 8), 0, RowOrder::TopDown),
        depthwise(hwc(4, 3, 4), 3 * (7 + 5) * 8, RowOrder::BottomUp),
        Instruction::FullyConnected(FullyConnected {
            x,
            y,
            rows: 3,
            in_n: 20,
            out_n: 7,
            weights: at::BYTES,
            requantize: requantize(Biases::I32(at::BIAS), ONE),
        }),
        conv2d_packed(WeightCode::Huffman { table: at::CODE, count: 6 }, 4, 20),
        conv2d_packed(WeightCode::Palette { bits: 3, values: at::BYTES, count: 7 }, 5, 41),
        Instruction::FullyConnectedPacked(FullyConnectedPacked {
            dense: FullyConnected {
                x,
                y,
                rows: 3,
                in_n: 20,
                out_n: 7,
                weights: at::BYTES,
                requantize: requantize(Biases::I32(at::BIAS), ONE),
            },
            tile: SCRATCH,
            packing: Packing { tile_channels: 4, words: 40, code: WeightCode::Int4 },
        }),
        Instruction::Add(add),
        Instruction::Mul(Mul { binary: binary(Operand::Arena(0), Operand::Arena(128)), scale: SCALE }),
        Instruction::AveragePool2d(pool(true)),
        Instruction::MaxPool2d(pool(false)),
        Instruction::Mean(Mean {
            x,
            y,
            outer: 2,
            n: 9,
            inner: 5,
            x_zero_point: 7,
            y_zero_point: -7,
            min: -128,
            max: 127,
            scale: SCALE,
        }),
        Instruction::Softmax(Softmax {
            x,
            y,
            rows: 3,
            depth: 10,
            scale: Multiplier { multiplier: 0x4000_0000, shift: 23 },
            diff_min: -248,
        }),
        Instruction::Lookup(Lookup { x, y: x, len: 100, table: at::BYTES }),
        Instruction::Requantize(Requantize { x, y, len: 50, x_zero_point: 4, y_zero_point: -4, scale: SCALE }),
        Instruction::Quantize(Quantize { x, y, len: 30, scale: 0.25, zero_point: -1 }),
        Instruction::Dequantize(Dequantize { x, y, len: 30, scale: 0.25, zero_point: -1 }),
        Instruction::Pad(Pad {
            x,
            y,
            element_bytes: 2,
            x_shape: [1, 2, 3, 4],
            before: [0, 1, 1, 0],
            after: [0, 1, 0, 2],
            value: 0x1234,
        }),
        Instruction::StridedCopy(StridedCopy {
            x: Operand::Arena(0),
            y,
            rows: 5,
            row_bytes: 6,
            x_stride: 9,
            y_stride: 11,
        }),
        Instruction::Transpose(Transpose {
            x,
            y,
            element_bytes: 4,
            x_shape: [1, 1, 2, 3, 4, 5],
            axes: [0, 1, 3, 5, 2, 4],
        }),
        Instruction::Lstm(Lstm {
            x,
            y,
            cell: 960,
            hidden: 1000,
            steps: 3,
            in_n: 5,
            units: 4,
            input: lstm_gate(0),
            forget: lstm_gate(1),
            candidate: lstm_gate(2),
            output: lstm_gate(3),
            cell_integer_bits: 3,
            cell_clip: 20_000,
            hidden_scale: Multiplier { shift: -21, ..SCALE },
            hidden_zero_point: -3,
        }),
    ];
    all.into_iter().chain(sub).collect()
}

/// One instruction of each int16 kind.
pub fn int16(rounding: Rounding) -> Vec<Instruction> {
    let (x, y, min, max) = (0, Y, -32000, 32000);
    let reduced = rounding == Rounding::Tflite;
    let requantize = |biases, factors| Requantize16 { biases, factors, reduced, min, max };
    let binary =
        BinaryI16 { a: Operand::Arena(0), b: Operand::Weights(at::POINTS), y, len: 48, b_len: 4, b_inner: 3, min, max };
    let a_scale = Multiplier { shift: 0, ..SCALE };
    let add = AddI16 { binary, subtract: reduced, left_shift: 15, a_scale, b_scale: SCALE, y_scale: SCALE };
    let pool = Pool2dI16 {
        x,
        y,
        x_shape: hwc(7, 6, 3),
        y_shape: hwc(4, 3, 3),
        window: WINDOW,
        count_include_pad: true,
        pad_bottom: 1,
        pad_right: 1,
        min,
        max,
    };
    vec![
        Instruction::Conv2dI16(Conv2dI16 {
            x,
            y,
            x_shape: hwc(7, 5, 4),
            y_shape: hwc(4, 3, 6),
            window: WINDOW,
            groups: 2,
            weights: at::BYTES,
            order: RowOrder::TopDown,
            requantize: requantize(WideBiases::Int64(at::FLOATS), EACH),
        }),
        // Onto its own input.
        Instruction::Conv2dI16(Conv2dI16 {
            x: 128,
            y: 64,
            x_shape: hwc(3, 3, 8),
            y_shape: hwc(3, 3, 8),
            window: Window { kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1, pad_top: 0, pad_left: 0, ..WINDOW },
            groups: 1,
            weights: at::BYTES,
            order: RowOrder::TopDown,
            requantize: requantize(WideBiases::Zero, ONE),
        }),
        Instruction::DepthwiseConv2dI16(DepthwiseConv2dI16 {
            x,
            y,
            x_shape: hwc(7, 5, 4),
            y_shape: hwc(4, 3, 8),
            window: WINDOW,
            weights: at::BYTES,
            order: RowOrder::BottomUp,
            requantize: requantize(WideBiases::Zero, PACKED),
        }),
        Instruction::FullyConnectedI16(FullyConnectedI16 {
            x,
            y,
            rows: 3,
            in_n: 19,
            out_n: 7,
            weights: at::BYTES,
            requantize: Requantize16 { reduced: false, ..requantize(WideBiases::Int32(at::BIAS), ONE) },
        }),
        Instruction::AddI16(add),
        Instruction::MulI16(MulI16 { binary, scale: SCALE }),
        Instruction::AveragePool2dI16(pool),
        Instruction::MaxPool2dI16(Pool2dI16 { count_include_pad: false, ..pool }),
        Instruction::MeanI16(MeanI16 { x, y, outer: 2, n: 9, inner: 5, min, max, scale: SCALE }),
        Instruction::SoftmaxI16(SoftmaxI16 {
            x,
            y,
            rows: 3,
            depth: 10,
            scale: SCALE,
            exp_table: at::POINTS,
            reciprocal_table: at::POINTS,
        }),
        Instruction::LookupI16(LookupI16 { x, y: x, len: 50, table: at::POINTS }),
        Instruction::SigmoidI16(SigmoidI16 {
            x,
            y,
            len: 50,
            tanh: reduced,
            multiplier: 20_000,
            shift: 9,
            table: at::POINTS,
        }),
        Instruction::RescaleI16(RescaleI16 { x, y, len: 50, positive: a_scale, negative: SCALE, min, max }),
        Instruction::WidenI8(WidenI8 { x, y, len: 50, x_zero_point: 4, scale: Multiplier { shift: 5, ..SCALE } }),
        Instruction::NarrowI16(NarrowI16 { x, y, len: 50, y_zero_point: -4, scale: SCALE }),
        Instruction::QuantizeI16(QuantizeI16 { x, y, len: 30, scale: 0.25 }),
        Instruction::DequantizeI16(DequantizeI16 { x, y, len: 30, scale: 0.25 }),
    ]
}

fn lstm_gate(index: u32) -> LstmGate {
    LstmGate {
        weights_x: at::BYTES + 20 * index,
        weights_h: at::BYTES + 80 + 16 * index,
        bias_x: at::BIAS + 16 * index,
        bias_h: at::BIAS,
        scale_x: SCALE,
        scale_h: SCALE,
    }
}

/// One instruction of each float32 kind.
pub fn float() -> Vec<Instruction> {
    let (x, y, min, max) = (0, Y, f32::NEG_INFINITY, 6.0);
    let binary =
        BinaryF32 { a: Operand::Arena(0), b: Operand::Weights(at::FLOATS), y, len: 24, b_len: 4, b_inner: 2, min, max };
    let pool = Pool2dF32 {
        x,
        y,
        x_shape: hwc(5, 6, 2),
        y_shape: hwc(3, 3, 2),
        window: WINDOW,
        count_include_pad: true,
        pad_bottom: 1,
        pad_right: 1,
        min,
        max,
    };
    vec![
        Instruction::Conv2dF32(Conv2dF32 {
            x,
            y,
            x_shape: hwc(5, 5, 2),
            y_shape: hwc(3, 3, 3),
            window: WINDOW,
            groups: 1,
            weights: FloatWeights { offset: at::FLOATS, half: false },
            bias: at::FLOATS,
            min,
            max,
        }),
        Instruction::FullyConnectedF32(FullyConnectedF32 {
            x,
            y,
            rows: 2,
            in_n: 8,
            out_n: 5,
            weights: FloatWeights { offset: at::HALVES, half: true },
            bias: at::FLOATS,
            min,
            max,
        }),
        Instruction::AddF32(binary),
        Instruction::MulF32(binary),
        Instruction::AveragePool2dF32(pool),
        Instruction::MaxPool2dF32(Pool2dF32 { count_include_pad: false, ..pool }),
        Instruction::MeanF32(MeanF32 { x, y, outer: 2, n: 7, inner: 4, min, max }),
        Instruction::SoftmaxF32(SoftmaxF32 { x, y, rows: 3, depth: 9 }),
        Instruction::UnaryF32(UnaryF32 { x, y, len: 20, function: Unary::Selu { alpha: 1.5, gamma: 1.1 } }),
        Instruction::UnaryF32(UnaryF32 { x, y: x, len: 20, function: Unary::Gelu }),
        Instruction::LstmF32(LstmF32 {
            x,
            y,
            cell: 960,
            hidden: 992,
            steps: 3,
            in_n: 5,
            units: 3,
            input: lstm_gate_f32(0),
            forget: lstm_gate_f32(1),
            candidate: lstm_gate_f32(2),
            output: lstm_gate_f32(3),
            cell_clip: 2.0,
        }),
    ]
}

fn lstm_gate_f32(index: u32) -> LstmGateF32 {
    LstmGateF32 {
        weights_x: FloatWeights { offset: at::FLOATS + 36 * index, half: false },
        weights_h: FloatWeights { offset: at::HALVES + 18 * index, half: true },
        bias: at::FLOATS + 12 * index,
    }
}

/// A model of all of them, one after the other, on ports of all types.
pub fn zoo(rounding: Rounding) -> Small {
    let mut float_port = port(256, &[1, 8], &[0, 1], 1.0, 0);
    float_port.dtype = DType::F32;
    let mut int16_port = port(288, &[1, 6], &[0, 1], 0.25, 0);
    int16_port.dtype = DType::I16;
    Small {
        program: Program {
            rounding,
            inputs: heapless::Vec::from_slice(&[
                port(0, &[1, 4, 4, 16], &[0, 2, 3, 1], 0.5, 3),
                float_port,
                int16_port,
            ])
            .unwrap(),
            outputs: heapless::Vec::from_slice(&[port(Y, &[1, 2, 4], &[0, 2, 1], 0.5, 3)]).unwrap(),
            instruction_count: 0,
        },
        instructions: [int8(rounding), int16(rounding), float()].concat(),
        weights: weights(),
        arena_bytes: ARENA_BYTES,
        ..small()
    }
}

const _: () = assert!(MAX_RANK == 6, "`Transpose` above spells out six axes");
