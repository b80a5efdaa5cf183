//! One layer's error over all samples.

use super::isolated::{Isolated, Source as From};
use super::matching::{How, Matched, relative};
use super::samples::{Sample, Source};
use crate::inspect::Summary;
use crate::ir::{Graph, Tensor, ValueId};
use crate::validate::Similarity;
use crate::validate::compare::Sums;
use crate::validate::taps::Tap;
use mote_runtime::format::{DType, Port};
use serde::Serialize;
use std::collections::HashMap;

/// How far a layer of the file is from the reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReport {
    /// Index of the instruction that completes it.
    pub instruction: usize,
    /// Name of its node.
    pub node: String,
    /// Name of its kernel.
    pub op: String,
    /// The recorded layer that it was compared with; none: with the float network.
    pub layer: Option<String>,
    /// How this layer was found.
    pub how: Option<How>,
    /// `int8`, `int16` or `float32`.
    pub dtype: &'static str,
    /// Real value of one step of the stored integers; 0 for float.
    pub scale: f32,
    /// The file's values against the reference's.
    pub similarity: Similarity,
    /// Share of values that lie outside of what can be stored.
    pub saturated: f64,
    /// Of the power of the error, the share that arises in this layer; the rest came with its inputs. `None` if it is not known.
    pub own_share: Option<f64>,
    /// Power of the reference over that of the error that arises here, in decibel.
    pub own_db: Option<f64>,
    /// Largest difference of the float32 network from the recording, in parts of the layer's largest recorded value.
    pub float_difference: Option<f64>,
}

/// What the device holds after a run.
pub(super) struct Device<'a> {
    pub taps: &'a [Tap],
    pub bytes: &'a [Option<Vec<u8>>],
    pub inputs: &'a [Port],
    pub given: &'a [Tensor],
}

impl Device<'_> {
    fn tap(&self, tap: usize) -> Option<Vec<f32>> {
        let bytes = self.bytes.get(tap)?.as_ref()?;
        Some(self.taps[tap].real_values(bytes).collect())
    }

    /// An input, rounded as the file stores it.
    pub fn input(&self, input: usize) -> Option<Vec<f32>> {
        let (port, values) = (self.inputs.get(input)?, self.given.get(input)?.as_f32()?);
        let (low, high) = match port.dtype {
            DType::I8 => (-128.0, 127.0),
            DType::I16 => (-32768.0, 32767.0),
            _ => return Some(values.to_vec()),
        };
        let zero_point = port.zero_point as f32;
        let stored = |x: &f32| ((x / port.scale).round() + zero_point).clamp(low, high);
        Some(values.iter().map(|x| port.scale * (stored(x) - zero_point)).collect())
    }
}

/// What is added up.
pub(super) struct Layer {
    value: ValueId,
    matched: Option<Matched>,
    isolated: Option<Isolated>,
    factors: Vec<f32>,
    limits: (f32, f32),
    step: f32,
    sums: Sums,
    saturated: u64,
    elements: u64,
    /// Powers of the reference, of what arises here, and of what came with the inputs; and if all samples have them.
    powers: [f64; 3],
    is_isolated: bool,
    float_apart: f64,
    float_largest: f64,
}

impl Layer {
    pub fn new(
        graph: &Graph,
        tap: &Tap,
        taps: &[Tap],
        matches: &[Option<Matched>],
        factors: &HashMap<ValueId, Vec<f32>>,
        equalized: bool,
    ) -> Self {
        let matched = matches.get(tap.node).cloned().flatten();
        let factors = factors.get(&tap.value).cloned().unwrap_or_default();
        // The device's values of rescaled channels are not what the float op takes.
        let isolated = if equalized { None } else { Isolated::of(graph, tap, taps) };
        Self {
            value: tap.value,
            matched,
            is_isolated: isolated.is_some(),
            isolated,
            factors,
            limits: tap.limits(),
            step: tap.scale,
            sums: Sums::default(),
            saturated: 0,
            elements: 0,
            powers: [0.0; 3],
            float_apart: 0.0,
            float_largest: 0.0,
        }
    }

    /// Adds a sample; `index` is the layer's tap.
    pub fn add(
        &mut self,
        index: usize,
        sample: &Sample,
        source: &Source,
        float: &HashMap<ValueId, Vec<f32>>,
        device: &Device,
    ) {
        let (Some(float), Some(got)) = (float.get(&self.value), device.tap(index)) else { return };
        let recorded = match (&self.matched, sample.recorded, source) {
            (Some(matched), Some((chunk, at)), Source::Recording(recording)) => {
                Some(matched.values(&recording.manifest.layers, chunk, at))
            }
            _ => None,
        };
        if let Some(recorded) = &recorded {
            for (r, f) in recorded.iter().zip(float) {
                self.float_apart = self.float_apart.max(f64::from((r - f).abs()));
                self.float_largest = self.float_largest.max(f64::from(r.abs()));
            }
        }
        let reference = recorded.as_deref().unwrap_or(float);
        let scaled = |at: usize, r: f32| match self.factors.len() {
            0 => r,
            n => r * self.factors[at % n],
        };
        let (low, high) = (self.limits.0 - self.step / 2.0, self.limits.1 + self.step / 2.0);
        let tap = &device.taps[index];
        for (at, (&got, &r)) in got.iter().zip(reference).enumerate().filter(|(at, _)| tap.holds(*at)) {
            let r = scaled(at, r);
            self.sums.add(r, got);
            self.saturated += u64::from(r < low || r > high);
            self.elements += 1;
        }
        let stored = |from: From| match from {
            From::Tap(tap) => device.tap(tap),
            From::Input(input) => device.input(input),
        };
        match self.isolated.as_ref().and_then(|isolated| isolated.run(&stored)) {
            Some(inherited) if inherited.len() == got.len() => {
                let all = got.iter().zip(reference).zip(&inherited).enumerate().filter(|(at, _)| tap.holds(*at));
                for (_, ((&got, &r), &with_inputs)) in all {
                    let [r, got, with_inputs] = [f64::from(r), f64::from(got), f64::from(with_inputs)];
                    let parts = [r * r, (got - with_inputs).powi(2), (with_inputs - r).powi(2)];
                    self.powers.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                }
            }
            _ => self.is_isolated = false,
        }
    }

    pub fn report(self, summary: &Summary, tap: &Tap, source: &Source) -> LayerReport {
        let instruction = summary.instructions.get(tap.instruction);
        let layer = match (&self.matched, source) {
            (Some(matched), Source::Recording(recording)) => Some(recording.manifest.layers[matched.layer].label()),
            _ => None,
        };
        let [reference, own, inherited] = self.powers;
        let both = own + inherited;
        LayerReport {
            instruction: tap.instruction,
            node: instruction.map(|i| i.node.clone()).unwrap_or_default(),
            op: instruction.map(|i| i.op.clone()).unwrap_or_default(),
            float_difference: layer.is_some().then(|| relative(self.float_apart, self.float_largest)),
            layer,
            how: self.matched.as_ref().map(|m| m.how),
            dtype: ["int8", "int16", "float32"][usize::from(tap.element == 2) + 2 * usize::from(tap.element == 4)],
            scale: tap.scale,
            similarity: self.sums.similarity(),
            saturated: self.saturated as f64 / self.elements.max(1) as f64,
            own_share: (self.is_isolated && both > 0.0).then(|| own / both),
            own_db: self.is_isolated.then(|| 10.0 * (reference / own).log10()),
        }
    }
}
