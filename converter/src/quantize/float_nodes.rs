//! How each node computes: which ones stay float, those that the user names and those that are only quantized by whoever
//! trained them; and which ones have wider activations than the rest.

use super::{QuantizeError, QuantizeOptions, Width};
use crate::ir::{Graph, Node, Op};
use crate::pattern::fits;

/// Per node, the width of its activations; `None` if it stays float: a pattern names it, or it is recurrent. Every pattern
/// must name one.
pub fn widths(graph: &Graph, options: &QuantizeOptions) -> Result<Vec<Option<Width>>, QuantizeError> {
    let unmatched = |p: &&String| !graph.nodes.iter().any(|n| fits(p, &n.name));
    let mut patterns = options.float_nodes.iter().chain(&options.int16_nodes).chain(&options.int4_weights);
    if let Some(pattern) = patterns.find(unmatched) {
        return Err(QuantizeError::NoSuchNode { pattern: pattern.clone() });
    }
    let width = |node: &Node| match node.op {
        Op::Lstm { .. } => None,
        _ if is_named(&options.float_nodes, node) => None,
        _ if is_named(&options.int16_nodes, node) => Some(Width::I16),
        _ => Some(options.activations),
    };
    Ok(graph.nodes.iter().map(width).collect())
}

/// True if one of `patterns` names the node.
pub fn is_named(patterns: &[String], node: &Node) -> bool {
    patterns.iter().any(|p| fits(p, &node.name))
}
