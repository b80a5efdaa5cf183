//! What an instruction reads, writes and costs, told by its parameters alone.

use super::PackedSummary;
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{
    Biases, Binary, BinaryF32, BinaryI16, Factors, FloatWeights, Hwc, Operand, Pool2d, Pool2dF32, Pool2dI16,
    Requantize8, Requantize16, WideBiases,
};

/// Shapes, arithmetic and memory of one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Shape of the first operand.
    pub x_shape: Vec<u32>,
    /// Shape of the result.
    pub y_shape: Vec<u32>,
    /// Multiply-accumulates of convolutions and fully connected layers, of the weights that are stored; 0 for the rest.
    pub macs: u64,
    /// Bytes of constants it reads: weights, bias, multipliers, tables.
    pub weight_bytes: u32,
    /// Arena range it writes, first byte and one past the last. Gaps between the rows of a copy count.
    pub writes: [u32; 2],
}

impl Facts {
    /// Of an instruction that `Model::load` has accepted.
    pub fn of(instruction: &Instruction) -> Self {
        use Instruction::*;
        match instruction {
            Bands(_) => plain(Vec::new(), vec![0], 0, 1),
            Conv2d(op) => {
                let taps = u64::from(op.window.kernel_h) * u64::from(op.window.kernel_w);
                let per_output = taps * u64::from(op.x_shape.c / op.groups.max(1));
                let weights = op.row_bytes().and_then(|row| row.checked_mul(op.y_shape.c));
                conv(op.x_shape, op.y_shape, op.y, per_output, 1).constants(weights, op.requantize, op.y_shape.c)
            }
            Conv2dSparse(op) => {
                let weights = op.blocks.checked_mul(5).and_then(|bytes| bytes.checked_add(op.conv.y_shape.c * 2));
                let pixels = u64::from(op.conv.y_shape.h) * u64::from(op.conv.y_shape.w);
                let facts = conv(op.conv.x_shape, op.conv.y_shape, op.conv.y, 0, 1);
                Self { macs: pixels * 4 * u64::from(op.blocks), ..facts }.constants(
                    weights,
                    op.conv.requantize,
                    op.conv.y_shape.c,
                )
            }
            Conv2dWinograd(op) => {
                let per_output = op.taps().unwrap_or(u32::MAX).into();
                let facts = conv(op.x_shape, op.y_shape, op.y, per_output, 1);
                facts.constants(op.weight_bytes(), op.requantize, op.y_shape.c)
            }
            DepthwiseConv2d(op) => {
                let taps = u64::from(op.window.kernel_h) * u64::from(op.window.kernel_w);
                let weights = u32::try_from(taps * u64::from(op.y_shape.c)).ok();
                conv(op.x_shape, op.y_shape, op.y, taps, 1).constants(weights, op.requantize, op.y_shape.c)
            }
            FullyConnected(op) => {
                dense(op.rows, op.in_n, op.out_n, op.y, 1).constants(op.weight_bytes(), op.requantize, op.out_n)
            }
            Conv2dPacked(op) => Self::of(&Conv2d(op.conv)).packed(instruction),
            FullyConnectedPacked(op) => Self::of(&FullyConnected(op.dense)).packed(instruction),
            Add(op) => binary(&op.binary),
            Sub(op) => binary(&op.binary),
            Mul(op) => binary(&op.binary),
            AveragePool2d(op) | MaxPool2d(op) => pool(op),
            Mean(op) => plain(vec![op.outer, op.n, op.inner], vec![op.outer, op.inner], op.y, 1),
            Softmax(op) => same(vec![op.rows, op.depth], op.y, 1),
            Lookup(op) => Self { weight_bytes: 256, ..same(vec![op.len], op.y, 1) },
            Requantize(op) => same(vec![op.len], op.y, 1),
            Quantize(op) => same(vec![op.len], op.y, 1),
            Dequantize(op) => same(vec![op.len], op.y, 4),
            Pad(op) => {
                let y = (0..4).map(|i| op.x_shape[i].saturating_add(op.before[i]).saturating_add(op.after[i]));
                plain(op.x_shape.to_vec(), y.collect(), op.y, op.element_bytes.into())
            }
            StridedCopy(op) => {
                let span = op.rows.saturating_sub(1).saturating_mul(op.y_stride).saturating_add(op.row_bytes);
                let shape = vec![op.rows, op.row_bytes];
                let facts = Self { writes: [op.y, op.y.saturating_add(span)], ..same(shape, op.y, 1) };
                let bytes = op.rows.saturating_mul(op.row_bytes);
                Self { weight_bytes: constant(op.x, bytes), ..facts }
            }
            Transpose(op) => {
                let y = op.axes.iter().map(|&axis| op.x_shape.get(usize::from(axis)).copied().unwrap_or(1));
                plain(op.x_shape.to_vec(), y.collect(), op.y, op.element_bytes.into())
            }
            Conv2dF32(op) => {
                let taps = u64::from(op.window.kernel_h) * u64::from(op.window.kernel_w);
                let per_output = taps * u64::from(op.x_shape.c / op.groups.max(1));
                conv(op.x_shape, op.y_shape, op.y, per_output, 4).float_constants(op.weights, per_output, op.y_shape.c)
            }
            FullyConnectedF32(op) => {
                let facts = dense(op.rows, op.in_n, op.out_n, op.y, 4);
                facts.float_constants(op.weights, op.in_n.into(), op.out_n)
            }
            AddF32(op) | MulF32(op) => binary_f32(op),
            AveragePool2dF32(op) | MaxPool2dF32(op) => pool_f32(op),
            MeanF32(op) => plain(vec![op.outer, op.n, op.inner], vec![op.outer, op.inner], op.y, 4),
            SoftmaxF32(op) => same(vec![op.rows, op.depth], op.y, 4),
            UnaryF32(op) => same(vec![op.len], op.y, 4),
            Conv2dI16(op) => {
                let taps = u64::from(op.window.kernel_h) * u64::from(op.window.kernel_w);
                let per_output = taps * u64::from(op.x_shape.c / op.groups.max(1));
                let weights = op.row_bytes().and_then(|row| row.checked_mul(op.y_shape.c));
                conv(op.x_shape, op.y_shape, op.y, per_output, 2).constants16(weights, op.requantize, op.y_shape.c)
            }
            DepthwiseConv2dI16(op) => {
                let taps = u64::from(op.window.kernel_h) * u64::from(op.window.kernel_w);
                let weights = u32::try_from(taps * u64::from(op.y_shape.c)).ok();
                conv(op.x_shape, op.y_shape, op.y, taps, 2).constants16(weights, op.requantize, op.y_shape.c)
            }
            FullyConnectedI16(op) => {
                let weights = op.in_n.checked_next_multiple_of(4).and_then(|row| row.checked_mul(op.out_n));
                dense(op.rows, op.in_n, op.out_n, op.y, 2).constants16(weights, op.requantize, op.out_n)
            }
            AddI16(op) => binary_i16(&op.binary),
            MulI16(op) => binary_i16(&op.binary),
            AveragePool2dI16(op) | MaxPool2dI16(op) => pool_i16(op),
            MeanI16(op) => plain(vec![op.outer, op.n, op.inner], vec![op.outer, op.inner], op.y, 2),
            SoftmaxI16(op) => Self { weight_bytes: 2 * 2 * 513, ..same(vec![op.rows, op.depth], op.y, 2) },
            LookupI16(op) => Self { weight_bytes: 2 * 513, ..same(vec![op.len], op.y, 2) },
            SigmoidI16(op) => Self { weight_bytes: 2 * 256, ..same(vec![op.len], op.y, 2) },
            RescaleI16(op) => same(vec![op.len], op.y, 2),
            WidenI8(op) => same(vec![op.len], op.y, 2),
            NarrowI16(op) => same(vec![op.len], op.y, 1),
            QuantizeI16(op) => same(vec![op.len], op.y, 2),
            DequantizeI16(op) => same(vec![op.len], op.y, 4),
            Lstm(op) => {
                let facts = plain(vec![op.steps, op.in_n], vec![op.steps, op.units], op.y, 1);
                let weights = 4 * u64::from(op.units) * (u64::from(op.in_n) + u64::from(op.units));
                let weight_bytes = saturate(weights + 32 * u64::from(op.units));
                Self { macs: weights * u64::from(op.steps), weight_bytes, ..facts }
            }
            LstmF32(op) => {
                let facts = plain(vec![op.steps, op.in_n], vec![op.steps, op.units], op.y, 4);
                let per_unit = u64::from(op.in_n) + u64::from(op.units);
                let facts = facts.float_constants(op.input.weights_x, per_unit, op.units.saturating_mul(4));
                Self { macs: 4 * u64::from(op.units) * per_unit * u64::from(op.steps), ..facts }
            }
        }
    }

