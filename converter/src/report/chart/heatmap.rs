//! A matrix of counts.

use super::{COLOURS, ChartError, WIDTH, draw, failed, short, text};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Rows are labels, columns predictions; each cell as strong as its share of the row.
pub fn heatmap(counts: &[Vec<u64>], names: &[String]) -> Result<String, ChartError> {
    let n = counts.len().max(1) as i32;
    let left = 120;
    let cell = ((WIDTH as i32 - left - 16) / n).clamp(6, 42);
    let top = 60;
    draw((top + cell * n + 16) as u32, |area| {
        let colour = COLOURS[0];
        let centre = |x: i32, y: i32| (left + x * cell + cell / 2, top + y * cell + cell / 2);
        let middle = text(12).pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text("predicted", &text(12), (left, 6)).map_err(failed)?;
        area.draw_text("label", &text(12), (8, top - 18)).map_err(failed)?;
        for (label, row) in counts.iter().enumerate() {
            let y = label as i32;
            let total = row.iter().sum::<u64>().max(1);
            let right = text(12).pos(Pos::new(HPos::Right, VPos::Center));
            if cell >= 12 {
                area.draw_text(&short(&names[label], 15), &right, (left - 6, centre(0, y).1)).map_err(failed)?;
                area.draw_text(&short(&names[label], (cell as usize / 7).max(1)), &middle, (centre(y, 0).0, top - 10))
                    .map_err(failed)?;
            }
            for (prediction, &count) in row.iter().enumerate() {
                let x = prediction as i32;
                let share = count as f64 / total as f64;
                let corner = (left + x * cell, top + y * cell);
                let square = [corner, (corner.0 + cell - 1, corner.1 + cell - 1)];
                area.draw(&Rectangle::new(square, colour.mix(0.04 + 0.96 * share).filled())).map_err(failed)?;
                if count > 0 && cell >= 18 {
                    let style = if share > 0.5 { middle.color(&WHITE) } else { middle.clone() };
                    area.draw_text(&count.to_string(), &style, centre(x, y)).map_err(failed)?;
                }
            }
        }
        Ok(())
    })
}
