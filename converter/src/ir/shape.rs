//! The shape of a node's result.

mod window;

use self::window::Window;
use super::Op;

/// No value may have more elements than this: arena offsets are 32 bits.
pub const MAX_ELEMENTS: usize = 1 << 30;

/// Why operands and attributes of an op do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// Too few or too many operands.
    #[error("{op} takes {expected} operands, got {got}")]
    Arity {
        /// Name of the op.
        op: &'static str,
        /// How many it takes.
        expected: &'static str,
        /// How many there are.
        got: usize,
    },
    /// An operand has the wrong number of axes.
    #[error("{op}: {operand} must have {expected} axes, got shape {got:?}")]
    Rank {
        /// Name of the op.
        op: &'static str,
        /// Which operand.
        operand: &'static str,
        /// How many axes it must have.
        expected: &'static str,
        /// Its shape.
        got: Vec<usize>,
    },
    /// Two shapes that must agree do not.
    #[error("{op}: {what}: {left:?} against {right:?}")]
    Mismatch {
        /// Name of the op.
        op: &'static str,
        /// What must agree.
        what: &'static str,
        /// One shape.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
    },
    /// An attribute is out of range for the operand.
    #[error("{op}: {attribute} {got:?} is not valid for shape {shape:?}")]
    Attribute {
        /// Name of the op.
        op: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
        /// Its value.
        got: Vec<usize>,
        /// Shape of the operand.
        shape: Vec<usize>,
    },
    /// A sliding window does not fit its input.
    #[error(
        "{op}: window {kernel:?} with dilation {dilation:?} and stride {stride:?} does not fit input {shape:?} padded by {pads:?}"
    )]
    Window {
        /// Name of the op.
        op: &'static str,
        /// Rows, columns.
        kernel: [usize; 2],
        /// Rows, columns.
        stride: [usize; 2],
        /// Rows, columns.
        dilation: [usize; 2],
        /// Top, left, bottom, right.
        pads: [usize; 4],
        /// Shape of the input.
        shape: Vec<usize>,
    },
    /// A size is zero, or the product of the sizes is beyond [`MAX_ELEMENTS`].
    #[error("{op}: shape {got:?} is empty or has more than 2^30 elements")]
    Size {
        /// Name of the op.
        op: &'static str,
        /// The shape.
        got: Vec<usize>,
    },
    /// The op's result cannot be told from its operands, and none was given.
    #[error("{op}: the result's shape must be given")]
    Undeclared {
        /// Name of the op.
        op: &'static str,
    },
}

/// Number of elements if every size is at least 1 and the product is at most [`MAX_ELEMENTS`].
pub fn checked_elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
    (1..=MAX_ELEMENTS).contains(&product).then_some(product)
}

/// NumPy broadcasting of two shapes; `None` if they do not fit.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// True if `perm` holds each of `0..rank` once.
pub fn is_permutation(perm: &[usize], rank: usize) -> bool {
    let mut seen = vec![false; rank];
    perm.len() == rank && perm.iter().all(|&p| seen.get_mut(p).is_some_and(|s| !std::mem::replace(s, true)))
}

