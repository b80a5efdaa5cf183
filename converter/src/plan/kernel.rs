//! The int8 or int16 instruction that a convolution or a pool becomes: what it wants of the arena follows from its shapes.

use crate::ir::{DType, Graph, Node, Op, Pads};
use mote_runtime::format::instruction::{
    Biases, Conv2d, Conv2dI16, Conv2dSparse, Conv2dWinograd, DepthwiseConv2d, DepthwiseConv2dI16, Factors, Hwc,
    Instruction, Multiplier, Pool2d, Requantize8, Requantize16, RowOrder, WideBiases, Window,
};
use mote_runtime::format::overlap::Distances;

/// Shapes and window of a convolution or a pool; offsets, weights and scales are left open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// Patches of several pixels in scratch memory.
    Conv2d(Conv2d),
    /// Fewer products, by Winograd's F(2x2, 3x3), of larger weights.
    Winograd(Conv2dWinograd),
    /// As `Conv2d`, without blocks of zero weights.
    Sparse(Conv2dSparse),
    /// One input channel per output channel.
    Depthwise(DepthwiseConv2d),
    /// On int16.
    Conv2dI16(Conv2dI16),
    /// On int16, one input channel per output channel.
    DepthwiseI16(DepthwiseConv2dI16),
    /// Average or maximum of int8.
    Pool(Pool2d),
}

