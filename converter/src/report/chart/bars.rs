//! Horizontal bars.

use super::{COLOURS, ChartError, draw, failed, number, short, text};
use plotters::prelude::*;

/// Figures of one kind, one for each label; `None` where there is none.
#[derive(Clone, Debug)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// In the order of the labels.
    pub values: Vec<Option<f64>>,
}

/// Pixels of a bar.
const BAR: u32 = 14;
/// Pixels between the bars of two labels.
const GAP: u32 = 8;

/// One group of bars for each label, from top to bottom. `line` marks a value across all of them.
pub fn bars(unit: &str, labels: &[String], series: &[Series], line: Option<(f64, &str)>) -> Result<String, ChartError> {
    let group = series.len().max(1) as u32 * BAR + GAP;
    let height = labels.len() as u32 * group + 90;
    let values = || series.iter().flat_map(|s| s.values.iter().flatten().copied());
    let least = values().chain(line.map(|l| l.0)).fold(0.0, f64::min);
    let most = values().chain(line.map(|l| l.0)).fold(0.0, f64::max);
    let most = if most > least { most + (most - least) * 0.12 } else { least + 1.0 };
    draw(height, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_top(if series.len() > 1 || line.is_some() { 26 } else { 8 })
            .x_label_area_size(44)
            .y_label_area_size(210)
            .build_cartesian_2d(least..most, (labels.len() as f64)..0.0)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_desc(unit)
            .x_labels(8)
            .x_label_formatter(&|x| number(*x))
            .y_labels(0)
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .axis_style(BLACK.mix(0.6))
            .label_style(text(12))
            .axis_desc_style(text(12))
            .draw()
            .map_err(failed)?;
        let share = 1.0 / (series.len().max(1) as f64 + f64::from(GAP) / f64::from(BAR));
        for (at, series) in series.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let bar = |(label, value): (usize, &Option<f64>)| {
                let top = label as f64 + (at as f64 + f64::from(GAP) / f64::from(BAR) / 2.0) * share;
                value.map(|v| Rectangle::new([(0.0, top), (v, top + share)], colour.filled()))
            };
            chart.draw_series(series.values.iter().enumerate().filter_map(bar)).map_err(failed)?;
        }
        if let Some((value, _)) = line {
            let style = BLACK.stroke_width(2);
            chart
                .draw_series([PathElement::new([(value, 0.0), (value, labels.len() as f64)], style)])
                .map_err(failed)?;
        }
        let plot = chart.plotting_area();
        for (label, name) in labels.iter().enumerate() {
            let (_, y) = plot.map_coordinate(&(0.0, label as f64 + 0.5));
            let style = text(12).pos(plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Right,
                plotters::style::text_anchor::VPos::Center,
            ));
            area.draw_text(&short(name, 32), &style, (212, y)).map_err(failed)?;
        }
        legend(area, series, line.map(|l| l.1))
    })
}

/// Names of the series at the top, and what the line is.
fn legend(area: &super::Area, series: &[Series], line: Option<&str>) -> Result<(), ChartError> {
    if series.len() < 2 && line.is_none() {
        return Ok(());
    }
    let mut x = 220;
    if series.len() > 1 {
        for (at, series) in series.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            area.draw(&Rectangle::new([(x, 8), (x + 11, 19)], colour.filled())).map_err(failed)?;
            area.draw_text(&series.name, &text(12), (x + 15, 8)).map_err(failed)?;
            x += 34 + 7 * series.name.chars().count() as i32;
        }
    }
    if let Some(line) = line {
        area.draw_text(line, &text(12), (x, 8)).map_err(failed)?;
    }
    Ok(())
}