/// The shape of the result of `op` on operands of shapes `inputs`.
///
/// `declared` is the shape that the result is said to have: needed for `Reshape`, and for pooling that rounds up.
pub fn infer_shape(op: &Op, inputs: &[&[usize]], declared: Option<&[usize]>) -> Result<Vec<usize>, ShapeError> {
    let name = op.name();
    arity(op, inputs.len())?;
    for shape in inputs {
        size(name, shape)?;
    }
    let Some(&x) = inputs.first() else { return Err(ShapeError::Undeclared { op: name }) };
    let shape = match op {
        Op::Conv2d { stride, dilation, pads, groups, .. } => {
            rank(name, "input", "4", x, x.len() == 4)?;
            rank(name, "weights", "4", inputs[1], inputs[1].len() == 4)?;
            let [out_c, kernel_h, kernel_w, group_c] = [0, 1, 2, 3].map(|i| inputs[1][i]);
            if *groups == 0 || x[3] % groups != 0 || out_c % groups != 0 {
                return Err(attribute(name, "groups", &[*groups], x));
            }
            if group_c != x[3] / groups {
                return Err(mismatch(name, "weights [out, h, w, in / groups] do not fit the input", inputs[1], x));
            }
            bias(name, out_c, inputs)?;
            let window = Window {
                op: name,
                kernel: [kernel_h, kernel_w],
                stride: *stride,
                dilation: *dilation,
                pads: *pads,
                shape: x,
            };
            let out = |axis| window.output(axis).ok_or_else(|| window.error());
            vec![x[0], out(0)?, out(1)?, out_c]
        }
        Op::AveragePool2d { kernel, stride, dilation, pads, .. } | Op::MaxPool2d { kernel, stride, dilation, pads } => {
            rank(name, "input", "4", x, x.len() == 4)?;
            let window =
                Window { op: name, kernel: *kernel, stride: *stride, dilation: *dilation, pads: *pads, shape: x };
            let [h, w] = window.pooled(declared)?;
            vec![x[0], h, w, x[3]]
        }
        Op::FullyConnected { .. } => {
            rank(name, "input", "1 or more", x, !x.is_empty())?;
            rank(name, "weights", "2", inputs[1], inputs[1].len() == 2)?;
            let (head, in_n) = x.split_at(x.len() - 1);
            if in_n[0] != inputs[1][1] {
                return Err(mismatch(name, "input [.., in] and weights [out, in]", x, inputs[1]));
            }
            bias(name, inputs[1][0], inputs)?;
            [head, &inputs[1][..1]].concat()
        }
        Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => {
            broadcast(x, inputs[1]).ok_or_else(|| mismatch(name, "operands do not broadcast", x, inputs[1]))?
        }
        Op::ScaleShift | Op::BatchNorm { .. } => {
            rank(name, "input", "1 or more", x, !x.is_empty())?;
            let channels = &x[x.len() - 1..];
            for parameter in &inputs[1..] {
                if *parameter != channels {
                    return Err(mismatch(name, "parameters and last axis of the input", parameter, x));
                }
            }
            x.to_vec()
        }
        Op::Mean { axes, keep_dims } => {
            if axes.is_empty() || !axes.is_sorted_by(|a, b| a < b) || axes.iter().any(|&a| a >= x.len()) {
                return Err(attribute(name, "axes", axes, x));
            }
            let reduced = |axis: &usize| axes.contains(axis);
            let kept = (0..x.len()).filter(|axis| *keep_dims || !reduced(axis));
            kept.map(|axis| if reduced(&axis) { 1 } else { x[axis] }).collect()
        }
        Op::Pad { before, after, .. } => {
            if before.len() != x.len() || after.len() != x.len() {
                return Err(attribute(name, "before/after", before, x));
            }
            let padded = x.iter().zip(before).zip(after).map(|((&d, &b), &a)| d.checked_add(b)?.checked_add(a));
            padded.collect::<Option<_>>().ok_or_else(|| attribute(name, "before", before, x))?
        }
        Op::Softmax { axis } => {
            if *axis >= x.len() {
                return Err(attribute(name, "axis", &[*axis], x));
            }
            x.to_vec()
        }
        Op::Dropout { .. }
        | Op::Unary(_)
        | Op::Table { .. }
        | Op::FakeQuantize { .. }
        | Op::Quantize
        | Op::Dequantize
        | Op::Requantize => x.to_vec(),
        Op::Concat { axis } => concat(*axis, inputs)?,
        Op::Slice { start, end, step } => {
            if start.len() != x.len() || end.len() != x.len() || step.len() != x.len() {
                return Err(attribute(name, "start/end/step", start, x));
            }
            let mut out = Vec::with_capacity(x.len());
            for (axis, &size) in x.iter().enumerate() {
                let (s, e, by) = (start[axis], end[axis], step[axis]);
                if s >= e || e > size || by == 0 {
                    return Err(attribute(name, "start, end, step", &[s, e, by], x));
                }
                out.push((e - s).div_ceil(by));
            }
            out
        }
        Op::Reshape => {
            let target = declared.ok_or(ShapeError::Undeclared { op: name })?;
            if checked_elements(target) != checked_elements(x) {
                return Err(mismatch(name, "element counts differ", x, target));
            }
            target.to_vec()
        }
        Op::Lstm { .. } => lstm(inputs)?,
        Op::Transpose { perm } => {
            if !is_permutation(perm, x.len()) {
                return Err(attribute(name, "perm", perm, x));
            }
            perm.iter().map(|&p| x[p]).collect()
        }
    };
    size(name, &shape)?;
    Ok(shape)
}

