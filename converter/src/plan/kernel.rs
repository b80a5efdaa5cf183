//! The int8 instruction that a convolution becomes: what it wants of the arena follows from its shapes.

use crate::ir::{DType, Graph, Node, Op, Pads};
use mote_runtime::format::instruction::{
    Biases, Conv2d, Conv2dWinograd, DepthwiseConv2d, Factors, Hwc, Multiplier, Requantize8, RowOrder, Window,
};
use mote_runtime::format::overlap::Distances;

/// Shapes and window of an int8 convolution; offsets, weights and scales are left open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// Patches of several pixels in scratch memory.
    Conv2d(Conv2d),
    /// Fewer products, by Winograd's F(2x2, 3x3), of larger weights.
    Winograd(Conv2dWinograd),
    /// One input channel per output channel.
    Depthwise(DepthwiseConv2d),
}

impl Kernel {
    /// The instruction of `node`, without scratch memory or flash that it can do without. `None` for nodes that become others.
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
            Self::Conv2d(_) | Self::Winograd(_) => self,
        }
    }

    /// The same results by Winograd's F(2x2, 3x3), where it has them.
    pub fn winograd(&self) -> Option<Conv2dWinograd> {
        match self {
            Self::Conv2d(op) => winograd(op),
            Self::Winograd(op) => Some(*op),
            Self::Depthwise(_) => None,
        }
    }

    /// Bytes of scratch memory.
    pub fn scratch_bytes(&self) -> u32 {
        match self {
            // A filter too large for 32 bits is an error of the emitter.
            Self::Conv2d(op) => op.scratch_bytes().unwrap_or(0),
            Self::Winograd(op) => op.scratch_bytes().unwrap_or(0),
            Self::Depthwise(op) => op.scratch_bytes,
        }
    }

    /// How far apart input and output must lie if they overlap. `None` if a map is empty or does not fit 32 bits.
    pub fn distances(&self) -> Option<Distances> {
        let (x, y, distances): (Hwc, Hwc, &dyn Fn() -> Distances) = match self {
            Self::Conv2d(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Winograd(op) => (op.x_shape, op.y_shape, &|| op.distances()),
            Self::Depthwise(op) => (op.x_shape, op.y_shape, &|| op.distances()),
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
