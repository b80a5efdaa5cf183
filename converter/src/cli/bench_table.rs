//! Many models on many cores in one table.

use super::bench::per_mac;
use super::bench_chart::chart;
use super::bench_markdown::markdown;
use super::bench_model::{self, Names, model_name};
use super::model_file::ModelFile;
use super::out::print_json;
use super::whole_file::write_whole;
use super::{Hinted, Progress, Table, Verdict, count, print};
use crate::bench::{self, Board, Cost, CycleModel, Figures, Measurement};
use anyhow::Context;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to measure, and what to do with it.
pub(super) struct Job<'a> {
    pub files: &'a [PathBuf],
    pub boards: &'a [Board],
    pub against: &'a [PathBuf],
    pub save: Option<&'a Path>,
    pub cycles: Option<CycleModel>,
    pub repeat: u32,
    pub limit: Duration,
    pub json: bool,
}

/// A model under the name it has in the table.
struct Named {
    name: String,
    file: ModelFile,
}

pub(super) fn run(job: &Job, progress: &Progress) -> anyhow::Result<Verdict> {
    if let Some(cycles) = &job.cycles {
        check_covered(cycles, job.boards)?;
    }
    let rivals: Vec<Figures> = job.against.iter().map(|path| Figures::read(path)).collect::<Result<_, _>>()?;
    let models = open_all(job.files, progress)?;
    let (costs, as_predicted) = measure_all(job, &models, progress)?;
    let figures = Figures { schema: Figures::SCHEMA, name: "Mote".into(), notes: notes(job)?, costs };
    if let Some(stem) = job.save {
        save(stem, &figures, &rivals, progress)?;
    }
    if job.json {
        print_json(&figures)?;
    } else {
        print(table(&figures, &rivals))?;
    }
    Ok(Verdict::of(as_predicted))
}

/// Refuses an estimate for boards of which it would say nothing.
pub(super) fn check_covered(cycles: &CycleModel, boards: &[Board]) -> anyhow::Result<()> {
    if boards.iter().any(|board| cycles.covers(board)) {
        return Ok(());
    }
    let what = format!("cycles with {} flash wait states are known of Cortex-M4 only", cycles.flash_wait_states);
    Err(Hinted::new(what, "give `--target m4`, or `--flash-wait-states 0` for M3 and M0+").into())
}

fn open_all(files: &[PathBuf], progress: &Progress) -> anyhow::Result<Vec<Named>> {
    let mut models: Vec<Named> = Vec::new();
    for path in files {
        let name = model_name(path);
        if models.iter().any(|model| model.name == name) {
            let hint = "models go by their files' names: rename one";
            return Err(Hinted::new(format!("two models are called `{name}`"), hint).into());
        }
        models.push(Named { name, file: bench_model::open(path, Names::Strip, progress)? });
    }
    Ok(models)
}

/// Every model on every board, and whether all did what the host predicts.
fn measure_all(job: &Job, models: &[Named], progress: &Progress) -> anyhow::Result<(Vec<Cost>, bool)> {
    {
        let bar = progress.bar(job.boards.len(), "building firmware");
        for board in job.boards {
            bench::build_image(board)?;
            bar.step();
        }
    }
    let cells: Vec<(&Named, &Board)> =
        models.iter().flat_map(|model| job.boards.iter().map(move |board| (model, board))).collect();
    let bar = progress.bar(cells.len(), "running");
    let measured = cells.par_iter().map(|&(model, board)| {
        let on = || format!("{} on {}", model.name, board.name);
        let done = measure(job, model, board).with_context(on);
        bar.step();
        done
    });
    let measured: Vec<(Cost, bool)> = measured.collect::<anyhow::Result<_>>()?;
    drop(bar);
    for ((cost, as_predicted), (model, board)) in measured.iter().zip(&cells) {
        if !as_predicted {
            progress.warn(format!(
                "{} on {} ({}): other bytes than on the host, or another arena than planned; please report this model",
                model.name, board.name, cost.core
            ));
        }
    }
    let all = measured.iter().all(|(_, as_predicted)| *as_predicted);
    Ok((measured.into_iter().map(|(cost, _)| cost).collect(), all))
}

fn measure(job: &Job, model: &Named, board: &Board) -> anyhow::Result<(Cost, bool)> {
    let blob = model.file.session.blob();
    let sample = pseudo_random(model.file.summary.inputs.iter().map(|input| input.arena_bytes as usize).sum());
    let samples = [sample];
    let measured: Measurement = bench::measure(board, blob, &samples, job.repeat, job.limit)?;
    let mut cost = Cost::of(&model.name, board.short_name(), &measured);
    if let Some(cycles) = job.cycles.as_ref().filter(|cycles| cycles.covers(board)) {
        cost.cycles = Some(bench::estimate_cycles(board, blob, &samples[0], cycles, job.limit)?.total);
    }
    Ok((cost, measured.as_predicted()))
}

