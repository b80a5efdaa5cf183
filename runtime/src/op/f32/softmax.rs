use crate::error::Fault;
use crate::format::instruction::SoftmaxF32;
use crate::op::elementwise::{check_unary, in_place};
use crate::op::{Limits, Memory, product};
use core::num::NonZeroUsize;

/// Softmax over each row of `depth` elements, in place: `y[i] = exp(x[i] - max) / sum(exp(x - max))`;
/// `x`, `y` `[rows, depth]` f32.
fn softmax_f32(op: &SoftmaxF32, y: &mut [f32]) -> Option<()> {
    let depth = NonZeroUsize::new(op.depth as usize)?;
    for row in y.chunks_exact_mut(depth.get()) {
        let max = row.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
        let mut sum = 0.0;
        for y in row.iter_mut() {
            *y = libm::expf(*y - max);
            sum += *y;
        }
        row.iter_mut().for_each(|y| *y /= sum);
    }
    Some(())
}

pub(crate) fn check(op: &SoftmaxF32, limits: &Limits) -> Result<(), Fault> {
    check_unary::<f32>(op.x, op.y, product(&[op.rows, op.depth])?, limits)
}

pub(crate) fn run(op: &SoftmaxF32, memory: &mut Memory) -> Option<()> {
    softmax_f32(op, in_place(memory, op.x, op.y, op.rows.checked_mul(op.depth)?)?)
}
