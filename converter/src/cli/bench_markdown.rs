//! Figures as a Markdown page.

use super::bench_table::{number, times};
use crate::bench::{Cost, Figures};
use std::fmt::Write;

type Figure = fn(&Cost) -> Option<u64>;

/// The core that memory is told of, where it was measured.
const REFERENCE: &str = "m4";

/// A page of tables: `figures`, and beside them what other programs take. `chart` is the picture's file name.
pub(super) fn markdown(figures: &Figures, rivals: &[Figures], chart: &str) -> String {
    let mut page = format!("# What {} costs\n\n![instructions per multiply-accumulate]({chart})\n\n", figures.name);
    page += "Written by `mote bench --save`. `x1.50` beside another program's figure: it is 1.50 times ours.\n";
    page += &by_core("Instructions of one run", figures, rivals, |cost| cost.instructions);
    page += &per_mac(figures);
    page += &by_core("Cycles of one run", figures, rivals, |cost| cost.cycles);
    page += &memory(figures, rivals);
    page += "\n## How\n";
    for program in std::iter::once(figures).chain(rivals) {
        let _ = writeln!(page, "\n{}:\n", program.name);
        program.notes.iter().for_each(|note| {
            let _ = writeln!(page, "- {note}");
        });
    }
    page
}

/// Programs that know a figure of a model on any core.
fn who_knows<'a>(
    figures: &'a Figures,
    rivals: &'a [Figures],
    model: &'a str,
    figure: Figure,
) -> impl Iterator<Item = &'a Figures> {
    let knows = move |p: &&Figures| p.costs.iter().any(|cost| cost.model == model && figure(cost).is_some());
    std::iter::once(figures).chain(rivals).filter(knows)
}

/// Models and programs down, cores across.
fn by_core(title: &str, figures: &Figures, rivals: &[Figures], figure: Figure) -> String {
    if figures.costs.iter().all(|cost| figure(cost).is_none()) {
        return String::new();
    }
    let cores: Vec<&str> = figures
        .cores()
        .into_iter()
        .filter(|core| figures.costs.iter().any(|c| c.core == *core && figure(c).is_some()))
        .collect();
    let mut text = format!(
        "\n## {title}\n\n| model | program | {} |\n|---|---|{}\n",
        cores.join(" | "),
        "--:|".repeat(cores.len())
    );
    for model in figures.models() {
        for (index, program) in who_knows(figures, rivals, model, figure).enumerate() {
            let cells: Vec<String> = cores
                .iter()
                .map(|core| {
                    let theirs = program.find(model, core).and_then(figure);
                    let ours = figures.find(model, core).and_then(figure).filter(|_| index > 0);
                    format!("{} {}", number(theirs), times(theirs, ours)).trim().to_owned()
                })
                .collect();
            text += &row(model, program, index, &cells);
        }
    }
    text
}

/// A line of a table; only the first of a model names it.
fn row(model: &str, program: &Figures, index: usize, cells: &[String]) -> String {
    let model = if index == 0 { model } else { "" };
    format!("| {model} | {} | {} |\n", program.name, cells.join(" | "))
}

fn per_mac(figures: &Figures) -> String {
    let cores = figures.cores();
    let mut text = format!(
        "\n## Instructions per multiply-accumulate\n\n| model | MACs | {} |\n|---|--:|{}\n",
        cores.join(" | "),
        "--:|".repeat(cores.len())
    );
    for model in figures.models() {
        let costs: Vec<Option<&Cost>> = cores.iter().map(|core| figures.find(model, core)).collect();
        let macs = costs.iter().flatten().find_map(|cost| cost.macs);
        let ratio = |cost: &Option<&Cost>| {
            cost.and_then(|c| c.instructions_per_mac).map_or(String::new(), |ratio| format!("{ratio:.2}"))
        };
        let cells: Vec<String> = costs.iter().map(ratio).collect();
        let _ = writeln!(text, "| {model} | {} | {} |", number(macs), cells.join(" | "));
    }
    text
}

/// RAM, flash and loading on one core.
fn memory(figures: &Figures, rivals: &[Figures]) -> String {
    let cores = figures.cores();
    let Some(core) = cores.iter().find(|core| **core == REFERENCE).or(cores.first()) else { return String::new() };
    let columns: [Figure; 4] = [|c| c.arena_bytes, |c| c.code_bytes, |c| c.model_bytes, |c| c.load_instructions];
    let mut text = format!("\n## Memory and loading on {core}\n\n");
    text += "Bytes; instructions for loading.\n\n";
    text += "| model | program | arena | code without the model | model file | loading |\n|---|---|--:|--:|--:|--:|\n";
    for model in figures.models() {
        let Some(ours) = figures.find(model, core) else { continue };
        for (index, program) in std::iter::once(figures).chain(rivals).enumerate() {
            let Some(cost) = program.find(model, core) else { continue };
            let figures = columns.map(|figure| figure(cost));
            if figures.iter().all(Option::is_none) {
                continue;
            }
            let cell = |(theirs, figure): (Option<u64>, &Figure)| {
                format!("{} {}", number(theirs), times(theirs, figure(ours).filter(|_| index > 0))).trim().to_owned()
            };
            let cells: Vec<String> = figures.into_iter().zip(&columns).map(cell).collect();
            text += &row(model, program, index, &cells);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(name: &str, cost: Cost) -> Figures {
        let cost = Cost { model: "kws".into(), core: "m4".into(), ..cost };
        Figures { schema: 1, name: name.into(), notes: vec![format!("{name} 1.0")], costs: vec![cost] }
    }

    #[test]
    fn a_page_has_ratios_and_names_versions() {
        let ours = Cost { macs: Some(1000), instructions: Some(2000), arena_bytes: Some(100), ..Cost::default() };
        let theirs = Cost { instructions: Some(3000), arena_bytes: Some(150), ..Cost::default() };
        let page = markdown(&figures("Mote", ours), &[figures("Other", theirs)], "x.svg");
        for line in [
            "| kws | Mote | 2,000 |",
            "|  | Other | 3,000 x1.50 |",
            "|  | Other | 150 x1.50 |  |  |  |",
            "- Other 1.0",
            "](x.svg)",
        ] {
            assert!(page.contains(line), "no `{line}` in\n{page}");
        }
        assert!(!page.contains("Cycles"), "{page}");
    }

    #[test]
    fn a_program_that_knows_only_cycles_is_in_that_table_alone() {
        let ours = Cost { instructions: Some(2000), cycles: Some(3000), ..Cost::default() };
        let theirs = Cost { cycles: Some(1500), ..Cost::default() };
        let page = markdown(&figures("Mote", ours), &[figures("Other", theirs)], "x.svg");
        assert_eq!(page.matches("| Other |").count(), 1, "{page}");
        assert!(page.contains("|  | Other | 1,500 x0.50 |"), "{page}");
    }
}
