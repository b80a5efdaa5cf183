//! Ops that do something else while a network is trained become what they are afterwards.

use crate::ir::{Graph, Op, Tensor, ValueId};

use super::query::{bypass, floats};
use super::{Pass, PassError};

/// `BatchNorm` with its running statistics becomes `ScaleShift`, `Dropout` nothing.
pub struct LowerTraining;

impl Pass for LowerTraining {
    fn name(&self) -> &'static str {
        "lower-training"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            match graph.nodes[at].op {
                Op::BatchNorm { epsilon, .. } => rewrites += usize::from(lower_batch_norm(graph, at, epsilon)),
                Op::Dropout { .. } => {
                    let x = graph.nodes[at].inputs[0];
                    rewrites += 1;
                    if bypass(graph, at, x) {
                        continue;
                    }
                    // Between two ports something must stand: it is dropped or copied like any other identity.
                    graph.nodes[at].op = Op::Reshape;
                }
                _ => {}
            }
            at += 1;
        }
        Ok(rewrites)
    }
}

/// False if a parameter is not a constant.
fn lower_batch_norm(graph: &mut Graph, at: usize, epsilon: f32) -> bool {
    let &[x, scale, shift, mean, variance] = graph.nodes[at].inputs.as_slice() else { return false };
    let wide = |graph: &Graph, id: ValueId| -> Option<Vec<f64>> {
        Some(floats(graph, id)?.iter().map(|&v| f64::from(v)).collect())
    };
    let all = [scale, shift, mean, variance].map(|id| wide(graph, id));
    let [Some(gamma), Some(beta), Some(mean), Some(variance)] = all else { return false };
    // In double precision, as importers fold it.
    let factors: Vec<f64> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + f64::from(epsilon)).sqrt()).collect();
    let offsets = beta.iter().zip(&mean).zip(&factors).map(|((b, m), f)| (b - m * f) as f32).collect();
    let name = graph.nodes[at].name.clone();
    let channels = [factors.len()];
    let factors = factors.iter().map(|&f| f as f32).collect();
    let scale = graph.add_constant(format!("{name}/scale"), Tensor::f32(channels, factors));
    let shift = graph.add_constant(format!("{name}/shift"), Tensor::f32(channels, offsets));
    let node = &mut graph.nodes[at];
    node.op = Op::ScaleShift;
    node.inputs = vec![x, scale, shift];
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::Executor;
    use crate::passes::testing::Net;

    #[test]
    fn the_network_computes_the_same_without_training_ops() {
        let mut net = Net::new();
        let x = net.input(&[1, 2, 2, 3]);
        let channels = |net: &mut Net, v: &[f32]| net.graph.add_constant("c", Tensor::f32([3], v.to_vec()));
        let scale = channels(&mut net, &[1.0, -2.0, 0.5]);
        let shift = channels(&mut net, &[0.5, 0.0, -1.0]);
        let mean = channels(&mut net, &[0.1, 0.2, 0.3]);
        let variance = channels(&mut net, &[1.5, 0.25, 4.0]);
        let y = net.node(Op::BatchNorm { epsilon: 1e-3, momentum: 0.1 }, &[x, scale, shift, mean, variance]);
        let y = net.node(Op::Dropout { rate: 0.5 }, &[y]);
        net.output(y);
        let mut graph = net.graph;
        let input = Tensor::f32([1, 2, 2, 3], (0..12).map(|i| i as f32 * 0.3 - 1.0).collect());
        let run = |graph: &Graph| Executor::new(graph).unwrap().run(std::slice::from_ref(&input)).unwrap();
        let before = run(&graph);
        super::super::run_default(&mut graph).unwrap();
        assert!(graph.nodes.iter().all(|n| !matches!(n.op, Op::BatchNorm { .. } | Op::Dropout { .. })));
        let after = run(&graph);
        for (a, b) in before[0].as_f32().unwrap().iter().zip(after[0].as_f32().unwrap()) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{a} {b}");
        }
    }
}
