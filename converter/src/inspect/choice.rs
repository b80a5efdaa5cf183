//! Which kernel an instruction runs, what it does with memory, and what the planner had to choose between.

use super::PackedSummary;
use crate::plan::{Cost, SparseGain, Target, WinogradGain};
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{
    Binary, BinaryF32, Conv2d, Conv2dSparse, Conv2dWinograd, DepthwiseConv2d, Hwc, Operand,
};

/// A kernel and its memory, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// `im2col x4`, `depthwise strips`, `direct (saves 240 B of RAM)`; empty for instructions with one kernel only.
    pub kernel: String,
    /// `in place`, `overlaps its input by 7744 B`; empty if the result lies apart from the operands.
    pub memory: String,
    /// Arena bytes that the instruction needs only while it runs.
    pub scratch_bytes: u32,
}

impl Choice {
    /// Of an instruction that `Model::load` has accepted; times are those of `target`.
    pub fn of(instruction: &Instruction, target: Target) -> Self {
        use Instruction as I;
        match instruction {
            I::Conv2d(op) => Self {
                kernel: im2col(op, target),
                memory: overlap((op.x, bytes(op.x_shape)), (op.y, bytes(op.y_shape))),
                scratch_bytes: op.scratch_bytes().unwrap_or(0),
            },
            I::Conv2dSparse(op) => Self {
                kernel: sparse(op, target),
                memory: overlap((op.conv.x, bytes(op.conv.x_shape)), (op.conv.y, bytes(op.conv.y_shape))),
                scratch_bytes: op.scratch_bytes().unwrap_or(0),
            },
            I::Conv2dWinograd(op) => Self {
                kernel: winograd(op, target),
                memory: overlap((op.x, bytes(op.x_shape)), (op.y, bytes(op.y_shape))),
                scratch_bytes: op.scratch_bytes().unwrap_or(0),
            },
            I::Conv2dPacked(op) => Self {
                kernel: format!("im2col x4, {}", packed(instruction)),
                memory: overlap((op.conv.x, bytes(op.conv.x_shape)), (op.conv.y, bytes(op.conv.y_shape))),
                scratch_bytes: op.conv.scratch_bytes().unwrap_or(0).saturating_add(op.tile_bytes().unwrap_or(0)),
            },
            I::FullyConnectedPacked(op) => {
                Self { kernel: packed(instruction), scratch_bytes: op.tile_bytes().unwrap_or(0), ..Self::default() }
            }
            I::DepthwiseConv2d(op) => Self {
                kernel: depthwise(op, target),
                memory: overlap((op.x, bytes(op.x_shape)), (op.y, bytes(op.y_shape))),
                scratch_bytes: op.scratch_bytes,
            },
            I::AveragePool2d(op) | I::MaxPool2d(op) => {
                Self { memory: overlap((op.x, bytes(op.x_shape)), (op.y, bytes(op.y_shape))), ..Self::default() }
            }
            I::Bands(op) => Self { kernel: format!("runs the next {} by rows", op.count), ..Self::default() },
            I::Add(op) => Self::binary(&op.binary),
            I::Sub(op) => Self::binary(&op.binary),
            I::Mul(op) => Self::binary(&op.binary),
            I::AddF32(op) | I::MulF32(op) => Self::binary_f32(op),
            I::Lookup(op) => Self::unary(op.x, op.y),
            I::Requantize(op) => Self::unary(op.x, op.y),
            I::Quantize(op) => Self::unary(op.x, op.y),
            I::Softmax(op) => Self::unary(op.x, op.y),
            I::Conv2dI16(op) => Self::direct((op.x, op.x_shape), (op.y, op.y_shape)),
            I::DepthwiseConv2dI16(op) => Self::direct((op.x, op.x_shape), (op.y, op.y_shape)),
            I::AddI16(op) => Self::over_either([op.binary.a, op.binary.b], op.binary.y),
            I::MulI16(op) => Self::over_either([op.binary.a, op.binary.b], op.binary.y),
            I::SoftmaxI16(op) => Self::unary(op.x, op.y),
            I::LookupI16(op) => Self::unary(op.x, op.y),
            I::SigmoidI16(op) => Self::unary(op.x, op.y),
            I::RescaleI16(op) => Self::unary(op.x, op.y),
            I::QuantizeI16(op) => Self::unary(op.x, op.y),
            I::SoftmaxF32(op) => Self::unary(op.x, op.y),
            I::UnaryF32(op) => Self::unary(op.x, op.y),
            _ => Self::default(),
        }
    }

