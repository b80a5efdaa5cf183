//! Expresses a `ScaleShift` that could not be folded by ops that the device has.

use crate::ir::{Activation, Graph, Node, Op, Pads};

use super::query::{add_floats, at_node, floats};
use super::{Pass, PassError};

/// On a feature map, a depthwise convolution with one tap: one rounding, and a scale per channel after quantization.
/// Elsewhere, `Mul` then `Add`.
pub struct LowerScaleShift;

impl Pass for LowerScaleShift {
    fn name(&self) -> &'static str {
        "lower-scale-shift"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            if graph.nodes[at].op == Op::ScaleShift {
                lower(graph, at)?;
                rewrites += 1;
            }
            at += 1;
        }
        Ok(rewrites)
    }
}

fn lower(graph: &mut Graph, at: usize) -> Result<(), PassError> {
    let Node { name, inputs, output, .. } = graph.nodes[at].clone();
    let &[x, scale, shift] = inputs.as_slice() else { return Ok(()) };
    let channels = graph.value(scale).elements();
    let feature_map = graph.value(x).shape.len() == 4;
    if let Some(weights) = floats(graph, scale).filter(|_| feature_map && graph.constant(shift).is_some()) {
        let weights = weights.to_vec();
        let weights = add_floats(graph, format!("{name}/weights"), &[channels, 1, 1, 1], weights);
        let op = Op::Conv2d {
            stride: [1, 1],
            dilation: [1, 1],
            pads: Pads::default(),
            groups: channels,
            activation: Activation::NONE,
        };
        graph.nodes[at] = Node { name, op, inputs: vec![x, weights, shift], output };
        return Ok(());
    }
    let activation = Activation::NONE;
    let scaled = graph
        .insert_node(at, format!("{name}/scale"), Op::Mul { activation }, vec![x, scale], None)
        .map_err(at_node(&name))?;
    graph.nodes[at + 1] = Node { name, op: Op::Add { activation }, inputs: vec![scaled, shift], output };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check_one, ops};

    #[test]
    fn feature_maps_get_a_convolution_and_the_rest_mul_and_add() {
        for (shape, expected) in [(&[1, 3, 3, 6][..], vec!["conv2d"]), (&[2, 6][..], vec!["mul", "add"])] {
            let mut net = Net::new();
            let x = net.input(shape);
            let (a, b) = (net.constant(&[6]), net.constant(&[6]));
            let y = net.node(Op::ScaleShift, &[x, a, b]);
            net.output(y);
            assert_eq!(ops(&check_one(&LowerScaleShift, net).0), expected);
        }
    }

    #[test]
    fn computed_parameters_are_lowered_too() {
        let mut net = Net::new();
        let x = net.input(&[1, 3, 3, 6]);
        let (a, b) = (net.input(&[6]), net.input(&[6]));
        let y = net.node(Op::ScaleShift, &[x, a, b]);
        net.output(y);
        assert_eq!(ops(&check_one(&LowerScaleShift, net).0), ["mul", "add"]);
    }
}
