//! `mote bench`: what models cost on targets.

use super::bench_device;
use super::bench_model::{self, Names};
use super::bench_table::{self, Job, check_covered, number};
use super::data_args::DataArgs;
use super::model_file::ModelFile;
use super::out::print_json;
use super::table::facts;
use super::{Hinted, Progress, Table, Verdict, count, kib, percent, print};
use crate::bench::{self, Board, CycleModel, Cycles, Measurement};
use crate::data;
use crate::device::Port;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Run models on emulated boards: instructions, memory really used, code size; layer by layer, or one table of many.
///
/// Builds the board's firmware if needed (from the source tree, or MOTE_FIRMWARE) and runs it in QEMU (MOTE_QEMU, for the
/// RISC-V board MOTE_QEMU_RISCV32, or the one on the path), where an instruction takes a nanosecond, so that counts are the same every time. Fails (exit code 1)
/// if a device writes more or less of the arena than planned, or gives other bytes than the host.
///
/// One model on one board gives a table of its layers. Several models or boards give one table; each then runs on one
/// sample of fixed pseudo-random bytes, whose outputs are compared with the host's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote bench net.mote                                      Cortex-M4, the reference, layer by layer
  mote bench net.mote --target m0plus --json               one JSON object; `instructions` is the total
  mote bench net.mote --inputs test.npy --limit 16         compare the outputs with the host, byte for byte
  mote bench net.tflite                                    converted on the fly, as `mote convert net.tflite` does
  mote bench a.mote b.tflite --all-targets                 one table of models and cores
  mote bench a.mote --target m4 --target m7 --against benches/rivals/tflm-cmsis-nn.json
                                                           beside what another program takes
  mote bench a.mote --all-targets --save results/a         writes results/a.json, results/a.md and results/a.svg
  mote bench net.mote --port /dev/ttyACM0 --repeat 20      on a device that runs it: median, minimum, maximum
  mote bench net.mote --cycles cyclesim.so                 estimated cycles, too; benches/README.md tells how")]
pub(super) struct Args {
    /// Models: .mote files, or networks, which are converted first (float ones with scales from noise: their sizes and
    /// instructions are right).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The board: a folder of firmware/boards or a short name of one, as m4, m3, m7, m33, m0plus, rv32. May be given several
    /// times.
    #[arg(long, value_name = "BOARD", default_value = "qemu-cortex-m4")]
    target: Vec<String>,
    /// Every emulated board.
    #[arg(long, conflicts_with = "target")]
    all_targets: bool,
    /// Run these samples too, and compare every byte with the host. One model and one board only.
    #[arg(long, value_name = "DATA", conflicts_with_all = ["all_targets", "against", "save"])]
    inputs: Option<PathBuf>,
    /// Measure on a device that runs the model already (`mote flash`): a serial port, as /dev/ttyACM0, or tcp:HOST:PORT.
    #[arg(long, value_name = "PORT", conflicts_with_all = ["target", "all_targets", "inputs", "against", "save", "cycles"])]
    port: Option<Port>,
    /// How often to run for the total.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Give up on a run after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = bench::DEFAULT_TIME_LIMIT.as_secs())]
    time_limit: u64,
    /// Figures of another program, or older ones, to show beside these: a .json file that --save wrote, or one of
    /// benches/rivals. May be given several times.
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Write the figures to FILE.json, FILE.md and FILE.svg.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Estimate cycles with this QEMU plugin, `cyclesim.so`: on Cortex-M4, without wait states on M3 and M0+ too.
    #[arg(long, value_name = "PLUGIN")]
    cycles: Option<PathBuf>,
    /// Cycles that a read of flash takes beyond one, for --cycles; 5 is an STM32L4 at 120 MHz.
    #[arg(long, value_name = "N", default_value_t = 5, requires = "cycles")]
    flash_wait_states: u32,
    /// One JSON object instead of tables; for one model on one board, `instructions` is the total.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    if let Some(port) = &args.port {
        return match args.files.as_slice() {
            [file] => bench_device::run(file, port, args.repeat, args.json, progress),
            _ => Err(Hinted::new("--port is for one model", "give the file that the device runs").into()),
        };
    }
    let boards = boards(&args)?;
    let limit = Duration::from_secs(args.time_limit);
    match (args.files.as_slice(), boards.as_slice()) {
        ([file], [board]) if args.against.is_empty() && args.save.is_none() => one(&args, file, board, limit, progress),
        _ if args.inputs.is_some() => {
            Err(Hinted::new("--inputs is for one model on one board", "give one file and one --target").into())
        }
        _ => bench_table::run(&args.table(&boards, limit)?, progress),
    }
}

impl Args {
    fn cycle_model(&self) -> anyhow::Result<Option<CycleModel>> {
        let plugin = |path: &PathBuf| {
            let what = || Hinted::new(format!("no plugin `{}`", path.display()), "`benches/cycles/setup.sh` builds it");
            path.canonicalize().with_context(what)
        };
        let plugin = self.cycles.as_ref().map(plugin).transpose()?;
        Ok(plugin.map(|plugin| CycleModel { plugin, flash_wait_states: self.flash_wait_states }))
    }

    fn table<'a>(&'a self, boards: &'a [Board], limit: Duration) -> anyhow::Result<Job<'a>> {
        Ok(Job {
            files: &self.files,
            boards,
            against: &self.against,
            save: self.save.as_deref(),
            cycles: self.cycle_model()?,
            repeat: self.repeat,
            limit,
            json: self.json,
        })
    }
}