    /// A convolution on int16.
    fn direct((x, x_shape): (u32, Hwc), (y, y_shape): (u32, Hwc)) -> Self {
        let words = |shape| bytes(shape).saturating_mul(2);
        let memory = overlap((x, words(x_shape)), (y, words(y_shape)));
        Self { kernel: "direct".into(), memory, ..Self::default() }
    }

    /// Of an instruction that runs in bands, the arena holding at most `rows` rows of its result.
    pub fn in_bands(self, rows: u32, of: u32, bytes: u32) -> Self {
        Self { memory: format!("{IN_BANDS}: {rows} of {of} rows in {bytes} B"), ..self }
    }

    /// Of the last of several instructions that run in bands: it may lie over what the first one reads.
    pub fn over_first_input(self, [x, x_end]: [u32; 2], [y, y_end]: [u32; 2]) -> Self {
        let over = overlap((x, x_end.saturating_sub(x)), (y, y_end.saturating_sub(y)));
        let memory = match over.as_str() {
            "" => IN_BANDS.into(),
            IN_PLACE => format!("{IN_BANDS}, in place of the chain's input"),
            over => format!("{IN_BANDS}, {}", over.replace("its input", "the chain's input")),
        };
        Self { memory, ..self }
    }

    fn unary(x: u32, y: u32) -> Self {
        Self { memory: if x == y { IN_PLACE.into() } else { String::new() }, ..Self::default() }
    }

    fn binary(op: &Binary) -> Self {
        Self::over_either([op.a, op.b], op.y)
    }

    fn binary_f32(op: &BinaryF32) -> Self {
        Self::over_either([op.a, op.b], op.y)
    }

    fn over_either(operands: [Operand; 2], y: u32) -> Self {
        let over = operands.contains(&Operand::Arena(y));
        Self { memory: if over { IN_PLACE.into() } else { String::new() }, ..Self::default() }
    }
}

/// How the weights are packed.
fn packed(instruction: &Instruction) -> String {
    PackedSummary::of(instruction).map_or_else(String::new, |packed| packed.text())
}

const IN_PLACE: &str = "in place";
/// How [`Choice::memory`] starts for results that are never complete in memory.
pub const IN_BANDS: &str = "in bands";

fn bytes(shape: Hwc) -> u32 {
    shape.elements().unwrap_or(u32::MAX)
}

/// How an output lies over the input that it is computed from.
fn overlap((x, x_bytes): (u32, u32), (y, y_bytes): (u32, u32)) -> String {
    let common = x.saturating_add(x_bytes).min(y.saturating_add(y_bytes)).saturating_sub(x.max(y));
    match common {
        0 => String::new(),
        _ if x == y => IN_PLACE.into(),
        _ => format!("overlaps its input by {common} B"),
    }
}

fn im2col(op: &Conv2d, target: Target) -> String {
    let name = format!("im2col x{}", Conv2d::BLOCK);
    match WinogradGain::of(op, target).filter(|gain| gain.instructions > 0) {
        Some(WinogradGain { instructions, bytes }) => {
            let thousands = (instructions as u64).div_ceil(1000);
            format!("{name} (winograd would save about {thousands} k instructions, costs {bytes} B of flash)")
        }
        None => name,
    }
}

fn winograd(op: &Conv2dWinograd, target: Target) -> String {
    let &Conv2dWinograd { x, y, scratch, x_shape, y_shape, weights, x_zero_point, order, requantize, .. } = op;
    let window = op.window();
    let direct =
        Conv2d { x, y, scratch, x_shape, y_shape, window, groups: 1, weights, x_zero_point, order, requantize };
    match WinogradGain::of(&direct, target) {
        Some(WinogradGain { instructions, bytes }) if instructions > 0 => {
            let thousands = (instructions as u64).div_ceil(1000);
            format!("winograd 2x2 (saves about {thousands} k instructions, costs {bytes} B of flash)")
        }
        _ => format!("winograd 2x2 (im2col would not be slower on {target})"),
    }
}

