//! Means over neighbouring axes.

use super::EmitError;
use super::context::{Affine, NodeContext};
use crate::ir::DType;
use mote_runtime::format::instruction::{Mean, MeanF32, MeanI16, Multiplier};
use mote_runtime::format::{Instruction, Rounding};

pub fn emit(n: &mut NodeContext, axes: &[usize]) -> Result<(), EmitError> {
    let x_id = n.input(0)?;
    let shape = &n.value(x_id).shape;
    let Some([outer, count, inner]) = split(shape, axes) else {
        return Err(n.error(format!(
            "axes {axes:?} of {shape:?} are not neighbours: take one mean after the other in the network"
        )));
    };
    let (x, y) = (n.offset(x_id)?, n.offset(n.node.output)?);
    let (outer, n_averaged, inner) = (n.size(outer)?, n.size(count)?, n.size(inner)?);
    match n.x_dtype()? {
        DType::I8 => {
            let (from, to) = (n.affine(x_id)?, n.affine(n.node.output)?);
            let scale = scale(n, from, to, count)?;
            n.push(Instruction::Mean(Mean {
                x,
                y,
                outer,
                n: n_averaged,
                inner,
                x_zero_point: from.zero_point,
                y_zero_point: to.zero_point,
                min: i8::MIN,
                max: i8::MAX,
                scale,
            }));
        }
        DType::I16 => {
            let scale = scale(n, n.affine(x_id)?, n.affine(n.node.output)?, count)?;
            let (min, max) = (i16::MIN, i16::MAX);
            n.push(Instruction::MeanI16(MeanI16 { x, y, outer, n: n_averaged, inner, min, max, scale }));
        }
        DType::F32 => n.push(Instruction::MeanF32(MeanF32 {
            x,
            y,
            outer,
            n: n_averaged,
            inner,
            min: f32::NEG_INFINITY,
            max: f32::INFINITY,
        })),
        other => return n.unsupported_dtype(other),
    }
    Ok(())
}

/// From a sum of `count` elements to their mean.
fn scale(n: &NodeContext, from: Affine, to: Affine, count: usize) -> Result<Multiplier, EmitError> {
    let (from, to) = (f64::from(from.scale), f64::from(to.scale));
    match n.context.options.rounding {
        Rounding::Single => n.multiplier(from / (to * count as f64)),
        Rounding::Tflite => Ok(divided(n.multiplier(from / to)?, count)),
    }
}

/// A factor over the number of elements, as the TensorFlow Lite reference kernel divides it: integers, towards zero.
fn divided(factor: Multiplier, count: usize) -> Multiplier {
    let count = count.max(1) as u64;
    let shift = count.ilog2().min(32).min((31 + i32::from(factor.shift)).max(0) as u32);
    let multiplier = (i64::from(factor.multiplier) << shift) / count as i64;
    Multiplier { multiplier: multiplier as i32, shift: factor.shift - shift as i8 }
}

/// Elements before, of and after the reduced axes, if no axis above size 1 stands between them.
fn split(shape: &[usize], axes: &[usize]) -> Option<[usize; 3]> {
    let reduced: Vec<usize> = axes.iter().copied().filter(|&axis| shape.get(axis).is_some_and(|&n| n != 1)).collect();
    let (Some(&first), Some(&last)) = (reduced.first(), reduced.last()) else {
        return Some([1, 1, shape.iter().product()]);
    };
    let between = (first..=last).filter(|&axis| shape[axis] != 1);
    if !between.eq(reduced.iter().copied()) {
        return None;
    }
    let size = |range: &[usize]| range.iter().product();
    Some([size(&shape[..first]), size(&shape[first..=last]), size(&shape[last + 1..])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_pooling_averages_pixels() {
        assert_eq!(split(&[1, 7, 5, 64], &[1, 2]), Some([1, 35, 64]));
    }

    #[test]
    fn the_reference_divides_the_mantissa() {
        let one = Multiplier { multiplier: 1 << 30, shift: 1 };
        assert_eq!(divided(one, 64), Multiplier { multiplier: 1 << 30, shift: -5 });
        assert_eq!(divided(one, 3), Multiplier { multiplier: 715_827_882, shift: 0 });
        let small = Multiplier { multiplier: 1 << 30, shift: -30 };
        assert_eq!(divided(small, 4), Multiplier { multiplier: 1 << 29, shift: -31 });
    }

    #[test]
    fn unit_axes_do_not_separate() {
        assert_eq!(split(&[1, 7, 1, 64], &[1, 3]), Some([1, 448, 1]));
        assert_eq!(split(&[1, 1, 1, 64], &[1, 2]), Some([1, 1, 64]));
    }

    #[test]
    fn separated_axes_are_refused() {
        assert_eq!(split(&[1, 7, 5, 64], &[1, 3]), None);
    }
}
