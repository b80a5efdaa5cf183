//! The cheapest way to quantize that brings a layer, and the outputs, back to a reference. Each is tried before it is proposed.

use super::measure::{Probe, session};
use super::search::METHODS;
use super::widen::{Wider, around};
use super::{Layers, Working};
use crate::BuildError;
use crate::data::Dataset;
use crate::ir::Graph;
use crate::quantize::{Method, QuantizeOptions, Ranges, quantize};
use crate::validate::accuracy::{predicted_class, share};
use crate::validate::evaluate::{EvaluateError, Outputs, run_stored};
use crate::validate::{LayersError, Similarity};
use serde::Serialize;

/// What is wrong, and what would do.
#[derive(Clone, Debug)]
pub struct Fault<'a> {
    /// The node whose result is too far off.
    pub node: &'a str,
    /// Decibel that it should have.
    pub floor_db: f64,
    /// Share of the samples that must get the class of the reference.
    pub agreement: f64,
}

/// A way to quantize, measured on the samples of the reference.
#[derive(Clone, Debug, Serialize)]
pub struct Fix {
    /// `ranges`, `equalize`, `int16`, `float`; in the order of what they cost.
    pub technique: &'static str,
    /// What it is, for a reader.
    pub what: String,
    /// Options of `mote convert`.
    pub options: Vec<String>,
    /// Signal-to-noise ratio of the layer, in decibel.
    pub layer_db: Option<f64>,
    /// The same of the first output.
    pub output_db: f64,
    /// Share of the samples that get the class of the reference; of networks with one score or none, nothing to go by.
    pub agreement: f64,
    /// Bytes of RAM for a run.
    pub arena_bytes: u32,
    /// The layer is above the floor, and enough samples agree.
    pub restores: bool,
}

/// Tries ways to quantize `graph`, the cheapest first, until one restores the layer. Ranges follow from `data`, whose first
/// outputs should be `reference`. Gives all that were tried; the last one restores it if any does.
pub fn find_fix(
    graph: &Graph,
    data: &Dataset,
    reference: &Outputs,
    fault: &Fault,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Fix>, BuildError> {
    let mut search = Search { probe: Probe::new(graph, data)?, data, reference, fault, tried: Vec::new() };
    let mut working = Working::new(graph, data, &mut |_| {})?;
    progress("ranges");
    let best = search.ranges(&mut working, "ranges", &[])?;
    if search.found() {
        return Ok(search.tried);
    }
    progress("equalization");
    if let Some(mut equalized) = working.equalized(&mut |_| {})? {
        search.ranges(&mut equalized, "equalize", &["--equalize".into()])?;
        if search.found() {
            return Ok(search.tried);
        }
    }
    let (method, ranges) = best;
    let Some(node) = graph.nodes.iter().position(|n| n.name == fault.node) else { return Ok(search.tried) };
    let nodes: Vec<String> = around(graph, node).into_iter().collect();
    for into in [Wider::Int16, Wider::Float] {
        progress(into.name());
        let mut options = QuantizeOptions::default();
        into.names(&mut options).clone_from(&nodes);
        let option = if into == Wider::Int16 { "--int16" } else { "--keep-float" };
        let named = nodes.iter().flat_map(|name| [option.to_string(), name.clone()]);
        let asked: Vec<String> = method_options(method).into_iter().chain(named).collect();
        let what = format!("{} around the layer: {}", into.name(), nodes.join(", "));
        search.measure(&working, &ranges, &options, into.name(), what, asked)?;
        if search.found() {
            break;
        }
    }
    Ok(search.tried)
}

struct Search<'a> {
    probe: Probe,
    data: &'a Dataset,
    reference: &'a Outputs,
    fault: &'a Fault<'a>,
    tried: Vec<Fix>,
}

impl Search<'_> {
    fn found(&self) -> bool {
        self.tried.last().is_some_and(|fix| fix.restores)
    }

    /// Every method of choosing ranges; they cost the same, so that the best one of them comes last.
    fn ranges(
        &mut self,
        working: &mut Working,
        technique: &'static str,
        also: &[String],
    ) -> Result<(Method, Ranges), BuildError> {
        let options = QuantizeOptions::default();
        let first = self.tried.len();
        let mut all = Vec::new();
        for method in METHODS {
            let (ranges, _) = working.ranges(method, 0, &options, &mut |_| {})?;
            let asked: Vec<String> = also.iter().cloned().chain(method_options(method)).collect();
            self.measure(working, &ranges, &options, technique, format!("ranges by {method}"), asked)?;
            all.push((method, ranges));
        }
        let rank = |fix: &Fix| (fix.restores, fix.agreement, fix.output_db);
        let better = |a: &Fix, b: &Fix| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal);
        let best = (first..self.tried.len()).rev().max_by(|&a, &b| better(&self.tried[a], &self.tried[b]));
        let best = best.unwrap_or(first);
        let fix = self.tried.remove(best);
        self.tried.push(fix);
        Ok(all.swap_remove(best - first))
    }

    fn measure(
        &mut self,
        working: &Working,
        ranges: &Ranges,
        options: &QuantizeOptions,
        technique: &'static str,
        what: String,
        asked: Vec<String>,
    ) -> Result<(), BuildError> {
        // What no kernel computes is no way out.
        let Ok(quant) = quantize(working.graph(), ranges, options) else { return Ok(()) };
        let (layers, _): (Layers, f64) = self.probe.layers(working.graph(), &quant)?;
        let layer_db = layers.iter().find(|l| l.node == self.fault.node).map(|l| l.similarity.sqnr_db);
        let session = session(&quant)?;
        let stored = run_stored(&session, &self.data.samples, &|| {}).map_err(EvaluateError::from);
        let stored = first(&stored.map_err(LayersError::from)?);
        let reference = first(self.reference);
        let same = stored.iter().zip(&reference).filter(|(a, b)| predicted_class(a) == predicted_class(b)).count();
        let agreement = share(same as u64, reference.len() as u64);
        let restores = layer_db.is_none_or(|db| db >= self.fault.floor_db) && agreement >= self.fault.agreement;
        let output_db = Similarity::of(&reference.concat(), &stored.concat()).sqnr_db;
        let arena_bytes = session.model().map_or(0, |model| model.arena_bytes());
        self.tried.push(Fix { technique, what, options: asked, layer_db, output_db, agreement, arena_bytes, restores });
        Ok(())
    }
}

fn first(outputs: &Outputs) -> Vec<Vec<f32>> {
    outputs.iter().map(|o| o.first().cloned().unwrap_or_default()).collect()
}

fn method_options(method: Method) -> Vec<String> {
    if method == Method::default() { Vec::new() } else { vec!["--method".into(), method.to_string()] }
}
