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