    /// Those of an instruction with dense weights, with packed ones.
    fn packed(self, instruction: &Instruction) -> Self {
        let Some(PackedSummary { bytes, dense_bytes, .. }) = PackedSummary::of(instruction) else { return self };
        Self { weight_bytes: self.weight_bytes.saturating_sub(dense_bytes).saturating_add(bytes), ..self }
    }

    /// Adds the bytes of stored int8 weights, biases and factors.
    fn constants(self, weights: Option<u32>, requantize: Requantize8, channels: u32) -> Self {
        let bias = match requantize.biases {
            Biases::I32(_) => 4,
            Biases::I16(_) => 2,
        };
        self.tables(weights, bias, requantize.factors, channels)
    }

    /// As [`constants`](Self::constants), of layers on int16.
    fn constants16(self, weights: Option<u32>, requantize: Requantize16, channels: u32) -> Self {
        let bias = match requantize.biases {
            WideBiases::Zero => 0,
            WideBiases::Int32(_) => 4,
            WideBiases::Int64(_) => 8,
        };
        self.tables(weights, bias, requantize.factors, channels)
    }

    fn tables(self, weights: Option<u32>, bias: u64, factors: Factors, channels: u32) -> Self {
        let factor = match factors {
            Factors::One(_) => 0,
            Factors::Packed { .. } => 4,
            Factors::Each { .. } => 5,
        };
        let bytes = u64::from(weights.unwrap_or(u32::MAX)) + (bias + factor) * u64::from(channels);
        Self { weight_bytes: saturate(bytes), ..self }
    }

