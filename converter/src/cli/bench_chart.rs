//! Figures as a picture: instructions per multiply-accumulate, so that models of all sizes share one axis.

use crate::bench::Figures;
use std::fmt::Write;

const WIDTH: f64 = 860.0;
/// Left of the bars: names.
const LEFT: f64 = 190.0;
/// Right of the longest bar: its figure.
const RIGHT: f64 = 60.0;
const TOP: f64 = 50.0;
const BAR: f64 = 12.0;
const GAP: f64 = 8.0;
/// Of each program, ours first; distinguishable without colour vision.
const COLOURS: [&str; 5] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#999999"];

/// A self-contained SVG: a bar for each model, core and program that has instructions.
pub(super) fn chart(figures: &Figures, rivals: &[Figures]) -> String {
    let counts = |program: &&Figures| program.costs.iter().any(|cost| cost.instructions.is_some());
    let programs: Vec<&Figures> = std::iter::once(figures).chain(rivals.iter().filter(counts)).collect();
    let groups = groups(figures, &programs);
    let most = groups.iter().flat_map(|group| &group.bars).map(|&(_, ratio)| ratio).fold(0.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / if most > 0.0 { most } else { 1.0 };

    let mut body = String::new();
    let mut y = TOP;
    for group in &groups {
        let middle = y + BAR * group.bars.len() as f64 / 2.0 + 4.0;
        let _ =
            writeln!(body, r#"<text x="{}" y="{middle}" text-anchor="end">{}</text>"#, LEFT - 6.0, escape(&group.name));
        for &(program, ratio) in &group.bars {
            let (colour, width) = (COLOURS[program % COLOURS.len()], ratio * scale);
            let _ = writeln!(
                body,
                r#"<rect x="{LEFT}" y="{y}" width="{width:.1}" height="{}" fill="{colour}"/><text x="{:.1}" y="{:.1}">{ratio:.2}</text>"#,
                BAR - 1.0,
                LEFT + width + 4.0,
                y + BAR - 2.5,
            );
            y += BAR;
        }
        y += GAP;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" viewBox=\"0 0 {WIDTH} {y}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\" font-size=\"14\">Instructions per multiply-accumulate; shorter is better</text>\n\
         {}{body}</svg>\n",
        legend(&programs)
    )
}

/// The bars of one model on one core.
struct Group {
    name: String,
    /// Program and its instructions per multiply-accumulate.
    bars: Vec<(usize, f64)>,
}

fn groups(figures: &Figures, programs: &[&Figures]) -> Vec<Group> {
    let group = |ours: &crate::bench::Cost| {
        let macs = ours.macs.filter(|&macs| macs > 0)? as f64;
        let bar = |(index, program): (usize, &&Figures)| {
            let instructions = program.find(&ours.model, &ours.core)?.instructions?;
            Some((index, instructions as f64 / macs))
        };
        let bars = programs.iter().enumerate().filter_map(bar).collect();
        Some(Group { name: format!("{} {}", ours.model, ours.core), bars })
    };
    figures.costs.iter().filter_map(group).collect()
}

fn legend(programs: &[&Figures]) -> String {
    let mut text = String::new();
    let mut x = 10.0;
    for (index, program) in programs.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            text,
            r#"<rect x="{x}" y="28" width="11" height="11" fill="{colour}"/><text x="{}" y="38">{}</text>"#,
            x + 15.0,
            escape(&program.name)
        );
        x += 40.0 + 6.5 * program.name.chars().count() as f64;
    }
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Cost;

    #[test]
    fn every_bar_has_its_figure_and_names_are_escaped() {
        let cost = |instructions| Cost {
            model: "a<b".into(),
            core: "m4".into(),
            macs: Some(100),
            instructions: Some(instructions),
            ..Cost::default()
        };
        let of = |name: &str, n| Figures { schema: 1, name: name.into(), notes: Vec::new(), costs: vec![cost(n)] };
        let svg = chart(&of("Mote", 150), &[of("Other & co", 300)]);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        for expected in [">1.50<", ">3.00<", "a&lt;b m4", "Other &amp; co"] {
            assert!(svg.contains(expected), "no `{expected}` in\n{svg}");
        }
        // Background, two in the legend, two bars.
        assert_eq!(svg.matches("<rect ").count(), 5, "{svg}");
    }
}
