//! Sliding windows of convolutions and pools, 1-D or 2-D, and the way into and out of NHWC.

use super::ImportError;
use super::error::{LowerError, unsupported};
use super::lowering::{Item, Lowering};
use super::node::Node;
use crate::ir::{Op, Pads, ValueId};

/// Largest kernel, stride, dilation and padding: far above any use, low enough that no product overflows.
const LIMIT: i64 = 1 << 16;

/// A feature map in NHWC, and how the file sees it.
pub(super) struct Spatial {
    /// The NHWC value.
    pub x: ValueId,
    /// Batch; 1 except in graphs without a batch axis.
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    /// Spatial axes in the file: 1 (then `h` is 1) or 2.
    pub rank: usize,
}

impl Spatial {
    /// Operand 0 of `node`, NCHW or NCW in the file.
    pub fn enter<'a>(cx: &mut Lowering<'a>, node: &Node<'a>) -> Result<Self, LowerError> {
        let x = cx.value(node, 0)?;
        let shape = cx.shape(x);
        match shape.as_slice() {
            &[n, c, h, w] => Ok(Self { x: cx.enter_channels_last(node, x)?, n, h, w, c, rank: 2 }),
            &[n, c, w] => {
                let flat = cx.enter_channels_last(node, x)?;
                let x = cx.reshape_step(node, "rows", flat, vec![n, 1, w, c])?;
                Ok(Self { x, n, h: 1, w, c, rank: 1 })
            }
            [_, _, _, _, _] => unsupported("three spatial axes are not supported", "use 1-D or 2-D layers"),
            _ => Err(node.shape_error("a feature map [batch, channels, height, width]", shape).into()),
        }
    }

    /// Adds `op`, whose result in NHWC is `[n, h, w, c]`, and returns result 0 of `node` in the file's order.
    pub fn leave<'a>(
        &self,
        cx: &mut Lowering<'a>,
        node: &Node<'a>,
        op: Op,
        inputs: Vec<ValueId>,
        [h, w, c]: [usize; 3],
    ) -> Result<Item, LowerError> {
        let value = format!("{}.channels_last", node.output(0));
        let y = cx.emit_named(node, &value, op, inputs, vec![self.n, h, w, c])?;
        let y = if self.rank == 1 { cx.reshape_step(node, "line", y, vec![self.n, w, c])? } else { y };
        Ok(Item::float(cx.leave_channels_last(node, y)?))
    }
}

/// Kernel, stride, dilation, padding and the output size that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pads: Pads,
    /// Rows, columns.
    pub output: [usize; 2],
}

/// Reads the window attributes of `node` for a kernel of `kernel` over `x`. `ceil` rounds output sizes up.
pub(super) fn window(node: &Node<'_>, x: &Spatial, kernel: &[usize], ceil: bool) -> Result<Window, LowerError> {
    if kernel.len() != x.rank {
        return Err(node.shape_error(format!("a kernel with {} axes", x.rank), kernel).into());
    }
    let kernel = two(kernel, 1);
    let stride = two(&positive(node, "strides", x.rank)?, 1);
    let dilation = two(&positive(node, "dilations", x.rank)?, 1);
    let input = [x.h, x.w];
    let span = |axis: usize| (kernel[axis] - 1) * dilation[axis] + 1;
    let auto_pad = node.string_or("auto_pad", "NOTSET")?;
    let mut before = [0; 2];
    let mut after = [0; 2];
    match auto_pad {
        "NOTSET" | "" => {
            let pads = node.ints("pads")?.unwrap_or_default();
            if !pads.is_empty() && pads.len() != 2 * x.rank {
                return Err(node.bad_attribute("pads", format!("is {pads:?}, expected {} numbers", 2 * x.rank)).into());
            }
            if pads.iter().any(|p| !(0..=LIMIT).contains(p)) {
                return Err(node.bad_attribute("pads", format!("is {pads:?}, outside of 0..={LIMIT}")).into());
            }
            let pads: Vec<usize> = pads.iter().map(|&p| p as usize).collect();
            if let (Some(first), Some(last)) = (pads.get(..x.rank), pads.get(x.rank..)) {
                before = two(first, 0);
                after = two(last, 0);
            }
        }
        "VALID" => {}
        "SAME_UPPER" | "SAME_LOWER" => {
            for axis in 0..2 {
                let output = input[axis].div_ceil(stride[axis]);
                let total = ((output - 1) * stride[axis] + span(axis)).saturating_sub(input[axis]);
                let small = total / 2;
                before[axis] = if auto_pad == "SAME_UPPER" { small } else { total - small };
                after[axis] = total - before[axis];
            }
        }
        other => {
            return Err(node.bad_attribute("auto_pad", format!("is `{other}`, which ONNX does not define")).into());
        }
    }
    let mut output = [0; 2];
    for axis in 0..2 {
        let padded = input[axis] + before[axis] + after[axis];
        let Some(room) = padded.checked_sub(span(axis)) else {
            let expected = format!("a padded input of at least {} elements on spatial axis {axis}", span(axis));
            return Err(node.shape_error(expected, padded).into());
        };
        output[axis] = if ceil { room.div_ceil(stride[axis]) + 1 } else { room / stride[axis] + 1 };
        // A window that would start in the padding after the input is dropped, as ONNX Runtime and PyTorch do.
        if ceil && (output[axis] - 1) * stride[axis] >= input[axis] + before[axis] {
            output[axis] -= 1;
        }
    }
    let pads = Pads { top: before[0], left: before[1], bottom: after[0], right: after[1] };
    Ok(Window { kernel, stride, dilation, pads, output })
}

/// The `kernel_shape` attribute, checked.
pub(super) fn kernel_shape(node: &Node<'_>) -> Result<Option<Vec<usize>>, ImportError> {
    node.ints("kernel_shape")?.map(|kernel| sizes(node, "kernel_shape", kernel)).transpose()
}

fn sizes(node: &Node<'_>, name: &str, values: &[i64]) -> Result<Vec<usize>, ImportError> {
    if values.iter().any(|v| !(1..=LIMIT).contains(v)) {
        return Err(node.bad_attribute(name, format!("is {values:?}, outside of 1..={LIMIT}")));
    }
    Ok(values.iter().map(|&v| v as usize).collect())
}

/// A list of positive sizes, one per spatial axis, all 1 if left out.
fn positive(node: &Node<'_>, name: &'static str, rank: usize) -> Result<Vec<usize>, ImportError> {
    let Some(values) = node.ints(name)?.filter(|v| !v.is_empty()) else { return Ok(vec![1; rank]) };
    if values.len() != rank {
        return Err(node.bad_attribute(name, format!("is {values:?}, expected {rank} numbers")));
    }
    sizes(node, name, values)
}

/// Rows and columns; a 1-D list gives the columns.
fn two(values: &[usize], rows: usize) -> [usize; 2] {
    match values {
        [w] => [rows, *w],
        [h, w] => [*h, *w],
        _ => [rows, rows],
    }
}