fn arity(op: &Op, got: usize) -> Result<(), ShapeError> {
    let (expected, fits) = match op {
        Op::Conv2d { .. } | Op::FullyConnected { .. } => ("2 or 3", got == 2 || got == 3),
        Op::Add { .. } | Op::Sub { .. } | Op::Mul { .. } => ("2", got == 2),
        Op::ScaleShift => ("3", got == 3),
        Op::BatchNorm { .. } => ("5", got == 5),
        Op::Concat { .. } => ("1 or more", got >= 1),
        Op::Lstm { .. } => ("15", got == 15),
        _ => ("1", got == 1),
    };
    if fits { Ok(()) } else { Err(ShapeError::Arity { op: op.name(), expected, got }) }
}

fn rank(
    op: &'static str,
    operand: &'static str,
    expected: &'static str,
    got: &[usize],
    fits: bool,
) -> Result<(), ShapeError> {
    if fits { Ok(()) } else { Err(ShapeError::Rank { op, operand, expected, got: got.to_vec() }) }
}

fn size(op: &'static str, shape: &[usize]) -> Result<(), ShapeError> {
    match checked_elements(shape) {
        Some(_) => Ok(()),
        None => Err(ShapeError::Size { op, got: shape.to_vec() }),
    }
}

fn bias(op: &'static str, out: usize, inputs: &[&[usize]]) -> Result<(), ShapeError> {
    match inputs.get(2) {
        Some(&bias) if bias != [out] => Err(mismatch(op, "bias and weights [out, ..]", bias, inputs[1])),
        _ => Ok(()),
    }
}

fn lstm(inputs: &[&[usize]]) -> Result<Vec<usize>, ShapeError> {
    let (&[1, steps, in_n], &[1, units]) = (inputs[0], inputs[1]) else {
        return Err(mismatch("lstm", "x must be [1, steps, in] and the cell [1, units]", inputs[0], inputs[1]));
    };
    if inputs[2] != [1, units] {
        return Err(mismatch("lstm", "cell and hidden state", inputs[1], inputs[2]));
    }
    for gate in inputs[3..].chunks_exact(3) {
        if gate[0] != [units, in_n] || gate[1] != [units, units] || gate[2] != [units] {
            return Err(mismatch("lstm", "a gate's weights [units, in] and [units, units]", gate[0], gate[1]));
        }
    }
    Ok(vec![1, steps, units])
}

fn concat(axis: usize, inputs: &[&[usize]]) -> Result<Vec<usize>, ShapeError> {
    let first = inputs[0];
    if axis >= first.len() {
        return Err(attribute("concat", "axis", &[axis], first));
    }
    let mut out = first.to_vec();
    for part in &inputs[1..] {
        let same = |i: usize| i == axis || part[i] == first[i];
        if part.len() != first.len() || !(0..first.len()).all(same) {
            return Err(mismatch("concat", "parts differ beside the joined axis", first, part));
        }
        out[axis] = out[axis].saturating_add(part[axis]);
    }
    Ok(out)
}

fn mismatch(op: &'static str, what: &'static str, left: &[usize], right: &[usize]) -> ShapeError {
    ShapeError::Mismatch { op, what, left: left.to_vec(), right: right.to_vec() }
}

fn attribute(op: &'static str, attribute: &'static str, got: &[usize], shape: &[usize]) -> ShapeError {
    ShapeError::Attribute { op, attribute, got: got.to_vec(), shape: shape.to_vec() }
}

#[cfg(test)]
mod tests;