fn sparse(op: &Conv2dSparse, target: Target) -> String {
    let name = if op.direct { "sparse direct".into() } else { format!("sparse x{}", Conv2d::BLOCK) };
    match SparseGain::of(op, target) {
        Some(SparseGain { instructions, bytes, zero_percent, .. }) if instructions > 0 => {
            let thousands = (instructions as u64).div_ceil(1000);
            format!("{name} ({zero_percent} % zero: saves about {thousands} k instructions, {bytes} B of flash)")
        }
        Some(SparseGain { zero_percent, bytes, .. }) => {
            format!("{name} ({zero_percent} % zero: saves {bytes} B of flash; would not be slower dense on {target})")
        }
        None => name,
    }
}

fn depthwise(op: &DepthwiseConv2d, target: Target) -> String {
    if op.scratch_bytes > 0 {
        return "depthwise strips".into();
    }
    let one_tap = (op.window.kernel_h, op.window.kernel_w) == (1, 1);
    match op.strip_bytes() {
        // Nothing to gain: every input is read once.
        _ if one_tap => "direct".into(),
        None => "direct (channels do not come in fours, or kernel rows are apart)".into(),
        Some(scratch_bytes) => {
            let strips = DepthwiseConv2d { scratch_bytes, ..*op };
            let [slow, fast] = [op, &strips].map(|op| Cost::depthwise_conv2d(op).instructions(target));
            if slow > fast {
                let thousands = (slow - fast).div_ceil(1000);
                format!("direct (saves {scratch_bytes} B of scratch, costs about {thousands} k instructions)")
            } else {
                format!("direct (strips would not be faster on {target})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mote_runtime::format::instruction::{Biases, Factors, Multiplier, Requantize8, RowOrder, Window};

    fn op(channels: u32, kernel: u32, x: u32, y: u32) -> DepthwiseConv2d {
        let shape = Hwc { h: 10, w: 10, c: channels };
        DepthwiseConv2d {
            x,
            y,
            scratch: 0,
            scratch_bytes: 0,
            x_shape: shape,
            y_shape: shape,
            window: Window {
                kernel_h: kernel,
                kernel_w: kernel,
                stride_h: 1,
                stride_w: 1,
                dilation_h: 1,
                dilation_w: 1,
                pad_top: kernel / 2,
                pad_left: kernel / 2,
            },
            weights: 0,
            x_zero_point: 0,
            order: RowOrder::TopDown,
            requantize: Requantize8 {
                biases: Biases::I32(0),
                factors: Factors::One(Multiplier::ZERO),
                y_zero_point: 0,
                min: 0,
                max: 0,
            },
        }
    }

    fn told(op: DepthwiseConv2d) -> String {
        let Choice { kernel, memory, .. } = Choice::of(&Instruction::DepthwiseConv2d(op), Target::CortexM4);
        [kernel, memory].join(", ").trim_end_matches(", ").into()
    }

    #[test]
    fn places_are_compared() {
        assert_eq!(told(DepthwiseConv2d { scratch_bytes: 8, ..op(8, 3, 0, 0) }), "depthwise strips, in place");
        assert_eq!(told(op(8, 1, 160, 0)), "direct, overlaps its input by 640 B");
        assert_eq!(told(op(8, 1, 800, 0)), "direct");
    }

    #[test]
    fn a_missing_scratch_memory_has_a_reason() {
        assert!(told(op(7, 3, 0, 2000)).contains("do not come in fours"));
        let op = op(8, 3, 0, 2000);
        let text = told(op);
        let saved = format!("saves {} B of scratch", op.strip_bytes().unwrap());
        assert!(text.starts_with("direct (") && text.contains(&saved) && text.contains("instructions"), "{text}");
    }
}
