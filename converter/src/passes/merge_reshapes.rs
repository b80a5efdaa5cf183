//! Lets a reshape of a reshape read the first one's operand.

use crate::ir::{Graph, Node, Op};

use super::{Pass, PassError};

/// `reshape(reshape(x))` is `reshape(x)`.
pub struct MergeReshapes;

impl Pass for MergeReshapes {
    fn name(&self) -> &'static str {
        "merge-reshapes"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        for at in 0..graph.nodes.len() {
            let Node { op: Op::Reshape, inputs, .. } = &graph.nodes[at] else { continue };
            let Some((_, first)) = inputs.first().and_then(|&x| graph.producing_node(x)) else { continue };
            if first.op == Op::Reshape {
                graph.nodes[at].inputs = first.inputs.clone();
                rewrites += 1;
            }
        }
        Ok(rewrites)
    }
}
