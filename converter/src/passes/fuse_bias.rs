//! Makes the addition of constants to the result of a convolution or dense node its bias.

use crate::ir::Graph;

use super::affine::{Affine, fold_into_producer};
use super::{Pass, PassError};

/// `conv(x, w) + b` is `conv(x, w, b)`; so for fully connected nodes. A scalar counts for every channel.
pub struct FuseBias;

impl Pass for FuseBias {
    fn name(&self) -> &'static str {
        "fuse-bias"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        let mut at = 0;
        while at < graph.nodes.len() {
            let affine = Affine::of(graph, &graph.nodes[at]).filter(|a| a.scale.is_none());
            if affine.is_some_and(|a| fold_into_producer(graph, at, &a)) {
                rewrites += 1;
            } else {
                at += 1;
            }
        }
        Ok(rewrites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Activation, Op};
    use crate::passes::testing::{Net, check_one, ops, same};

    #[test]
    fn vector_after_convolution_becomes_its_bias_on_either_side() {
        for swap in [false, true] {
            let mut net = Net::new();
            let x = net.input(&[1, 5, 5, 3]);
            let y = net.conv(x, 4, 3, same(3), 1);
            let b = net.constant(&[1, 1, 1, 4]);
            let y = if swap { net.add(b, y) } else { net.add(y, b) };
            net.output(y);
            let (graph, rewrites) = check_one(&FuseBias, net);
            assert_eq!((ops(&graph), rewrites, graph.nodes[0].inputs.len()), (vec!["conv2d"], 1, 3));
        }
    }

    #[test]
    fn scalars_and_second_biases_add_up_and_the_clamp_comes_along() {
        let mut net = Net::new();
        let x = net.input(&[2, 3, 6]);
        let y = net.dense(x, 4);
        let (a, b) = (net.constant(&[4]), net.scalar(0.5));
        let y = net.add(y, a);
        let relu = Activation { min: 0.0, max: f32::INFINITY };
        let y = net.node(Op::Add { activation: relu }, &[b, y]);
        net.output(y);
        let (graph, rewrites) = check_one(&FuseBias, net);
        assert_eq!(rewrites, 2);
        assert_eq!(graph.nodes[0].op, Op::FullyConnected { activation: relu });
    }

    #[test]
    fn what_others_read_or_what_varies_over_rows_stays() {
        let mut net = Net::new();
        let x = net.input(&[3, 6]);
        let y = net.dense(x, 4);
        let b = net.constant(&[4]);
        let z = net.add(y, b);
        net.output(y);
        net.output(z);
        let rows = net.dense(x, 4);
        let c = net.constant(&[3, 1]);
        let rows = net.add(rows, c);
        net.output(rows);
        let enlarged = net.constant(&[2, 1, 4]);
        let d = net.dense(x, 4);
        let d = net.add(d, enlarged);
        net.output(d);
        assert_eq!(check_one(&FuseBias, net).1, 0);
    }
}
