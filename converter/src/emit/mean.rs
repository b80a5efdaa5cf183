//! Means over neighbouring axes.

use super::EmitError;
use super::context::NodeContext;
use crate::ir::DType;
use mote_runtime::format::Instruction;
use mote_runtime::format::instruction::{Mean, MeanF32};

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
            let scale = n.multiplier(f64::from(from.scale) / (f64::from(to.scale) * count as f64))?;
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
    fn unit_axes_do_not_separate() {
        assert_eq!(split(&[1, 7, 1, 64], &[1, 3]), Some([1, 448, 1]));
        assert_eq!(split(&[1, 1, 1, 64], &[1, 2]), Some([1, 1, 64]));
    }

    #[test]
    fn separated_axes_are_refused() {
        assert_eq!(split(&[1, 7, 5, 64], &[1, 3]), None);
    }
}