    fn float_constants(self, weights: FloatWeights, per_output: u64, channels: u32) -> Self {
        let element = if weights.half { 2 } else { 4 };
        Self { weight_bytes: saturate((per_output * element + 4) * u64::from(channels)), ..self }
    }
}

fn saturate(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn elements(shape: &[u32]) -> u32 {
    shape.iter().fold(1, |n: u32, &size| n.saturating_mul(size))
}

fn plain(x_shape: Vec<u32>, y_shape: Vec<u32>, y: u32, element: u32) -> Facts {
    let end = y.saturating_add(elements(&y_shape).saturating_mul(element));
    Facts { x_shape, y_shape, macs: 0, weight_bytes: 0, writes: [y, end] }
}

fn same(shape: Vec<u32>, y: u32, element: u32) -> Facts {
    plain(shape.clone(), shape, y, element)
}

fn map(shape: Hwc) -> Vec<u32> {
    vec![shape.h, shape.w, shape.c]
}

fn conv(x: Hwc, y_shape: Hwc, y: u32, macs_per_output: u64, element: u32) -> Facts {
    let facts = plain(map(x), map(y_shape), y, element);
    Facts { macs: u64::from(elements(&facts.y_shape)) * macs_per_output, ..facts }
}

fn dense(rows: u32, in_n: u32, out_n: u32, y: u32, element: u32) -> Facts {
    let facts = plain(vec![rows, in_n], vec![rows, out_n], y, element);
    Facts { macs: u64::from(elements(&facts.y_shape)) * u64::from(in_n), ..facts }
}

fn pool(op: &Pool2d) -> Facts {
    plain(map(op.x_shape), map(op.y_shape), op.y, 1)
}

fn pool_i16(op: &Pool2dI16) -> Facts {
    plain(map(op.x_shape), map(op.y_shape), op.y, 2)
}

fn pool_f32(op: &Pool2dF32) -> Facts {
    plain(map(op.x_shape), map(op.y_shape), op.y, 4)
}

fn constant(operand: Operand, bytes: u32) -> u32 {
    match operand {
        Operand::Arena(_) => 0,
        Operand::Weights(_) => bytes,
    }
}

fn binary(op: &Binary) -> Facts {
    let weight_bytes = constant(op.a, op.len).saturating_add(constant(op.b, op.b_len));
    Facts { weight_bytes, ..same(vec![op.len], op.y, 1) }
}

fn binary_i16(op: &BinaryI16) -> Facts {
    let weight_bytes = constant(op.a, op.len).saturating_add(constant(op.b, op.b_len)).saturating_mul(2);
    Facts { weight_bytes, ..same(vec![op.len], op.y, 2) }
}

fn binary_f32(op: &BinaryF32) -> Facts {
    let weight_bytes = constant(op.a, op.len).saturating_add(constant(op.b, op.b_len)).saturating_mul(4);
    Facts { weight_bytes, ..same(vec![op.len], op.y, 4) }
}
