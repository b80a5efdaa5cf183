//! Charts as SVG that takes its colours from the page around it.
//!
//! Lines and text are drawn in black, which becomes the colour of the page's text, so that the same chart serves on light and
//! dark ground. Bars and curves have colours that differ without colour vision, too.

mod bars;
mod heatmap;
mod lines;
mod occupancy;

pub use bars::{Series, bars};
pub use heatmap::heatmap;
pub use lines::{Curve, lines};
pub use occupancy::occupancy;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::{BLACK, DrawingArea, IntoDrawingArea, IntoTextStyle, RGBColor, TextStyle};

/// Okabe and Ito's colours, the first ones apart also in grey.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(153, 153, 153),
];

/// Width of all charts in pixels; a page scales them, or scrolls on a telephone.
pub(super) const WIDTH: u32 = 720;

/// A chart cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw a chart: {0}")]
pub struct ChartError(String);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws on an area of the given height and gives the SVG.
fn draw(height: u32, paint: impl FnOnce(&Area) -> Result<(), ChartError>) -> Result<String, ChartError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        paint(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(themed(&svg))
}

/// Whatever is black takes the colour of the text around it.
pub(super) fn themed(svg: &str) -> String {
    svg.replace("#000000", "currentColor")
}

fn failed(error: impl std::fmt::Display) -> ChartError {
    ChartError(error.to_string())
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_text_style(&(WIDTH, WIDTH)).with_color_of(&BLACK)
}

/// Text in a colour, without a trait of the library in every file.
trait Coloured {
    fn with_color_of(self, colour: &RGBColor) -> Self;
}

impl Coloured for TextStyle<'static> {
    fn with_color_of(self, colour: &RGBColor) -> Self {
        use plotters::style::Color;
        Self { color: colour.to_backend_color(), ..self }
    }
}

/// At most `n` characters, cut at the front, where names of nodes are alike.
fn short(name: &str, n: usize) -> String {
    let length = name.chars().count();
    if length <= n { name.into() } else { format!("…{}", name.chars().skip(length + 1 - n).collect::<String>()) }
}

/// On an axis: whole numbers in groups of three digits, others as short as they are.
fn number(x: f64) -> String {
    match x {
        _ if x.fract() == 0.0 && x >= 0.0 => crate::cli::count(x as u64),
        _ => format!("{}", (x * 1000.0).round() / 1000.0),
    }
}
