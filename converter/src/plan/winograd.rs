//! Which convolutions are computed by Winograd's F(2x2, 3x3): they take fewer instructions and more flash.

use super::candidate::{Candidate, Granted, Problem};
use super::cost::Cost;
use super::kernel::Kernel;
use super::{PlanError, PlanOptions, Ram, SparseGain, budget};
use crate::ir::NodeId;
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
        let cost = |kernel: &Kernel| Cost::of(kernel).map_or(0, |cost| cost.instructions(target) as i64);
        let weights = op.row_bytes()?.checked_mul(op.y_shape.c)?;
        // Alignment of what follows may take three bytes more.
        let bytes = winograd.weight_bytes()?.saturating_sub(weights).saturating_add(3);
        Some(Self { instructions: cost(&direct) - cost(&fast), bytes })
    }

    /// Over the convolution that leaves out blocks of zeros, which has `saved` that much already.
    fn over(self, saved: SparseGain) -> Self {
        let bytes = i64::from(self.bytes) + saved.bytes;
        Self { instructions: self.instructions - saved.instructions, bytes: bytes.try_into().unwrap_or(u32::MAX) }
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
                    left = rest;
                    grant(&mut all, node);
                }
            }
            if !all.winograd.contains(&true) {
                return Ok(candidate);
            }
            let planned = problem.plan(&all)?;
            return Ok(budget::with_free_bands(problem, (all, planned), i64::MAX)?.1);
        }
        Ram::Within(bytes) => i64::from(bytes),
        Ram::Min => 0,
    };
    let mut best = (granted, candidate);
    for (node, gain) in options_of {
        let Some(rest) = left.checked_sub(gain.bytes) else { continue };
        let mut other = best.0.clone();
        grant(&mut other, node);
        let candidate = problem.plan(&other)?;
        if candidate.end() <= best.1.end().max(limit) {
            (left, best) = (rest, (other, candidate));
        }
    }
    Ok(best.1)
}

/// The kernel does not run in bands.
fn grant(granted: &mut Granted, node: usize) {
    granted.winograd[node] = true;
    granted.bands.retain(|chain| !chain.nodes.contains(&NodeId(node)));
}

/// All nodes that would be faster, those first that gain most for a byte of flash.
fn by_gain(problem: &Problem, options: &PlanOptions) -> Vec<(usize, Gain)> {
    if options.extra_flash == 0 {
        return Vec::new();
    }
    let graph = &problem.quant().graph;
    let packed = |index: usize| problem.scratch()[index].is_some_and(|scratch| scratch.packed.is_some());
    let sparse = problem.sparse(&Granted { scratch: Vec::new(), winograd: Vec::new(), bands: Vec::new() });
    let of = |(index, node): (usize, &crate::ir::Node)| match Kernel::of(graph, node) {
        _ if packed(index) => None,
        Some(Kernel::Conv2d(op)) => {
            let gain = Gain::of(&op, options.target)?;
            let saved = sparse[index].and_then(|op| SparseGain::of(&op, options.target));
            Some((index, saved.map_or(gain, |saved| gain.over(saved))))
        }
        _ => None,
    };
    let mut all: Vec<(usize, Gain)> = graph.nodes.iter().enumerate().filter_map(of).collect();
    all.retain(|(_, gain)| gain.instructions > 0);
    all.sort_by_key(|&(node, gain)| {
        (std::cmp::Reverse(gain.instructions.saturating_mul(1 << 16) / i64::from(gain.bytes.max(1))), node)
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Activation, DType, Graph, Node, Op, Pads, Port, Tensor, ValueId};
    use crate::plan::{Plan, plan_with};
    use crate::quantize::{QuantGraph, Quantization};

    /// 3x3 convolutions one after the other, of maps as large as the input; `channels` are those between them.
    fn chain(size: usize, channels: &[usize]) -> QuantGraph {
        let mut graph = Graph::default();
        let shape = |c: usize| vec![1, size, size, c];
        let mut x = graph.add_value("x", shape(channels[0]), DType::I8);
        let port = |value: ValueId, c: usize| Port {
            value,
            name: "p".into(),
            source_shape: shape(c),
            source_dtype: DType::F32,
            source_axes: vec![0, 1, 2, 3],
        };
        graph.inputs.push(port(x, channels[0]));
        for (index, pair) in channels.windows(2).enumerate() {
            let (in_c, out_c) = (pair[0], pair[1]);
            let weights = Tensor::I8 { shape: vec![out_c, 3, 3, in_c], data: vec![1; out_c * 9 * in_c] };
            let weights = graph.add_constant(format!("w{index}"), weights);
            let y = graph.add_value(format!("y{index}"), shape(out_c), DType::I8);
            let op = Op::Conv2d {
                stride: [1, 1],
                dilation: [1, 1],
                pads: Pads { top: 1, left: 1, bottom: 1, right: 1 },
                groups: 1,
                activation: Activation::NONE,
            };
            graph.nodes.push(Node { name: format!("n{index}"), op, inputs: vec![x, weights], output: y });
            x = y;
        }
        graph.outputs.push(port(x, *channels.last().unwrap()));
        let one = Some(Quantization { scales: vec![1.0], zero_point: 0, axis: None });
        let quantization = vec![one; graph.values.len()];
        QuantGraph { graph, quantization }
    }

    fn planned(quant: &QuantGraph, extra_flash: u32, ram: Ram) -> Plan {
        plan_with(quant.clone(), &PlanOptions { extra_flash, ram, ..PlanOptions::default() }).unwrap()
    }

    #[test]
    fn flash_goes_to_the_layers_that_gain_most_for_a_byte() {
        let quant = chain(16, &[8, 16, 64, 16]);
        assert_eq!(planned(&quant, 0, Ram::Fastest).winograd, [false; 3]);
        assert_eq!(planned(&quant, u32::MAX, Ram::Fastest).winograd, [true; 3]);
        let options = PlanOptions::default();
        let gains: Vec<Gain> = (0..3)
            .map(|node| match Kernel::of(&quant.graph, &quant.graph.nodes[node]) {
                Some(Kernel::Conv2d(op)) => Gain::of(&op, options.target).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        let for_a_byte = |gain: &Gain| gain.instructions as f64 / f64::from(gain.bytes);
        let best = (0..3).max_by(|&a, &b| for_a_byte(&gains[a]).total_cmp(&for_a_byte(&gains[b]))).unwrap();
        let chosen = planned(&quant, gains[best].bytes, Ram::Fastest).winograd;
        assert_eq!(chosen, core::array::from_fn::<_, 3, _>(|node| node == best));
        let least = gains.iter().map(|gain| gain.bytes).min().unwrap();
        assert_eq!(planned(&quant, least - 1, Ram::Fastest).winograd, [false; 3]);
    }

    #[test]
    fn budgets_of_ram_are_kept() {
        let quant = chain(12, &[32, 32, 32]);
        let smallest = planned(&quant, 0, Ram::Min).arena_bytes;
        let fastest = planned(&quant, u32::MAX, Ram::Fastest);
        assert!(fastest.winograd == [true; 2] && fastest.arena_bytes > smallest);
        assert_eq!(planned(&quant, u32::MAX, Ram::Min).arena_bytes, smallest);
        for budget in (smallest..=fastest.arena_bytes).step_by(256) {
            assert!(planned(&quant, u32::MAX, Ram::Within(budget)).arena_bytes <= budget);
        }
        let enough = planned(&quant, u32::MAX, Ram::Within(fastest.arena_bytes));
        assert_eq!((enough.winograd, enough.arena_bytes), (fastest.winograd, fastest.arena_bytes));
    }
}
