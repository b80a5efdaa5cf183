//! Turns transposes that keep the elements in their order into reshapes, which cost nothing.

use crate::ir::{Graph, Op};

use super::query::moves_nothing;
use super::{Pass, PassError};

/// A transpose that only moves axes of size 1 is a reshape.
pub struct RelabelTransposes;

impl Pass for RelabelTransposes {
    fn name(&self) -> &'static str {
        "relabel-transposes"
    }

    fn run(&self, graph: &mut Graph) -> Result<usize, PassError> {
        let mut rewrites = 0;
        for at in 0..graph.nodes.len() {
            let node = &graph.nodes[at];
            let Op::Transpose { perm } = &node.op else { continue };
            if node.inputs.first().is_some_and(|&x| moves_nothing(perm, &graph.value(x).shape)) {
                graph.nodes[at].op = Op::Reshape;
                rewrites += 1;
            }
        }
        Ok(rewrites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{Net, check_one, ops};

    #[test]
    fn only_transposes_that_keep_the_order_become_reshapes() {
        let mut net = Net::new();
        let x = net.input(&[1, 1, 4, 5]);
        let free = net.transpose(x, &[0, 2, 3, 1]);
        let real = net.transpose(free, &[0, 2, 1, 3]);
        net.output(real);
        let (graph, rewrites) = check_one(&RelabelTransposes, net);
        assert_eq!((ops(&graph), rewrites), (vec!["reshape", "transpose"], 1));
    }
}