/// Low bytes of xorshift32 (13, 17, 5), seed 1: what the figures of TensorFlow Lite Micro were measured on.
fn pseudo_random(bytes: usize) -> Vec<u8> {
    let mut x = 1u32;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        x as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// How the figures came about.
fn notes(job: &Job) -> anyhow::Result<Vec<String>> {
    let mut notes = vec![bench::versions(job.boards)?.join("; ")];
    let resolution = |board: &Board| {
        board.qemu.as_ref().map(|qemu| format!("{} {}", board.short_name(), qemu.instructions_per_tick))
    };
    let resolutions: Vec<String> = job.boards.iter().filter_map(resolution).collect();
    notes.push(format!(
        "instructions are executed ones, counted by QEMU's `-icount shift=0` and the board's timer; exact to ({})",
        resolutions.join(", ")
    ));
    notes.push("arena: what a run writes, activations and scratch; nothing else is kept in RAM per model".into());
    notes.push("code: the board's image without the model: the kernels that the model uses, the loader with its checks, and the measuring application".into());
    notes.push("loading: Model::load, with its checks and checksums, and Engine::new".into());
    notes.push("input: one sample of pseudo-random bytes; outputs are compared with the host's, byte for byte".into());
    if let Some(model) = &job.cycles {
        notes.push(format!(
            "cycles are estimates: cyclesim, {} flash wait states, model and code in flash, second run",
            model.flash_wait_states
        ));
    }
    Ok(notes)
}

fn save(stem: &Path, figures: &Figures, rivals: &[Figures], progress: &Progress) -> anyhow::Result<()> {
    let name = stem.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let with = |extension: &str| stem.with_file_name(format!("{name}.{extension}"));
    write_whole(&with("json"), format!("{}\n", serde_json::to_string_pretty(figures)?).as_bytes())?;
    write_whole(&with("svg"), chart(figures, rivals).as_bytes())?;
    write_whole(&with("md"), markdown(figures, rivals, &format!("{name}.svg")).as_bytes())?;
    progress.note(format!("wrote {}, .json and .svg", with("md").display()));
    Ok(())
}

/// A line for each model and core, with how many times as many instructions each other program takes.
fn table(figures: &Figures, rivals: &[Figures]) -> String {
    let cycles = figures.costs.iter().any(|cost| cost.cycles.is_some());
    let shown: Vec<&Figures> =
        rivals.iter().filter(|rival| rival.costs.iter().any(|c| c.instructions.is_some())).collect();
    let mut headings: Vec<String> = ["model", "core", ">instructions", ">per MAC"].map(String::from).to_vec();
    headings.extend(shown.iter().map(|rival| format!(">{}", rival.name)));
    headings.extend(cycles.then(|| ">cycles".to_owned()));
    headings.extend([">arena", ">code", ">model file", ">loading"].map(String::from));
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for cost in &figures.costs {
        let mut row = vec![cost.model.clone(), cost.core.clone(), number(cost.instructions)];
        row.push(per_mac(cost.instructions.unwrap_or(0), cost.macs.unwrap_or(0)));
        row.extend(shown.iter().map(|rival| {
            let theirs = rival.find(&cost.model, &cost.core).and_then(|theirs| theirs.instructions);
            times(theirs, cost.instructions)
        }));
        row.extend(cycles.then(|| number(cost.cycles)));
        row.extend([cost.arena_bytes, cost.code_bytes, cost.model_bytes, cost.load_instructions].map(number));
        table.row(&row);
    }
    table.to_string()
}

pub(super) fn number(value: Option<u64>) -> String {
    value.map_or(String::new(), count)
}

/// How many times ours theirs is: `x1.52`.
pub(super) fn times(theirs: Option<u64>, ours: Option<u64>) -> String {
    match (theirs, ours) {
        (Some(theirs), Some(ours @ 1..)) => format!("x{:.2}", theirs as f64 / ours as f64),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_that_of_the_other_programs() {
        assert_eq!(pseudo_random(6), [0x21, 0x01, 0xc5, 0x4f, 0xd1, 0xd0]);
    }

    #[test]
    fn a_figure_that_is_missing_leaves_its_cell_empty() {
        let cost = |instructions| Cost { model: "a".into(), core: "m4".into(), instructions, ..Cost::default() };
        let figures = |name: &str, instructions| Figures {
            schema: 1,
            name: name.into(),
            notes: Vec::new(),
            costs: vec![cost(instructions)],
        };
        let text = table(&figures("Mote", Some(1000)), &[figures("Other", Some(1520)), figures("Silent", None)]);
        assert!(text.contains("Other") && text.contains("x1.52") && text.contains("1,000"), "{text}");
        assert!(!text.contains("Silent") && !text.contains("cycles"), "{text}");
    }
}