impl Kernel {
    /// The instruction of `node`, without scratch memory or flash that it can do without. `None` for nodes that become others.
    pub fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let x = graph.value(*node.inputs.first()?);
        let y = graph.value(node.output);
        let wide = match (x.dtype, y.dtype) {
            (DType::I8, DType::I8) => false,
            (DType::I16, DType::I16) => true,
            _ => return None,
        };
        match node.op {
            Op::Conv2d { stride, dilation, pads, groups, .. } => {
                let &[_, kernel_h, kernel_w, group_c] = graph.value(*node.inputs.get(1)?).shape.as_slice() else {
                    return None;
                };
                let window = window([kernel_h, kernel_w], stride, dilation, pads)?;
                let (x_shape, y_shape) = (map(&x.shape)?, map(&y.shape)?);
                let one_to_one = groups > 1 && group_c == 1;
                let groups = u32::try_from(groups).ok()?;
                Some(match (one_to_one, wide) {
                    (true, false) => depthwise(x_shape, y_shape, window),
                    (true, true) => depthwise16(x_shape, y_shape, window),
                    (false, false) => conv2d(x_shape, y_shape, window, groups),
                    (false, true) => conv2d16(x_shape, y_shape, window, groups),
                })
            }
            Op::MaxPool2d { kernel, stride, dilation, pads } if !wide => {
                Some(pool(map(&x.shape)?, map(&y.shape)?, window(kernel, stride, dilation, pads)?, false))
            }
            Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad } if !wide => {
                Some(pool(map(&x.shape)?, map(&y.shape)?, window(kernel, stride, dilation, pads)?, count_include_pad))
            }
            Op::ScaleShift if !wide => {
                let channels = x.shape.last().copied().unwrap_or(1);
                let pixels = x.elements() / channels.max(1);
                let shape = Hwc { h: pixels.try_into().ok()?, w: 1, c: channels.try_into().ok()? };
                Some(depthwise(shape, shape, window([1, 1], [1, 1], [1, 1], Pads::default())?))
            }
            _ => None,
        }
    }

    /// Bytes of scratch memory with which the node would be faster, but which it can do without; 0 for none.
    pub fn optional_scratch_bytes(&self, node: &Node) -> u32 {
        match self {
            // A scale and shift per channel would gain nothing from strips.
            Self::Depthwise(op) if matches!(node.op, Op::Conv2d { .. }) => op.strip_bytes().unwrap_or(0),
            _ => 0,
        }
    }

    /// With this many bytes of optional scratch memory.
    pub fn with_scratch(self, scratch_bytes: u32) -> Self {
        match self {
            Self::Depthwise(op) => Self::Depthwise(DepthwiseConv2d { scratch_bytes, ..op }),
            other => other,
        }
    }

    /// The same results by Winograd's F(2x2, 3x3), where it has them.
    pub fn winograd(&self) -> Option<Conv2dWinograd> {
        match self {
            Self::Conv2d(op) => winograd(op),
            Self::Winograd(op) => Some(*op),
            _ => None,
        }
    }

    /// Bytes of scratch memory.
    pub fn scratch_bytes(&self) -> u32 {
        match self {
            // A filter too large for 32 bits is an error of the emitter.
            Self::Conv2d(op) => op.scratch_bytes().unwrap_or(0),
            Self::Winograd(op) => op.scratch_bytes().unwrap_or(0),
            Self::Sparse(op) => op.scratch_bytes().unwrap_or(0),
            Self::Depthwise(op) => op.scratch_bytes,
            Self::Conv2dI16(_) | Self::DepthwiseI16(_) | Self::Pool(_) => 0,
        }
    }

    /// As an instruction, with the fields that are not known left open. `None` for kernels that do not run in bands.
    pub fn instruction(&self) -> Option<Instruction> {
        match *self {
            Self::Conv2d(op) => Some(Instruction::Conv2d(op)),
            Self::Depthwise(op) => Some(Instruction::DepthwiseConv2d(op)),
            // What it does with the elements of a window does not matter here.
            Self::Pool(op) => Some(Instruction::AveragePool2d(op)),
            Self::Sparse(op) if !op.direct => Some(Instruction::Conv2dSparse(op)),
            Self::Winograd(_) | Self::Sparse(_) | Self::Conv2dI16(_) | Self::DepthwiseI16(_) => None,
        }
    }

    /// How far apart input and output must lie if they overlap. `None` if a map is empty or does not fit 32 bits.
    pub fn distances(&self) -> Option<Distances> {
        let (x, y, distances): (Hwc, Hwc, &dyn Fn() -> Distances) = match self {
            Self::Conv2d(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Winograd(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Sparse(op) => (op.conv.x_shape, op.conv.y_shape, &|| op.distances()),
            Self::Depthwise(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Conv2dI16(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::DepthwiseI16(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Pool(op) => (op.x_shape, op.y_shape, &|| op.distances()),
        };
        let fits = |shape: Hwc| shape.elements().is_some_and(|n| n > 0);
        (fits(x) && fits(y)).then(distances)
    }
}

/// The instruction of Winograd's F(2x2, 3x3) for a 3x3 convolution with a stride, a dilation and groups of 1.
pub fn winograd(op: &Conv2d) -> Option<Conv2dWinograd> {
    let &Conv2d { x, y, scratch, x_shape, y_shape, window, groups, weights, x_zero_point, order, requantize } = op;
    let Window { pad_top, pad_left, .. } = window;
    let op =
        Conv2dWinograd { x, y, scratch, x_shape, y_shape, pad_top, pad_left, weights, x_zero_point, order, requantize };
    let fits = groups == 1 && window == op.window() && x_shape.c <= Conv2dWinograd::MAX_IN_C;
    (fits && op.weight_bytes().is_some()).then_some(op)
}

/// A convolution with its places, weights and scales left open.
pub fn conv2d(x_shape: Hwc, y_shape: Hwc, window: Window, groups: u32) -> Kernel {
    Kernel::Conv2d(Conv2d {
        x: 0,
        y: 0,
        scratch: 0,
        x_shape,
        y_shape,
        window,
        groups,
        weights: 0,
        x_zero_point: 0,
        order: RowOrder::TopDown,
        requantize: OPEN,
    })
}

fn depthwise(x_shape: Hwc, y_shape: Hwc, window: Window) -> Kernel {
    Kernel::Depthwise(DepthwiseConv2d {
        x: 0,
        y: 0,
        scratch: 0,
        scratch_bytes: 0,
        x_shape,
        y_shape,
        window,
        weights: 0,
        x_zero_point: 0,
        order: RowOrder::TopDown,
        requantize: OPEN,
    })
}

fn conv2d16(x_shape: Hwc, y_shape: Hwc, window: Window, groups: u32) -> Kernel {
    let (order, requantize) = (RowOrder::TopDown, OPEN16);
    Kernel::Conv2dI16(Conv2dI16 { x: 0, y: 0, x_shape, y_shape, window, groups, weights: 0, order, requantize })
}

fn depthwise16(x_shape: Hwc, y_shape: Hwc, window: Window) -> Kernel {
    let (order, requantize) = (RowOrder::TopDown, OPEN16);
    Kernel::DepthwiseI16(DepthwiseConv2dI16 { x: 0, y: 0, x_shape, y_shape, window, weights: 0, order, requantize })
}

/// Stands for scales that the planner does not need.
const OPEN16: Requantize16 = Requantize16 {
    biases: WideBiases::Zero,
    factors: Factors::One(Multiplier::ZERO),
    reduced: false,
    min: i16::MIN,
    max: i16::MAX,
};

fn pool(x_shape: Hwc, y_shape: Hwc, window: Window, count_include_pad: bool) -> Kernel {
    Kernel::Pool(Pool2d {
        x: 0,
        y: 0,
        x_shape,
        y_shape,
        window,
        count_include_pad,
        pad_bottom: 0,
        pad_right: 0,
        zero_point: 0,
        min: i8::MIN,
        max: i8::MAX,
    })
}

/// Stands for scales that the planner does not need.
const OPEN: Requantize8 = Requantize8 {
    biases: Biases::I32(0),
    factors: Factors::One(Multiplier::ZERO),
    y_zero_point: 0,
    min: i8::MIN,
    max: i8::MAX,
};

/// A feature map `[1, h, w, c]`.
fn map(shape: &[usize]) -> Option<Hwc> {
    match *shape {
        [1, h, w, c] => Some(Hwc { h: h.try_into().ok()?, w: w.try_into().ok()?, c: c.try_into().ok()? }),
        _ => None,
    }
}

/// A sliding window as instructions spell it. `None` if a size does not fit 32 bits.
pub fn window(kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2], pads: Pads) -> Option<Window> {
    Some(Window {
        kernel_h: kernel[0].try_into().ok()?,
        kernel_w: kernel[1].try_into().ok()?,
        stride_h: stride[0].try_into().ok()?,
        stride_w: stride[1].try_into().ok()?,
        dilation_h: dilation[0].try_into().ok()?,
        dilation_w: dilation[1].try_into().ok()?,
        pad_top: pads.top.try_into().ok()?,
        pad_left: pads.left.try_into().ok()?,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A 3x3 convolution with a stride of 1.
    pub fn conv2d_3x3(x: [u32; 3], y: [u32; 3], pad: u32) -> Conv2d {
        let [x, y] = [x, y].map(|[h, w, c]| Hwc { h, w, c });
        let window = Window {
            kernel_h: 3,
            kernel_w: 3,
            stride_h: 1,
            stride_w: 1,
            dilation_h: 1,
            dilation_w: 1,
            pad_top: pad,
            pad_left: pad,
        };
        match conv2d(x, y, window, 1) {
            Kernel::Conv2d(op) => op,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn winograd_is_for_3x3_kernels_without_stride_dilation_and_groups() {
        let op = conv2d_3x3([8, 8, 4], [8, 8, 4], 1);
        assert!(winograd(&op).is_some());
        let with = |edit: fn(&mut Conv2d)| {
            let mut op = op;
            edit(&mut op);
            winograd(&op)
        };
        assert_eq!(with(|op| op.window.stride_w = 2), None);
        assert_eq!(with(|op| op.window.dilation_h = 2), None);
        assert_eq!(with(|op| op.window.kernel_h = 1), None);
        assert_eq!(with(|op| op.groups = 2), None);
        assert_eq!(with(|op| op.x_shape.c = 1821), None);
        assert_eq!(with(|op| op.window.pad_left = 0).map(|op| (op.pad_top, op.pad_left)), Some((1, 0)));
    }
}
