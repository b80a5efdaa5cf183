//! `mote bench`: what a model costs on a target.

use super::data_args::DataArgs;
use super::model_file::ModelFile;
use super::out::print_json;
use super::table::facts;
use super::{Progress, Table, Verdict, count, kib, percent, print};
use crate::bench::{self, Board, Measurement};
use crate::data;
use std::path::PathBuf;
use std::time::Duration;

/// Run a model on an emulated board: instructions per layer, memory really used, code size.
///
/// Builds the board's firmware if needed (from the source tree, or MOTE_FIRMWARE) and runs it in QEMU, where an
/// instruction takes a nanosecond, so that counts are the same every time. Fails (exit code 1) if the device writes more
/// or less of the arena than planned, or gives other bytes than the host.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote bench net.mote                                      Cortex-M4, the reference
  mote bench net.mote --target m0plus --json               one JSON object; `instructions` is the total
  mote bench net.mote --inputs test.npy --limit 16         compare the outputs with the host, byte for byte")]
pub(super) struct Args {
    /// A .mote file.
    file: PathBuf,
    /// The board: a folder of firmware/boards or a short name of one, as m4, m3, m7, m33, m0plus.
    #[arg(long, value_name = "BOARD", default_value = "qemu-cortex-m4")]
    target: String,
    /// Run these samples too, and compare every byte with the host.
    #[arg(long, value_name = "DATA")]
    inputs: Option<PathBuf>,
    /// How often to run for the total.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Give up after this time.
    #[arg(long, value_name = "SECONDS", default_value_t = bench::DEFAULT_TIME_LIMIT.as_secs())]
    time_limit: u64,
    /// One JSON object instead of tables; `instructions` is the total.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(&args.file)?;
    let board = Board::find(&args.target)?;
    let samples = samples(&args, &model, progress)?;
    let limit = Duration::from_secs(args.time_limit);
    let measured = {
        let _spinner = progress.spinner(&format!("running on {}", board.name));
        bench::measure(&board, model.session.blob(), &samples, args.repeat, limit)?
    };
    if args.json {
        print_json(&measured)?;
    } else {
        print(report(&board, &measured))?;
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

/// The given samples, as the model's inputs hold them.
fn samples(args: &Args, model: &ModelFile, progress: &Progress) -> anyhow::Result<Vec<Vec<u8>>> {
    let Some(path) = &args.inputs else { return Ok(Vec::new()) };
    let options = args.data.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    let dataset = data::load(path, &model.inputs, &options)?;
    Ok(bench::stored_samples(model.session.blob(), &dataset.samples)?)
}

fn report(board: &Board, m: &Measurement) -> String {
    let mut table = Table::new(&[">#", "op", "node", ">instructions", ">MACs", ">per MAC", ">share"]);
    for i in &m.per_instruction {
        table.row(&[
            i.index.to_string(),
            i.op.clone(),
            i.node.clone(),
            count(i.instructions),
            if i.macs == 0 { String::new() } else { count(i.macs) },
            per_mac(i.instructions, i.macs),
            percent(i.share),
        ]);
    }
    let mut lines = vec![
        ("model", format!("{}, {}", m.model, kib(m.model_bytes.into()))),
        ("target", format!("{}: {}, {}", board.name, board.description, m.target)),
        ("instructions", format!("{} for one run, to {}", count(m.instructions), m.resolution)),
    ];
    if let (Some(least), Some(most), 2..) = (m.runs.iter().min(), m.runs.iter().max(), m.runs.len()) {
        lines.push(("", format!("median of {} runs, {} to {}", m.runs.len(), count(*least), count(*most))));
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

fn per_mac(instructions: u64, macs: u64) -> String {
    if macs == 0 { String::new() } else { format!("{:.2}", instructions as f64 / macs as f64) }
}
