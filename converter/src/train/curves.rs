//! Learning curves as a picture.

use super::Epoch;
use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 50.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;
/// Between the two panels.
const GAP: f64 = 60.0;
/// Training, validation; distinguishable without colour vision.
const COLOURS: [&str; 2] = ["#0072b2", "#e69f00"];

/// One figure over the epochs; epochs without it are left out.
type Series<'a> = (&'a str, Vec<(usize, f32)>);

/// A self-contained SVG with loss and accuracy of all epochs.
pub fn curves(history: &[Epoch]) -> String {
    let series = |name, pick: fn(&Epoch) -> Option<f32>| -> Series {
        let points = history.iter().filter_map(|e| Some((e.epoch, pick(e).filter(|v| v.is_finite())?)));
        (name, points.collect())
    };
    let losses = [series("training", |e| Some(e.train_loss)), series("validation", |e| e.validation_loss)];
    let accuracies = [series("training", |e| e.train_accuracy), series("validation", |e| e.validation_accuracy)];
    let last = history.last().map_or(1, |e| e.epoch);
    let panel = (WIDTH - 2.0 * LEFT - GAP) / 2.0;
    let mut body = panel_of("loss", &losses, LEFT, panel, last);
    if accuracies.iter().any(|s| !s.1.is_empty()) {
        body += &panel_of("accuracy", &accuracies, LEFT + panel + GAP, panel, last);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn panel_of(title: &str, series: &[Series], left: f64, width: f64, last: usize) -> String {
    let values = || series.iter().flat_map(|s| s.1.iter().map(|p| f64::from(p.1)));
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = if low.is_finite() { (low, high.max(low + 1e-6)) } else { (0.0, 1.0) };
    let height = HEIGHT - TOP - BOTTOM;
    let x = |epoch: usize| left + width * if last > 1 { (epoch - 1) as f64 / (last - 1) as f64 } else { 0.5 };
    let y = |value: f64| TOP + height * (high - value) / (high - low);

    let mut svg = String::new();
    let _ = writeln!(svg, r#"<text x="{left}" y="16" font-size="13">{title}</text>"#);
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let at = y(value);
        let _ = writeln!(
            svg,
            r##"<line x1="{left}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}" stroke="#ddd"/><text x="{:.1}" y="{:.1}" text-anchor="end">{value:.3}</text>"##,
            left + width,
            left - 4.0,
            at + 4.0
        );
    }
    for epoch in [1, last.div_ceil(2), last] {
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{epoch}</text>"#,
            x(epoch),
            HEIGHT - BOTTOM + 16.0
        );
    }
    let drawn = series.iter().zip(COLOURS).filter(|(s, _)| !s.1.is_empty());
    for (index, ((name, points), colour)) in drawn.enumerate() {
        let path: Vec<String> = points.iter().map(|&(e, v)| format!("{:.1},{:.1}", x(e), y(f64::from(v)))).collect();
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5"/>"#,
            path.join(" ")
        );
        let at = left + width - 70.0;
        let row = 12.0 + 13.0 * index as f64;
        let _ = writeln!(svg, r#"<text x="{at:.1}" y="{row}" fill="{colour}">{name}</text>"#);
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_line_and_missing_figures_none() {
        let epoch = |epoch, accuracy| Epoch {
            epoch,
            rate: 0.1,
            train_loss: 1.0 / epoch as f32,
            train_accuracy: accuracy,
            validation_loss: None,
            validation_accuracy: None,
        };
        let svg = curves(&[epoch(1, None), epoch(2, None), epoch(3, None)]);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("<polyline ").count(), 1, "{svg}");
        let svg = curves(&[epoch(1, Some(0.5)), epoch(2, Some(0.75))]);
        assert_eq!(svg.matches("<polyline ").count(), 2);
        assert!(svg.contains("accuracy") && !svg.contains("validation"));
        // One epoch, and none, are pictures too.
        assert!(curves(&[epoch(1, Some(0.5))]).contains("<polyline ") && curves(&[]).contains("</svg>"));
    }
}
