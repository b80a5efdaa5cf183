//! The int8 instruction that a convolution or a pool becomes: what it wants of the arena follows from its shapes.

use crate::ir::{DType, Graph, Node, Op, Pads};
use mote_runtime::format::instruction::{
    Biases, Conv2d, DepthwiseConv2d, Factors, Hwc, Instruction, Multiplier, Pool2d, Requantize8, RowOrder, Window,
};
use mote_runtime::format::overlap::Distances;

/// Shapes and window of an int8 convolution or pool; offsets, weights and scales are left open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// Patches of several pixels in scratch memory.
    Conv2d(Conv2d),
    /// One input channel per output channel.
    Depthwise(DepthwiseConv2d),
    /// Average or maximum.
    Pool(Pool2d),
}

impl Kernel {
    /// The instruction of `node`, without scratch memory that it can do without. `None` for nodes that become others.
    pub fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let x = graph.value(*node.inputs.first()?);
        let y = graph.value(node.output);
        if x.dtype != DType::I8 || y.dtype != DType::I8 {
            return None;
        }
        match node.op {
            Op::Conv2d { stride, dilation, pads, groups, .. } => {
                let &[_, kernel_h, kernel_w, group_c] = graph.value(*node.inputs.get(1)?).shape.as_slice() else {
                    return None;
                };
                let window = window([kernel_h, kernel_w], stride, dilation, pads)?;
                let (x_shape, y_shape) = (map(&x.shape)?, map(&y.shape)?);
                if groups > 1 && group_c == 1 {
                    Some(depthwise(x_shape, y_shape, window))
                } else {
                    Some(conv2d(x_shape, y_shape, window, u32::try_from(groups).ok()?))
                }
            }
            Op::MaxPool2d { kernel, stride, dilation, pads } => {
                Some(pool(map(&x.shape)?, map(&y.shape)?, window(kernel, stride, dilation, pads)?, false))
            }
            Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad } => {
                Some(pool(map(&x.shape)?, map(&y.shape)?, window(kernel, stride, dilation, pads)?, count_include_pad))
            }
            Op::ScaleShift => {
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
            Self::Conv2d(_) | Self::Pool(_) => self,
        }
    }

    /// Bytes of scratch memory.
    pub fn scratch_bytes(&self) -> u32 {
        match self {
            // A filter too large for 32 bits is an error of the emitter.
            Self::Conv2d(op) => op.scratch_bytes().unwrap_or(0),
            Self::Depthwise(op) => op.scratch_bytes,
            Self::Pool(_) => 0,
        }
    }

    /// As an instruction, with the fields that are not known left open.
    pub fn instruction(&self) -> Instruction {
        match *self {
            Self::Conv2d(op) => Instruction::Conv2d(op),
            Self::Depthwise(op) => Instruction::DepthwiseConv2d(op),
            // What it does with the elements of a window does not matter here.
            Self::Pool(op) => Instruction::AveragePool2d(op),
        }
    }

    /// How far apart input and output must lie if they overlap. `None` if a map is empty or does not fit 32 bits.
    pub fn distances(&self) -> Option<Distances> {
        let (x, y, distances): (Hwc, Hwc, &dyn Fn() -> Distances) = match self {
            Self::Conv2d(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Depthwise(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Pool(op) => (op.x_shape, op.y_shape, &|| op.distances()),
        };
        let fits = |shape: Hwc| shape.elements().is_some_and(|n| n > 0);
        (fits(x) && fits(y)).then(distances)
    }
}

fn conv2d(x_shape: Hwc, y_shape: Hwc, window: Window, groups: u32) -> Kernel {
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
