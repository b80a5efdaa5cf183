//! Memory over time.

use super::{COLOURS, ChartError, draw, failed, text};
use crate::inspect::{Occupant, Use};
use plotters::prelude::*;

/// Occupants as rectangles: instructions from left to right, addresses from bottom to top.
pub fn occupancy(occupants: &[Occupant], instructions: usize, arena_bytes: u32) -> Result<String, ChartError> {
    let (end, top) = (instructions.max(1) as f64, f64::from(arena_bytes.max(1)));
    draw(400, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .margin_top(30)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d(0.0..end, 0.0..top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc("instruction")
            .y_desc("address in the arena, bytes")
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.15))
            .axis_style(BLACK.mix(0.6))
            .label_style(text(12))
            .axis_desc_style(text(12))
            .x_label_formatter(&|x| super::number(x.round()))
            .y_label_formatter(&|y| super::number(y.round()))
            .draw()
            .map_err(failed)?;
        for occupant in occupants {
            let [from, to] = occupant.instructions.map(|i| i as f64);
            let [low, high] = occupant.bytes.map(f64::from);
            let corners = [(from, low), (to + 1.0, high)];
            let colour = COLOURS[colour(occupant.kind)];
            chart.draw_series([Rectangle::new(corners, colour.mix(0.55).filled())]).map_err(failed)?;
            chart.draw_series([Rectangle::new(corners, BLACK.mix(0.5))]).map_err(failed)?;
        }
        let mut x = 80;
        for (kind, name) in KINDS.iter().filter(|(kind, _)| occupants.iter().any(|o| o.kind == *kind)) {
            area.draw(&Rectangle::new([(x, 8), (x + 11, 19)], COLOURS[colour(*kind)].mix(0.55).filled()))
                .map_err(failed)?;
            area.draw_text(name, &text(12), (x + 15, 8)).map_err(failed)?;
            x += 34 + 7 * name.len() as i32;
        }
        Ok(())
    })
}

const KINDS: [(Use, &str); 4] =
    [(Use::Input, "inputs"), (Use::Value, "values"), (Use::Scratch, "scratch"), (Use::State, "state")];

fn colour(kind: Use) -> usize {
    KINDS.iter().position(|(k, _)| *k == kind).unwrap_or(0)
}
