//! `mote monitor`: a device at work, live.

use super::model_file::ModelFile;
use super::on_device::{OnDevice, time};
use super::port_args::{PortArgs, explained};
use super::run::{MAX_CLASSES, best, range};
use super::{Progress, Verdict, print};
use crate::data::{self, Dataset};
use crate::device::{Device, DeviceError, printable};
use anyhow::Context;
use mote_link::Refusal;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Watch a device: what its model answers, how long it takes, and what its log says, line by line until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote monitor net.mote --port /dev/ttyACM0                        latency on inputs of noise, and the log
  mote monitor net.mote --port /dev/ttyACM0 --input test/ --resize results of real samples, round after round
  mote monitor net.mote --port tcp:127.0.0.1:5555 --count 10 --json | jq .ticks

FILE has to be the model that the device runs.")]
pub(super) struct Args {
    /// The .mote file that the device runs.
    file: PathBuf,
    #[command(flatten)]
    port: PortArgs,
    /// Samples to run [default: one of noise].
    #[arg(long, value_name = "DATA")]
    input: Option<PathBuf>,
    /// Time between two runs, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    interval: u64,
    /// End after so many runs [default: at Ctrl-C].
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// One JSON object a line instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: super::data_args::DataArgs,
}

/// Latency so far, in ticks.
#[derive(Default)]
struct Latency {
    runs: u64,
    min: u64,
    max: u64,
    sum: u64,
}

impl Latency {
    fn add(&mut self, ticks: u64) {
        self.min = if self.runs == 0 { ticks } else { self.min.min(ticks) };
        self.max = self.max.max(ticks);
        self.sum = self.sum.saturating_add(ticks);
        self.runs += 1;
    }

    fn text(&self, ticks_per_second: u32) -> String {
        let mean = self.sum.checked_div(self.runs).unwrap_or_default();
        let [mean, min, max] = [mean, self.min, self.max].map(|ticks| time(ticks, ticks_per_second));
        format!("{} runs, {mean} on average, {min} to {max}", self.runs)
    }
}

pub(super) fn run(args: Args, progress: &Progress) -> anyhow::Result<Verdict> {
    static STOP: AtomicBool = AtomicBool::new(false);
    let model = ModelFile::open(&args.file)?;
    let samples = samples(&args, &model, progress)?;
    let mut device = OnDevice::new(args.port.open()?, &model)?;
    let hz = device.ticks_per_second();
    ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)).context("cannot catch Ctrl-C")?;
    let mut runner = model.session.runner()?;
    let (mut latency, mut log_at) = (Latency::default(), 0);
    let status = progress.spinner("");
    for index in (0..samples.len()).cycle().take(args.count.unwrap_or(u64::MAX).try_into().unwrap_or(usize::MAX)) {
        if STOP.load(Ordering::Relaxed) {
            break;
        }
        let seen = device.look(&mut runner, &samples, index)?;
        latency.add(seen.ticks);
        for line in new_log(device.device(), &mut log_at)? {
            show(&args, &status, &format!("log  {line}"), &json!({ "log": line }))?;
        }
        let labels = model.labels();
        let class = |c: usize| labels.get(c).cloned().unwrap_or_else(|| c.to_string());
        let values = seen.values.first().map_or(&[][..], Vec::as_slice);
        let result = if values.len() > MAX_CLASSES { range(values) } else { best(values, 3, &class) };
        let name = samples.sample_name(index);
        let text = format!("{:>10}  {result}  {name}", time(seen.ticks, hz));
        let value = json!({ "sample": name, "ticks": seen.ticks, "ticks_per_second": hz, "same_bytes": seen.same, "values": seen.values });
        show(&args, &status, &text, &value)?;
        if !seen.same {
            progress.warn(format!("{name}: other bytes on the device than on the host; please report this model"));
            return Ok(Verdict::Fail);
        }
        status.say(format!("{}; Ctrl-C ends", latency.text(hz)));
        if args.count != Some(latency.runs) {
            thread::sleep(Duration::from_millis(args.interval));
        }
    }
    drop(status);
    progress.note(latency.text(hz));
    Ok(Verdict::Pass)
}

fn samples(args: &Args, model: &ModelFile, progress: &Progress) -> anyhow::Result<Dataset> {
    let Some(path) = &args.input else { return Ok(Dataset::random(&model.inputs, 1)) };
    let options = args.data.options_with_record(&model.summary.provenance.normalization, model.labels(), progress)?;
    Ok(data::load(path, &model.inputs, &options)?)
}

/// Lines of the log that were not there before.
fn new_log(device: &mut Device, at: &mut u32) -> anyhow::Result<Vec<String>> {
    let log = match device.log(*at) {
        Ok(log) => log,
        // A firmware without a log has nothing to show.
        Err(DeviceError::Refused(Refusal::Unsupported)) => return Ok(Vec::new()),
        Err(error) => return Err(explained(error)),
    };
    *at = log.next();
    Ok(printable(&log.bytes).lines().map(str::to_owned).filter(|line| !line.is_empty()).collect())
}

/// A line of the result: above the status on a terminal, else just printed.
fn show(args: &Args, status: &super::progress::Bar, text: &str, value: &serde_json::Value) -> anyhow::Result<()> {
    if args.json {
        return print(value.to_string());
    }
    status.apart(|| print(text))
}
