//! Curves.

use super::{COLOURS, ChartError, draw, failed, text};
use plotters::prelude::*;

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// In the legend.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
    /// Marks on the points, for those that are few.
    pub marks: bool,
}

/// Curves in one frame.
pub fn lines(x: &str, y: &str, curves: &[Curve]) -> Result<String, ChartError> {
    let all = || curves.iter().flat_map(|c| c.points.iter().copied());
    let span = |pick: fn((f64, f64)) -> f64| {
        let (low, high) = all().map(pick).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let room = if high > low { (high - low) * 0.05 } else { 0.5 };
        if low.is_finite() { low - room..high + room } else { 0.0..1.0 }
    };
    let rows = curves.len().div_ceil(3) as u32;
    draw(330 + 18 * rows, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_top(14 + 18 * rows as i32)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(span(|p| p.0), span(|p| p.1))
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(x)
            .y_desc(y)
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .axis_style(BLACK.mix(0.6))
            .label_style(text(12))
            .axis_desc_style(text(12))
            .draw()
            .map_err(failed)?;
        for (at, curve) in curves.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            chart.draw_series(LineSeries::new(curve.points.clone(), colour.stroke_width(2))).map_err(failed)?;
            if curve.marks {
                let mark = |p: &(f64, f64)| Circle::new(*p, 4, colour.filled());
                chart.draw_series(curve.points.iter().map(mark)).map_err(failed)?;
            }
            let (column, row) = ((at % 3) as i32, (at / 3) as i32);
            let (left, top) = (70 + column * 215, 8 + row * 18);
            area.draw(&Rectangle::new([(left, top), (left + 11, top + 11)], colour.filled())).map_err(failed)?;
            area.draw_text(&super::short(&curve.name, 28), &text(12), (left + 15, top)).map_err(failed)?;
        }
        Ok(())
    })
}
