//! Which bytes of the arena an instruction needs besides those that it writes.

use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Binary, BinaryF32, BinaryI16, Conv2d, Hwc, Operand};

/// Arena ranges, first byte and one past the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operands {
    /// Read.
    pub reads: Vec<[u32; 2]>,
    /// Needed while it runs only.
    pub scratch: Option<[u32; 2]>,
    /// Read, written, and kept until the next run.
    pub state: Vec<[u32; 2]>,
}

impl Operands {
    /// Of an instruction that `Model::load` has accepted.
    pub fn of(instruction: &Instruction) -> Self {
        use Instruction::*;
        match instruction {
            Bands(_) => Self::default(),
            Conv2d(op) => conv(op, op.scratch_bytes().unwrap_or(0)),
            Conv2dSparse(op) => conv(&op.conv, op.scratch_bytes().unwrap_or(0)),
            Conv2dPacked(op) => {
                let bytes = op.conv.scratch_bytes().unwrap_or(0).saturating_add(op.tile_bytes().unwrap_or(0));
                conv(&op.conv, bytes)
            }
            Conv2dWinograd(op) => map(op.x, op.x_shape, 1).scratch(op.scratch, op.scratch_bytes().unwrap_or(0)),
            DepthwiseConv2d(op) => map(op.x, op.x_shape, 1).scratch(op.scratch, op.scratch_bytes),
            FullyConnected(op) => flat(op.x, op.rows.saturating_mul(op.in_n), 1),
            FullyConnectedPacked(op) => {
                let bytes = op.tile_bytes().unwrap_or(0);
                flat(op.dense.x, op.dense.rows.saturating_mul(op.dense.in_n), 1).scratch(op.tile, bytes)
            }
            Add(op) => binary(&op.binary),
            Sub(op) => binary(&op.binary),
            Mul(op) => binary(&op.binary),
            AveragePool2d(op) | MaxPool2d(op) => map(op.x, op.x_shape, 1),
            Mean(op) => flat(op.x, elements(&[op.outer, op.n, op.inner]), 1),
            Softmax(op) => flat(op.x, op.rows.saturating_mul(op.depth), 1),
            Lookup(op) => flat(op.x, op.len, 1),
            Requantize(op) => flat(op.x, op.len, 1),
            Quantize(op) => flat(op.x, op.len, 4),
            Dequantize(op) => flat(op.x, op.len, 1),
            Pad(op) => flat(op.x, elements(&op.x_shape), op.element_bytes.into()),
            StridedCopy(op) => {
                let span = op.rows.saturating_sub(1).saturating_mul(op.x_stride).saturating_add(op.row_bytes);
                operands(&[(op.x, span)])
            }
            Transpose(op) => flat(op.x, elements(&op.x_shape), op.element_bytes.into()),
            Conv2dF32(op) => map(op.x, op.x_shape, 4),
            FullyConnectedF32(op) => flat(op.x, op.rows.saturating_mul(op.in_n), 4),
            AddF32(op) | MulF32(op) => binary_f32(op),
            AveragePool2dF32(op) | MaxPool2dF32(op) => map(op.x, op.x_shape, 4),
            MeanF32(op) => flat(op.x, elements(&[op.outer, op.n, op.inner]), 4),
            SoftmaxF32(op) => flat(op.x, op.rows.saturating_mul(op.depth), 4),
            UnaryF32(op) => flat(op.x, op.len, 4),
            Conv2dI16(op) => map(op.x, op.x_shape, 2),
            DepthwiseConv2dI16(op) => map(op.x, op.x_shape, 2),
            FullyConnectedI16(op) => flat(op.x, op.rows.saturating_mul(op.in_n), 2),
            AddI16(op) => binary_i16(&op.binary),
            MulI16(op) => binary_i16(&op.binary),
            AveragePool2dI16(op) | MaxPool2dI16(op) => map(op.x, op.x_shape, 2),
            MeanI16(op) => flat(op.x, elements(&[op.outer, op.n, op.inner]), 2),
            SoftmaxI16(op) => flat(op.x, op.rows.saturating_mul(op.depth), 2),
            LookupI16(op) => flat(op.x, op.len, 2),
            SigmoidI16(op) => flat(op.x, op.len, 2),
            RescaleI16(op) => flat(op.x, op.len, 2),
            WidenI8(op) => flat(op.x, op.len, 1),
            NarrowI16(op) => flat(op.x, op.len, 2),
            QuantizeI16(op) => flat(op.x, op.len, 4),
            DequantizeI16(op) => flat(op.x, op.len, 2),
            Lstm(op) => {
                let state = vec![range(op.cell, op.units, 2), range(op.hidden, op.units, 1)];
                Self { state, ..flat(op.x, op.steps.saturating_mul(op.in_n), 1) }
            }
            LstmF32(op) => {
                let state = vec![range(op.cell, op.units, 4), range(op.hidden, op.units, 4)];
                Self { state, ..flat(op.x, op.steps.saturating_mul(op.in_n), 4) }
            }
        }
    }

    fn scratch(self, start: u32, bytes: u32) -> Self {
        Self { scratch: (bytes > 0).then(|| range(start, bytes, 1)), ..self }
    }
}

fn elements(shape: &[u32]) -> u32 {
    shape.iter().fold(1, |n: u32, &size| n.saturating_mul(size))
}

fn range(start: u32, elements: u32, bytes: u32) -> [u32; 2] {
    [start, start.saturating_add(elements.saturating_mul(bytes))]
}

fn flat(x: u32, elements: u32, bytes: u32) -> Operands {
    Operands { reads: vec![range(x, elements, bytes)], ..Operands::default() }
}

fn map(x: u32, shape: Hwc, bytes: u32) -> Operands {
    flat(x, shape.elements().unwrap_or(u32::MAX), bytes)
}

fn conv(op: &Conv2d, scratch: u32) -> Operands {
    map(op.x, op.x_shape, 1).scratch(op.scratch, scratch)
}

/// Those that lie in the arena; each with its bytes.
fn operands(all: &[(Operand, u32)]) -> Operands {
    let in_arena = |&(operand, bytes): &(Operand, u32)| match operand {
        Operand::Arena(start) => Some(range(start, bytes, 1)),
        Operand::Weights(_) => None,
    };
    Operands { reads: all.iter().filter_map(in_arena).collect(), ..Operands::default() }
}

fn binary(op: &Binary) -> Operands {
    operands(&[(op.a, op.len), (op.b, op.b_len)])
}

fn binary_i16(op: &BinaryI16) -> Operands {
    operands(&[(op.a, op.len.saturating_mul(2)), (op.b, op.b_len.saturating_mul(2))])
}

fn binary_f32(op: &BinaryF32) -> Operands {
    operands(&[(op.a, op.len.saturating_mul(4)), (op.b, op.b_len.saturating_mul(4))])
}