/// Those that were asked for, smallest core first.
fn boards(args: &Args) -> anyhow::Result<Vec<Board>> {
    if !args.all_targets {
        let boards = args.target.iter().map(|name| Board::find(name)).collect::<Result<Vec<_>, _>>()?;
        // Before anything is built.
        boards.iter().try_for_each(|board| board.emulated().map(drop))?;
        return Ok(boards);
    }
    let mut boards = Board::all(&bench::firmware_folder()?)?;
    boards.retain(|board| board.qemu.is_some());
    // `m0plus`, `m3`, `m33`: by the number; other families behind them.
    let number = |board: &Board| {
        let digits: String = board.short_name().chars().filter(char::is_ascii_digit).collect();
        (!board.short_name().starts_with('m'), digits.parse::<u32>().unwrap_or(u32::MAX))
    };
    boards.sort_by_key(number);
    Ok(boards)
}

/// One model on one board.
fn one(args: &Args, file: &Path, board: &Board, limit: Duration, progress: &Progress) -> anyhow::Result<Verdict> {
    let cycle_model = args.cycle_model()?;
    if let Some(cycles) = &cycle_model {
        check_covered(cycles, std::slice::from_ref(board))?;
    }
    let model = bench_model::open(file, Names::Keep, progress)?;
    let samples = samples(args, &model, progress)?;
    let blob = model.session.blob();
    let (measured, cycles) = {
        let _spinner = progress.spinner(&format!("running on {}", board.name));
        let measured = bench::measure(board, blob, &samples, args.repeat, limit)?;
        let first = samples.first().map_or(&[][..], Vec::as_slice);
        let estimate = |cycles: CycleModel| bench::estimate_cycles(board, blob, first, &cycles, limit);
        (measured, cycle_model.map(estimate).transpose()?)
    };
    if args.json {
        print_json(&WithCycles { measured: &measured, cycles: cycles.as_ref() })?;
    } else {
        print(report(board, &measured, cycles.as_ref()))?;
    }
    if !measured.arena_as_planned() {
        progress.warn("the device does not write exactly the arena that was planned; please report this model");
    }
    if let Some((sample, output)) = measured.first_difference {
        progress
            .warn(format!("sample {sample}, output {output}: other bytes than on the host; please report this model"));
    }
    Ok(Verdict::of(measured.as_predicted()))
}

/// The JSON object.
#[derive(serde::Serialize)]
struct WithCycles<'a> {
    #[serde(flatten)]
    measured: &'a Measurement,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<&'a Cycles>,
}

/// The given samples, as the model's inputs hold them.
fn samples(args: &Args, model: &ModelFile, progress: &Progress) -> anyhow::Result<Vec<Vec<u8>>> {
    let Some(path) = &args.inputs else { return Ok(Vec::new()) };
    let options = args.data.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let dataset = data::load(path, &model.inputs, &options)?;
    Ok(bench::stored_samples(model.session.blob(), &dataset.samples)?)
}

fn report(board: &Board, m: &Measurement, cycles: Option<&Cycles>) -> String {
    let mut headings = vec![">#", "op", "node", ">instructions", ">MACs", ">per MAC", ">share"];
    headings.extend(cycles.map(|_| ">cycles"));
    let mut table = Table::new(&headings);
    for i in &m.per_instruction {
        let mut row = vec![
            i.index.to_string(),
            i.op.clone(),
            i.node.clone(),
            count(i.instructions),
            if i.macs == 0 { String::new() } else { count(i.macs) },
            per_mac(i.instructions, i.macs),
            percent(i.share),
        ];
        row.extend(cycles.map(|cycles| number(cycles.per_instruction.get(i.index).copied())));
        table.row(&row);
    }
    let mut lines = vec![
        ("model", format!("{}, {}", m.model, kib(m.model_bytes.into()))),
        ("target", format!("{}: {}, {}", board.name, board.description, m.target)),
        ("instructions", format!("{} for one run, to {}", count(m.instructions), m.resolution)),
    ];
    if let (Some(least), Some(most), 2..) = (m.runs.iter().min(), m.runs.iter().max(), m.runs.len()) {
        lines.push(("", format!("median of {} runs, {} to {}", m.runs.len(), count(*least), count(*most))));
    }
    if let Some(cycles) = cycles {
        lines.push(("cycles", format!("{}, estimated", count(cycles.total))));
    }
    lines.extend([
        ("MACs", format!("{}; {} instructions each", count(m.macs), per_mac(m.instructions, m.macs))),
        (
            "loading",
            format!("{} instructions, {} more for the engine", count(m.load_instructions), count(m.new_instructions)),
        ),
        ("arena", format!("{} bytes written, {} planned", m.arena_high_water_bytes, m.planned_arena_bytes)),
        ("stack", format!("{} bytes for a run, {} for loading", m.stack.run_bytes, m.load_stack_bytes)),
        ("code", format!("{} bytes of flash without the model", count(m.code_bytes))),
        ("self-test", format!("{} vectors gave the expected bytes", m.self_tests)),
    ]);
    match m.first_difference {
        _ if m.samples == 0 => {}
        None => lines.push(("inputs", format!("{} samples gave the host's bytes", m.samples))),
        Some((sample, _)) => lines.push(("inputs", format!("sample {sample} of {} differs from the host", m.samples))),
    }
    format!("{table}\n\n{}", facts(&lines))
}

pub(super) fn per_mac(instructions: u64, macs: u64) -> String {
    if macs == 0 { String::new() } else { format!("{:.2}", instructions as f64 / macs as f64) }
}
