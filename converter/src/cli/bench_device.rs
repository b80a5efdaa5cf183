//! `mote bench FILE --port`: what a model takes on a real device, or an emulated one that already runs.

use super::model_file::ModelFile;
use super::on_device::{check_runs, time};
use super::out::print_json;
use super::port_args::{explained, open};
use super::table::facts;
use super::{Progress, Table, Verdict, count, percent, print};
use crate::device::Port;
use crate::inspect::InstructionSummary;
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
    /// Time of each run, in the order of the runs.
    runs: Vec<u64>,
    #[serde(flatten)]
    time: Spread,
    macs: u64,
    per_instruction: Vec<Layer>,
}

/// Times of several runs.
#[derive(Clone, Debug, Serialize)]
struct Spread {
    min: u64,
    median: u64,
    max: u64,
    /// Ticks of the median for a multiply-accumulate: cycles, where the clock is that of the core.
    ticks_per_mac: Option<f64>,
}

/// One instruction of the program.
#[derive(Clone, Debug, Serialize)]
struct Layer {
    index: usize,
    op: String,
    node: String,
    macs: u64,
    #[serde(flatten)]
    time: Spread,
    /// Of the sum over all instructions.
    share: f64,
}

pub(super) fn run(file: &Path, port: &Port, repeat: u32, json: bool, progress: &Progress) -> anyhow::Result<Verdict> {
    let model = ModelFile::open(file)?;
    let mut device = open(port)?;
    check_runs(&mut device, &model)?;
    let welcome = device.hello().map_err(explained)?.clone();
    let ticks_per_second = device.info().map_err(explained)?.ticks_per_second;
    // Run by run: the device needs memory for one only, and every time is known here.
    let mut runs = Vec::new();
    let mut layers: Vec<Vec<u64>> = Vec::new();
    let bar = progress.bar(repeat as usize, &format!("running on {}", welcome.board));
    for _ in 0..repeat {
        let (bench, timings) = device.bench(1).map_err(explained)?;
        runs.push(bench.median);
        layers.resize_with(timings.len(), Vec::new);
        layers.iter_mut().zip(timings).for_each(|(all, one)| all.push(one.median.into()));
        bar.step();
    }
    drop(bar);
    let timed = layers.len();
    let measured = Measured {
        schema: 1,
        model: model.summary.name.clone(),
        model_version: model.summary.model_version,
        board: welcome.board,
        firmware: welcome.firmware,
        ticks_per_second,
        time: Spread::of(runs.clone(), model.summary.macs),
        runs,
        macs: model.summary.macs,
        per_instruction: per_instruction(&model.summary.instructions, layers),
    };
    if json {
        print_json(&measured)?
    } else {
        print(text(&measured, port))?
    }
    if timed < model.summary.instructions.len() {
        progress.note(format!(
            "times of {} of {} instructions: the device has no room for more",
            timed,
            model.summary.instructions.len()
        ));
    }
    Ok(Verdict::Pass)
}

fn per_instruction(instructions: &[InstructionSummary], times: Vec<Vec<u64>>) -> Vec<Layer> {
    let layer = |(i, times): (&InstructionSummary, Vec<u64>)| Layer {
        index: i.index,
        op: i.op.clone(),
        node: i.node.clone(),
        macs: i.macs,
        time: Spread::of(times, i.macs),
        share: 0.0,
    };
    let mut layers: Vec<Layer> = instructions.iter().zip(times).map(layer).collect();
    let total = layers.iter().map(|layer| layer.time.median).sum::<u64>().max(1);
    layers.iter_mut().for_each(|layer| layer.share = layer.time.median as f64 / total as f64);
    layers
}

impl Spread {
    fn of(mut times: Vec<u64>, macs: u64) -> Self {
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or_default();
        let median = at(times.len() / 2);
        Self { min: at(0), median, max: at(times.len().saturating_sub(1)), ticks_per_mac: per_mac(median, macs) }
    }

    /// How far the slowest is from the fastest, of the median.
    fn width(&self) -> String {
        match self.median {
            0 => String::new(),
            median => percent((self.max - self.min) as f64 / median as f64),
        }
    }
}

fn per_mac(ticks: u64, macs: u64) -> Option<f64> {
    (macs > 0).then(|| ticks as f64 / macs as f64)
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
            count(l.time.median),
            count(l.time.min),
            count(l.time.max),
            l.time.width(),
            if l.macs == 0 { String::new() } else { count(l.macs) },
            rate(l.time.ticks_per_mac),
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
            format!(
                "{}: median of {} runs, {} ticks",
                time(m.time.median, m.ticks_per_second),
                m.runs.len(),
                count(m.time.median)
            ),
        ),
        ("", format!("{} to {} ticks, spread {}", count(m.time.min), count(m.time.max), m.time.width())),
        ("MACs", format!("{}; {} ticks each", count(m.macs), rate(m.time.ticks_per_mac))),
    ];
    format!("{table}\n\n{}", facts(&lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_of_the_median() {
        let spread = Spread::of(vec![100, 115, 90], 50);
        assert_eq!((spread.min, spread.median, spread.max, spread.ticks_per_mac), (90, 100, 115, Some(2.0)));
        assert_eq!(spread.width(), "25.00 %");
        assert_eq!(Spread::of(vec![0], 0).width(), "");
        assert_eq!(per_mac(10, 0), None);
    }
}
