//! How each node computes: which ones stay float, those that the user names and those that are only quantized by whoever
//! trained them; and which ones have wider activations than the rest.

use super::{QuantizeError, QuantizeOptions, Width};
use crate::ir::{Graph, Node, Op};

/// Per node, the width of its activations; `None` if it stays float: a pattern names it, or it is recurrent. Every pattern
/// must name one.
pub fn widths(graph: &Graph, options: &QuantizeOptions) -> Result<Vec<Option<Width>>, QuantizeError> {
    let names = |pattern: &String, node: &Node| matches(pattern.as_bytes(), node.name.as_bytes());
    let unmatched = |p: &&String| !graph.nodes.iter().any(|n| names(p, n));
    if let Some(pattern) = options.float_nodes.iter().chain(&options.int16_nodes).find(unmatched) {
        return Err(QuantizeError::NoSuchNode { pattern: pattern.clone() });
    }
    let named = |patterns: &[String], node: &Node| patterns.iter().any(|p| names(p, node));
    let width = |node: &Node| match node.op {
        Op::Lstm { .. } => None,
        _ if named(&options.float_nodes, node) => None,
        _ if named(&options.int16_nodes, node) => Some(Width::I16),
        _ => Some(options.activations),
    };
    Ok(graph.nodes.iter().map(width).collect())
}

/// Glob match where `*` stands for any text. Remembers the last `*` only, which is enough and takes no exponential time.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let fits = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        for (pattern, name) in [("conv", "conv"), ("*", ""), ("*", "a"), ("a*c", "abc"), ("*b*", "abc"), ("a**", "a")] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("conv", "conv2"), ("", "a"), ("a*c", "abd"), ("*b", "abc"), ("b*", "abc")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(40), &"a".repeat(39)));
        assert!(fits(&"*a".repeat(40), &"a".repeat(4000)));
    }
}
