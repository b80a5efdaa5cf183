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
