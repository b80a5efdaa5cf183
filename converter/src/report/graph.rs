//! The program as a graph.

use super::chart::themed;
use crate::inspect::{Producer, Summary};
use layout::adt::dag::NodeHandle;
use layout::backends::svg::SVGWriter;
use layout::core::base::Orientation;
use layout::core::color::Color;
use layout::core::geometry::{Point, Position, get_size_for_str};
use layout::core::style::{LineStyleKind, StyleAttr};
use layout::std_shapes::shapes::{Arrow, Element, LineEndKind, ShapeKind};
use layout::topo::layout::VisualGraph;
use std::collections::HashMap;

/// More instructions than this are a table only: nobody finds their way in such a picture.
pub const LARGEST: usize = 150;

const FONT: usize = 13;

/// Boxes for inputs, instructions and outputs, arrows for values; top down. `None` if there are too many. `id` tells it
/// from other pictures of the page.
pub fn graph(summary: &Summary, edges: &[(Producer, usize)], id: &str) -> Option<String> {
    if summary.instructions.len() > LARGEST {
        return None;
    }
    let mut picture = VisualGraph::new(Orientation::TopToBottom);
    let mut add = |text: String, colour: &str| {
        let style = StyleAttr::new(Color::fast("black"), 1, Some(Color::fast(colour)), 4, FONT);
        let text_size = get_size_for_str(&text, FONT);
        let size = Point::new(text_size.x + 16.0, text_size.y + 12.0);
        picture.add_node(Element::create(ShapeKind::new_box(&text), style, Orientation::TopToBottom, size))
    };
    let shape = |shape: &[u32]| shape.iter().map(u32::to_string).collect::<Vec<_>>().join("x");
    let inputs: Vec<_> =
        summary.inputs.iter().map(|p| add(format!("{} {} {}", p.name, p.dtype, shape(&p.shape)), INPUT)).collect();
    // The head of a chain in bands computes nothing.
    let computes = |at: usize| edges.iter().any(|(_, to)| *to == at);
    let nodes: HashMap<usize, _> = (0..summary.instructions.len())
        .filter(|at| computes(*at))
        .map(|at| {
            let i = &summary.instructions[at];
            (at, add(format!("{at} {} {}", i.op, shape(&i.output_shape)), NODE))
        })
        .collect();
    for (from, to) in edges {
        let from = match from {
            Producer::Input(input) => inputs.get(*input),
            Producer::Instruction(at) => nodes.get(at),
        };
        if let (Some(from), Some(to)) = (from, nodes.get(to)) {
            let style = StyleAttr::new(Color::fast("black"), 1, None, 0, FONT);
            let arrow =
                Arrow::new(LineEndKind::None, LineEndKind::Arrow, LineStyleKind::Normal, "", &style, &None, &None);
            picture.add_edge(arrow, *from, *to);
        }
    }
    let all: Vec<NodeHandle> = inputs.iter().chain(nodes.values()).copied().collect();
    let mut svg = SVGWriter::new();
    picture.do_it(false, false, false, &mut svg);
    let svg = svg.finalize();
    // The writer leaves room for text that lies in the boxes anyway; and in a page, a picture has no header of its own.
    let end = |size: fn(&Position) -> f64| all.iter().map(|node| size(&picture.pos(*node))).fold(0.0, f64::max).ceil();
    let (width, height) = (end(|p| p.right(true)), end(|p| p.bottom(true)));
    let body = svg.get(svg.find("<defs>")?..)?;
    let head = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\">"
    );
    let body = format!("{head}{body}");
    let mut body = without_texts_on_paths(&body)
        .replace("startarrow", &format!("start-{id}"))
        .replace("endarrow", &format!("end-{id}"));
    for (from, to) in [("id=\"arrow", "data-arrow=\""), ("#000000ff", "#000000"), ("Times, serif", "sans-serif")] {
        body = body.replace(from, to);
    }
    Some(themed(&body))
}

/// Arrows have no text.
fn without_texts_on_paths(svg: &str) -> String {
    let mut out = String::new();
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("<text><textPath") {
        out.push_str(before);
        rest = after.split_once("</text>").map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Seen through: the ground may be light or dark.
const INPUT: &str = "#e69f0044";
const NODE: &str = "#0072b233";
