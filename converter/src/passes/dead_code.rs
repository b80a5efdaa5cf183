//! Removes nodes that no output depends on.

use crate::ir::Graph;

use super::{Pass, PassError};

/// Removes nodes that no output depends on.
pub struct DeadCode;

impl Pass for DeadCode {
    fn name(&self) -> &'static str {
        "dead-code"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        Ok(graph.remove_dead_nodes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check_one, ops};

    #[test]
    fn what_no_output_reads_goes_and_inputs_stay() {
        let mut net = Net::new();
        let (x, unused) = (net.input(&[1, 4]), net.input(&[1, 2]));
        let dead = net.relu(unused);
        net.add(dead, dead);
        let y = net.relu(x);
        net.output(y);
        let (graph, rewrites) = check_one(&DeadCode, net);
        assert_eq!((ops(&graph), rewrites, graph.inputs.len()), (vec!["unary"], 2, 2));
    }
}
