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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check, count};
    use crate::passes::{DeadCode, DropIdentities};

    #[test]
    fn a_chain_becomes_one_and_round_trips_vanish() {
        let mut net = Net::new();
        let x = net.input(&[2, 6]);
        let x = net.relu(x);
        let a = net.reshape(x, &[3, 4]);
        let b = net.reshape(a, &[12]);
        let c = net.reshape(b, &[2, 6]);
        let c = net.relu(c);
        net.output(b);
        net.output(c);
        let (graph, _) = check(&[&MergeReshapes, &DropIdentities, &DeadCode], net);
        assert_eq!(count(&graph, "reshape"), 1);
    }
}
