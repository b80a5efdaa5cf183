//! `mote bench FILE --port`: what a model takes on a real device, or an emulated one that already runs.

use super::model_file::ModelFile;
use super::on_device::{check_runs, time};
use super::out::print_json;
use super::port_args::{explained, open};
use super::table::facts;
use super::{Hinted, Progress, Table, Verdict, count, percent, print};
use crate::device::Port;
use crate::inspect::InstructionSummary;
use mote_link::{Bench, Timing};
use serde::Serialize;
use std::path::Path;

/// What one model takes on one device. Serialized as the command's JSON object. All times are in ticks of the device's clock.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    schema: u32,
    model: String,
    model_version: u32,
    board: String,
    firmware: String,
    /// 0 if unknown.
    ticks_per_second: u32,
    runs: u16,
    min: u64,
    median: u64,
    max: u64,
    macs: u64,
    /// Ticks of the median for a multiply-accumulate; cycles, where the clock is that of the core.
    ticks_per_mac: Option<f64>,
    per_instruction: Vec<Layer>,
}

/// One instruction of the program.
#[derive(Clone, Debug, Serialize)]
struct Layer {
    index: usize,
    op: String,
    node: String,
    min: u32,
    median: u32,
    max: u32,
    macs: u64,
    ticks_per_mac: Option<f64>,
    /// Of the sum over all instructions.
    share: f64,
}

pub(super) fn run(file: &Path, port: &Port, repeat: u32, json: bool, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(file)?;
    let mut device = open(port)?;
    check_runs(&mut device, &model)?;
    let welcome = device.hello().map_err(explained)?.clone();
    let ticks_per_second = device.info().map_err(explained)?.ticks_per_second;
    let (bench, timings) = {
        let _spinner = progress.spinner(&format!("running on {}", welcome.board));
        device.bench(repeat.min(u16::MAX.into()) as u16).map_err(explained)?
    };
    if bench.runs == 0 {
        return Err(Hinted::new("the device measured no run", "`mote device log` may say why").into());
    }
    if u32::from(bench.runs) < repeat {
        progress.note(format!("the device has room for the times of {} runs", bench.runs));
    }
    let measured = Measured {
        schema: 1,
        model: model.summary.name.clone(),
        model_version: model.summary.model_version,
        board: welcome.board,
        firmware: welcome.firmware,
        ticks_per_second,
        per_instruction: layers(&model.summary.instructions, &timings),
        macs: model.summary.macs,
        ..whole(&bench)
    };
    let measured = Measured { ticks_per_mac: per_mac(measured.median, measured.macs), ..measured };
    if json {
        print_json(&measured)?
    } else {
        print(text(&measured, port))?
    }
    if timings.len() < model.summary.instructions.len() {
        progress.note(format!(
            "times of {} of {} instructions: the device has no room for more",
            timings.len(),
            model.summary.instructions.len()
        ));
    }
    Ok(Verdict::Pass)
}

fn whole(bench: &Bench) -> Measured {
    Measured {
        schema: 1,
        model: String::new(),
        model_version: 0,
        board: String::new(),
        firmware: String::new(),
        ticks_per_second: 0,
        runs: bench.runs,
        min: bench.min,
        median: bench.median,
        max: bench.max,
        macs: 0,
        ticks_per_mac: None,
        per_instruction: Vec::new(),
    }
}

fn layers(instructions: &[InstructionSummary], timings: &[Timing]) -> Vec<Layer> {
    let total: u64 = timings.iter().map(|t| u64::from(t.median)).sum();
    let layer = |(i, t): (&InstructionSummary, &Timing)| Layer {
        index: i.index,
        op: i.op.clone(),
        node: i.node.clone(),
        min: t.min,
        median: t.median,
        max: t.max,
        macs: i.macs,
        ticks_per_mac: per_mac(t.median.into(), i.macs),
        share: if total == 0 { 0.0 } else { f64::from(t.median) / total as f64 },
    };
    instructions.iter().zip(timings).map(layer).collect()
}

fn per_mac(ticks: u64, macs: u64) -> Option<f64> {
    (macs > 0).then(|| ticks as f64 / macs as f64)
}

/// How far the slowest is from the fastest, of the median.
fn spread(min: u64, median: u64, max: u64) -> String {
    if median == 0 { String::new() } else { percent(max.saturating_sub(min) as f64 / median as f64) }
}

fn text(m: &Measured, port: &Port) -> String {
    let headings = [">#", "op", "node", ">median", ">min", ">max", ">spread", ">MACs", ">per MAC", ">share"];
    let mut table = Table::new(&headings);
    let rate = |ticks: Option<f64>| ticks.map_or_else(String::new, |ticks| format!("{ticks:.2}"));
    for l in &m.per_instruction {
        table.row(&[
            l.index.to_string(),
            l.op.clone(),
            l.node.clone(),
            count(l.median.into()),
            count(l.min.into()),
            count(l.max.into()),
            spread(l.min.into(), l.median.into(), l.max.into()),
            if l.macs == 0 { String::new() } else { count(l.macs) },
            rate(l.ticks_per_mac),
            percent(l.share),
        ]);
    }
    let clock = match m.ticks_per_second {
        0 => "ticks of an unknown rate".into(),
        hz => format!("{} ticks a second", count(hz.into())),
    };
    let lines = [
        ("model", format!("{}, version {}", m.model, m.model_version)),
        ("device", format!("{} at {port}, firmware {}", m.board, m.firmware)),
        ("clock", clock),
        (
            "latency",
            format!("{}: median of {} runs, {} ticks", time(m.median, m.ticks_per_second), m.runs, count(m.median)),
        ),
        ("", format!("{} to {} ticks, spread {}", count(m.min), count(m.max), spread(m.min, m.median, m.max))),
        ("MACs", format!("{}; {} ticks each", count(m.macs), rate(m.ticks_per_mac))),
    ];
    format!("{table}\n\n{}", facts(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_of_the_median() {
        assert_eq!(spread(90, 100, 115), "25.00 %");
        assert_eq!(spread(0, 0, 0), "");
        assert_eq!(per_mac(10, 0), None);
    }
}
