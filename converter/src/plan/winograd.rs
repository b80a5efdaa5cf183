//! Which convolutions are computed by Winograd's F(2x2, 3x3): they take fewer instructions and more flash.

use super::candidate::{Candidate, Granted, Problem};
use super::cost::Cost;
use super::kernel::Kernel;
use super::{PlanError, PlanOptions, Ram};
use mote_runtime::format::instruction::Conv2d;

/// What a convolution would gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// Instructions saved; below 0 if it would be slower.
    pub instructions: i64,
    /// Bytes of weights added.
    pub bytes: u32,
}

impl Gain {
    /// Of a convolution on `target`. `None` if it has no such form.
    pub fn of(op: &Conv2d, target: super::Target) -> Option<Self> {
        let winograd = super::kernel::winograd(op)?;
        let [direct, fast] = [Kernel::Conv2d(*op), Kernel::Winograd(winograd)];
        let cost = |kernel: &Kernel| Cost::of(kernel).instructions(target) as i64;
        let weights = op.row_bytes()?.checked_mul(op.y_shape.c)?;
        // Alignment of what follows may take three bytes more.
        let bytes = winograd.weight_bytes()?.saturating_sub(weights).saturating_add(3);
        Some(Self { instructions: cost(&direct) - cost(&fast), bytes })
    }
}

/// Adds Winograd's convolutions to a plan as far as `options.extra_flash` and `options.ram` allow, those first that gain
/// most for a byte.
pub fn choose(
    problem: &Problem,
    options: &PlanOptions,
    granted: Granted,
    candidate: Candidate,
) -> Result<Candidate, PlanError> {
    let mut left = options.extra_flash;
    let options_of = by_gain(problem, options);
    let limit = match options.ram {
        Ram::Fastest => {
            let mut all = granted;
            for (node, gain) in options_of {
                if let Some(rest) = left.checked_sub(gain.bytes) {
                    (left, all.winograd[node]) = (rest, true);
                }
            }
            return if all.winograd.contains(&true) { problem.plan(&all) } else { Ok(candidate) };
        }
        Ram::Within(bytes) => i64::from(bytes),
        Ram::Min => 0,
    };
    let mut best = (granted, candidate);
    for (node, gain) in options_of {
        let Some(rest) = left.checked_sub(gain.bytes) else { continue };
        let mut other = best.0.clone();
        other.winograd[node] = true;
        let candidate = problem.plan(&other)?;
        if candidate.end() <= best.1.end().max(limit) {
            (left, best) = (rest, (other, candidate));
        }
    }
    Ok(best.1)
}

/// All nodes that would be faster, those first that gain most for a byte of flash.
fn by_gain(problem: &Problem, options: &PlanOptions) -> Vec<(usize, Gain)> {
    if options.extra_flash == 0 {
        return Vec::new();
    }
    let graph = &problem.quant().graph;
    let of = |(index, node)| match Kernel::of(graph, node) {
        Some(Kernel::Conv2d(op)) => Gain::of(&op, options.target).map(|gain| (index, gain)),
        _ => None,
    };
    let mut all: Vec<(usize, Gain)> = graph.nodes.iter().enumerate().filter_map(of).collect();
    all.retain(|(_, gain)| gain.instructions > 0);
    all.sort_by_key(|&(node, gain)| {
        (std::cmp::Reverse(gain.instructions.saturating_mul(1 << 16) / i64::from(gain.bytes.max(1))), node)
    });
    all
}
