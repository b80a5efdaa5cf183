//! The model file that a user names, and the device that has to be running it.

use super::model_file::ModelFile;
use super::port_args::explained;
use super::{Hinted, Progress, Verdict};
use crate::data::Dataset;
use crate::device::{Device, DeviceError, printable};
use crate::validate::evaluate::Outputs;
use crate::validate::{Runner, Session};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Refuses a device that runs another model than `model`.
pub(super) fn check_runs(device: &mut Device, model: &ModelFile) -> anyhow::Result<()> {
    let wanted: [u8; 32] = Sha256::digest(model.session.model()?.as_bytes()).into();
    let active = device.info().map_err(explained)?.active;
    let slot = match active {
        Some(slot) => Some(device.slot(slot).map_err(explained)?),
        None => None,
    };
    let what = match slot {
        Some(slot) if slot.sha256 == wanted => return Ok(()),
        Some(slot) => {
            let name = printable(slot.name.as_bytes());
            format!("the device runs another file: {name}, version {}, {} bytes", slot.version, slot.length)
        }
        None => "the device has no model".into(),
    };
    Err(Hinted::new(what, "send this one first: mote flash FILE --port PORT").into())
}

/// One run.
pub(super) struct Seen {
    /// What the host computes.
    pub values: Vec<Vec<f32>>,
    pub ticks: u64,
    /// The device has given the host's bytes so far, so that `values` are its results too.
    pub same: bool,
}

/// A device that runs a model, beside the host.
pub(super) struct OnDevice {
    device: Device,
    ticks_per_second: u32,
    ticks: Vec<u64>,
    /// Sample and output of the first one with other bytes than on the host.
    first_difference: Option<(String, usize)>,
}

impl OnDevice {
    /// Refuses a device that runs another model than `model`.
    pub fn new(mut device: Device, model: &ModelFile) -> anyhow::Result<Self> {
        check_runs(&mut device, model)?;
        let ticks_per_second = device.info().map_err(explained)?.ticks_per_second;
        Ok(Self { device, ticks_per_second, ticks: Vec::new(), first_difference: None })
    }

    /// Runs a sample there: stored inputs in, stored outputs out. `expected` is what the host gives.
    pub fn run(&mut self, inputs: &[Vec<u8>], expected: Vec<Vec<u8>>, sample: &str) -> anyhow::Result<Vec<Vec<u8>>> {
        let (outputs, ticks) = run_once(&mut self.device, inputs, expected.len()).map_err(explained)?;
        self.ticks.push(ticks);
        let differs = outputs.iter().zip(&expected).position(|(a, b)| a != b);
        if let (Some(output), None) = (differs, &self.first_difference) {
            self.first_difference = Some((sample.into(), output));
        }
        Ok(outputs)
    }

    /// Runs samples there and here; gives the values that the host computes.
    pub fn run_all(&mut self, session: &Session, data: &Dataset, step: &dyn Fn()) -> anyhow::Result<Outputs> {
        let mut runner = session.runner()?;
        let mut all = Vec::with_capacity(data.len());
        for index in 0..data.len() {
            all.push(self.look(&mut runner, data, index)?.values);
            step();
        }
        Ok(all)
    }

    /// Runs one sample there and here.
    pub fn look(&mut self, runner: &mut Runner<'_>, data: &Dataset, index: usize) -> anyhow::Result<Seen> {
        let sample = data.samples.get(index).map_or(&[][..], Vec::as_slice);
        let stored = runner.store_inputs(sample)?;
        let slices: Vec<&[u8]> = stored.iter().map(Vec::as_slice).collect();
        let expected = runner.run_raw(&slices)?;
        self.run(&stored, expected, &data.sample_name(index))?;
        let ticks = self.ticks.last().copied().unwrap_or_default();
        Ok(Seen { values: runner.run(sample)?, ticks, same: self.first_difference.is_none() })
    }

    /// The device, for other questions.
    pub fn device(&mut self) -> &mut Device {
        &mut self.device
    }

    /// Of its clock; 0 if unknown.
    pub fn ticks_per_second(&self) -> u32 {
        self.ticks_per_second
    }

    /// For the JSON object.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "same_bytes": self.first_difference.is_none(),
            "ticks": self.ticks,
            "ticks_per_second": self.ticks_per_second,
        })
    }

    /// Says how it went.
    pub fn verdict(&self, progress: &Progress) -> Verdict {
        let mut sorted = self.ticks.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let each = time(median, self.ticks_per_second);
        match &self.first_difference {
            None => {
                progress.note(format!("{} samples gave the host's bytes on the device, {each} each", self.ticks.len()))
            }
            Some((sample, output)) => progress.warn(format!(
                "{sample}, output {output}: other bytes on the device than on the host; please report this model"
            )),
        }
        Verdict::of(self.first_difference.is_none())
    }
}

/// Stored inputs in, stored outputs and ticks out.
fn run_once(device: &mut Device, inputs: &[Vec<u8>], outputs: usize) -> Result<(Vec<Vec<u8>>, u64), DeviceError> {
    for (port, bytes) in (0..).zip(inputs) {
        device.input(port, bytes)?;
    }
    let ticks = device.run()?;
    let outputs = (0..outputs as u8).map(|port| device.output(port)).collect::<Result<_, _>>()?;
    Ok((outputs, ticks))
}

/// Ticks in words: milliseconds where the clock is known.
pub(super) fn time(ticks: u64, ticks_per_second: u32) -> String {
    match ticks_per_second {
        0 => format!("{} ticks", super::count(ticks)),
        hz => format!("{:.3} ms", ticks as f64 * 1e3 / f64::from(hz)),
    }
}
