//! The least that keeps a network accurate.

use super::outcome::{AutoEvent, AutoOptions, Outcome, Step};
use super::widen::{Wider, add, before_outputs, by_gain};
use super::{Improved, Layers, Probe, Widened, Working};
use crate::data::{DataError, Dataset};
use crate::import::{self, SourceInfo};
use crate::ir::Graph;
use crate::quantize::{Method, PortType, QuantizeOptions, Ranges, Width, quantize};
use crate::validate::accuracy::{Confusion, class_count};
use crate::validate::evaluate::{EvaluateError, Evaluation, Outputs, run_float, run_stored};
use crate::validate::{LayersError, Session};
use crate::{BuildError, BuildOptions, Built, Event, Passed, finish, pass_float};

/// All methods of choosing ranges.
pub(super) const METHODS: [Method; 4] = [Method::Mse, Method::Percentile(99.99), Method::Entropy, Method::MinMax];

/// A state of the search.
#[derive(Clone)]
struct Way {
    method: Method,
    ranges: Ranges,
    options: QuantizeOptions,
    improved: Improved,
    /// Every layer, and the output, on calibration samples.
    layers: (Layers, f64),
}

/// Loads calibration and evaluation samples for the inputs of a graph.
pub type LoadData<'a> = dyn FnMut(&Graph) -> Result<(Dataset, Dataset), DataError> + 'a;

/// Quantizes in one way after the other, each on top of those before it that helped, until the network is accurate enough.
///
/// `data` gives calibration and evaluation samples for the inputs of the graph. Ranges, layers and whether a technique helped
/// follow from calibration samples alone; evaluation samples decide when to stop, and which step is best if none is
/// good enough.
pub fn search(
    source: &[u8],
    options: &BuildOptions,
    auto: &AutoOptions,
    data: &mut LoadData,
    events: &mut dyn FnMut(AutoEvent),
) -> Result<Outcome, BuildError> {
    let imported = import::import(source, &options.import)?;
    events(AutoEvent::Build(Event::Imported(&imported)));
    if imported.network.is_quantized() {
        return Err(BuildError::CameQuantized);
    }
    let (info, graph) = (imported.info, imported.network.into_float());
    let passed = pass_float(graph, (source, info.format, false), options, &mut |e| events(AutoEvent::Build(e)))?;
    let (calibration, evaluation) = data(&passed.graph)?;
    let search = Search::new(source, info, passed, options, auto, calibration, evaluation, events)?;
    search.run()
}

struct Best {
    step: usize,
    method: Method,
    built: Built,
    evaluation: Evaluation,
}

struct Search<'a> {
    source: &'a [u8],
    info: SourceInfo,
    passed: Passed,
    options: &'a BuildOptions,
    auto: &'a AutoOptions,
    calibration: Dataset,
    evaluation: Dataset,
    /// What the float network makes of the evaluation samples.
    float: Outputs,
    probe: Probe,
    steps: Vec<Step>,
    /// The best step so far.
    best: Option<Best>,
    events: &'a mut dyn FnMut(AutoEvent),
}

impl<'a> Search<'a> {
    #[allow(clippy::too_many_arguments, reason = "the one caller has them all under these names")]
    fn new(
        source: &'a [u8],
        info: SourceInfo,
        passed: Passed,
        options: &'a BuildOptions,
        auto: &'a AutoOptions,
        calibration: Dataset,
        evaluation: Dataset,
        events: &'a mut dyn FnMut(AutoEvent),
    ) -> Result<Self, BuildError> {
        let scores = passed.graph.outputs.first().map_or(0, |o| o.source_shape.iter().product());
        if evaluation.labels.is_some() {
            evaluation.check_labels(class_count(scores))?;
        }
        events(AutoEvent::Trying("float"));
        let float = run_float(&passed.graph, &evaluation.samples, &mut |_| {}).map_err(LayersError::from)?;
        let probe = Probe::new(&passed.graph, &calibration)?;
        let (steps, best) = (Vec::new(), None);
        Ok(Self { source, info, passed, options, auto, calibration, evaluation, float, probe, steps, best, events })
    }

    fn run(mut self) -> Result<Outcome, BuildError> {
        self.try_all()?;
        let best = self.best.expect("the first step is measured, or the search fails");
        let Best { step: chosen, method, built, evaluation } = best;
        Ok(Outcome { built, method, evaluation, evaluated_on: self.evaluation.origin, steps: self.steps, chosen })
    }

    /// Every technique in turn, until a step holds.
    fn try_all(&mut self) -> Result<(), BuildError> {
        let events = &mut *self.events;
        let mut working = Working::new(&self.passed.graph, &self.calibration, &mut |e| events(AutoEvent::Build(e)))?;
        let mut way: Option<Way> = None;
        let mut methods = vec![self.options.calibrate.method];
        for method in METHODS {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        for &method in &methods {
            let next = self.way(&mut working, method, 0, &self.options.quantize.clone())?;
            let held = self.measure("ranges", format!("{method}"), &working, &next)?;
            if held {
                return Ok(());
            }
            if way.as_ref().is_none_or(|way| next.layers.1 > way.layers.1) {
                way = Some(next);
            }
        }
        let Some(mut way) = way else { return Ok(()) };
        if self.equalize(&mut working, &mut way, &methods)? || self.adaround(&mut working, &mut way)? {
            return Ok(());
        }
        let _ = self.widen(&working, &mut way, Wider::Int16)? || self.widen(&working, &mut way, Wider::Float)?;
        Ok(())
    }

    /// The ranges by `method`, and what comes of them.
    fn way(
        &mut self,
        working: &mut Working,
        method: Method,
        adaround: usize,
        options: &QuantizeOptions,
    ) -> Result<Way, BuildError> {
        let events = &mut *self.events;
        let (ranges, rounded) = working.ranges(method, adaround, options, &mut |e| events(AutoEvent::Build(e)))?;
        let layers = self.probe.layers(working.graph(), &quantize(working.graph(), &ranges, options)?)?;
        let improved = Improved { equalized: working.changed().to_vec(), rounded, widened: Vec::new() };
        Ok(Way { method, ranges, options: options.clone(), improved, layers })
    }

    /// Like ranges in all channels, with the method that suits them best.
    fn equalize(&mut self, working: &mut Working, way: &mut Way, methods: &[Method]) -> Result<bool, BuildError> {
        (self.events)(AutoEvent::Trying("equalize"));
        let events = &mut *self.events;
        let Some(mut equalized) = working.equalized(&mut |e| events(AutoEvent::Build(e)))? else { return Ok(false) };
        let mut best: Option<Way> = None;
        for &method in methods {
            let next = self.way(&mut equalized, method, 0, &way.options)?;
            if best.as_ref().is_none_or(|best| next.layers.1 > best.layers.1) {
                best = Some(next);
            }
        }
        let Some(next) = best else { return Ok(false) };
        let changed = format!("channels between {} pairs of layers; {}", next.improved.equalized.len(), next.method);
        let held = self.measure("equalize", changed, &equalized, &next)?;
        if next.layers.1 > way.layers.1 {
            (*working, *way) = (equalized, next);
        }
        Ok(held)
    }

    /// Weights rounded up or down in the layers that lose most by rounding to nearest.
    fn adaround(&mut self, working: &mut Working, way: &mut Way) -> Result<bool, BuildError> {
        if self.auto.adaround == 0 {
            return Ok(false);
        }
        (self.events)(AutoEvent::Trying("adaround"));
        let next = self.way(working, way.method, self.auto.adaround, &way.options.clone())?;
        if next.improved.rounded.is_empty() {
            return Ok(false);
        }
        let changed = format!("rounding of weights in {} layers", next.improved.rounded.len());
        let held = self.measure("adaround", changed, working, &next)?;
        if next.layers.1 > way.layers.1 {
            *way = next;
        }
        Ok(held)
    }

    /// For int16, the output first. Then layers below the floor, those that gain most first: one, then two more, four more, and
    /// so on. For int16, all nodes in the end, and last inputs and outputs too.
    fn widen(&mut self, working: &Working, way: &mut Way, into: Wider) -> Result<bool, BuildError> {
        (self.events)(AutoEvent::Trying(into.name()));
        if into == Wider::Int16 {
            // Scores that int8 makes equal cost a class each, and the output is small.
            let mut options = way.options.clone();
            options.outputs = PortType::F32;
            add(&mut options.int16_nodes, &before_outputs(working.graph()));
            let changed = "last layer, output in float32".to_string();
            if self.wider(working, way, into, (options, Vec::new(), changed))? {
                return Ok(true);
            }
        }
        let floor = self.auto.floor_db;
        let graph = working.graph();
        let mut open = by_gain(&self.probe, graph, &way.ranges, &way.options, &way.layers, floor, into);
        let mut count = 1;
        while !open.is_empty() {
            let rest = open.split_off(count.min(open.len()));
            let part = std::mem::replace(&mut open, rest);
            count *= 2;
            let mut options = way.options.clone();
            part.iter().for_each(|widened| add(into.names(&mut options), &widened.nodes));
            let first = &part[0];
            let more = if part.len() > 1 { format!(" and {} more", part.len() - 1) } else { String::new() };
            let changed = format!("around `{}` ({:.1} dB){more}", first.layer, first.layer_db);
            if self.wider(working, way, into, (options, part, changed))? {
                return Ok(true);
            }
        }
        if into == Wider::Float {
            return Ok(false);
        }
        let mut options = way.options.clone();
        options.int16_nodes = vec!["*".into()];
        if self.wider(working, way, into, (options.clone(), Vec::new(), "all nodes".into()))? {
            return Ok(true);
        }
        options.activations = Width::I16;
        self.wider(working, way, into, (options, Vec::new(), "all nodes, inputs and outputs".into()))
    }

    /// Measures `way` with other options; goes on from there if the output is better.
    fn wider(
        &mut self,
        working: &Working,
        way: &mut Way,
        into: Wider,
        (options, widened, changed): (QuantizeOptions, Vec<Widened>, String),
    ) -> Result<bool, BuildError> {
        let layers = self.probe.layers(working.graph(), &quantize(working.graph(), &way.ranges, &options)?)?;
        let mut next = Way { options, layers, ..way.clone() };
        next.improved.widened.extend(widened);
        let held = self.measure(into.name(), changed, working, &next)?;
        if next.layers.1 > way.layers.1 {
            *way = next;
        }
        Ok(held)
    }

    /// Writes the file of a way, runs the evaluation samples through it, and remembers it if it is the best so far.
    fn measure(
        &mut self,
        technique: &'static str,
        changed: String,
        working: &Working,
        way: &Way,
    ) -> Result<bool, BuildError> {
        let quant = quantize(working.graph(), &way.ranges, &way.options)?;
        let passed = self.passed.clone();
        let of_data = (Some(way.ranges.clone()), way.improved.clone());
        let lowered = passed.lowered(self.calibration.clone(), of_data, quant, self.options);
        let built = finish(self.source, self.info.clone(), false, lowered, self.options, &mut |_| {})?;
        let session =
            Session::load(built.emitted.bytes.clone()).map_err(EvaluateError::from).map_err(LayersError::from)?;
        let stored = run_stored(&session, &self.evaluation.samples, &|| {});
        let stored = stored.map_err(EvaluateError::from).map_err(LayersError::from)?;
        let evaluation = Evaluation::of(self.evaluation.labels.as_deref(), &stored, Some(&self.float));
        let agreement = evaluation.agreement.unwrap_or(0.0);
        let drop_points = evaluation.drop_points().unwrap_or((1.0 - agreement) * 100.0);
        let top1 = |c: &Option<Confusion>| c.as_ref().map(Confusion::top1);
        let worst = way.layers.0.iter().min_by(|a, b| a.similarity.sqnr_db.total_cmp(&b.similarity.sqnr_db));
        let step = Step {
            technique,
            changed,
            accuracy: top1(&evaluation.float).zip(top1(&evaluation.stored)),
            agreement,
            drop_points,
            output_db: way.layers.1,
            worst: worst.map(|l| (l.node.clone(), l.similarity.sqnr_db)),
            file_bytes: built.emitted.bytes.len(),
            arena_bytes: built.plan.arena_bytes,
            held: self.auto.allows(drop_points),
        };
        (self.events)(AutoEvent::Step(&step));
        let held = step.held;
        let better = |old: &Step| {
            let by_drop = step.drop_points.total_cmp(&old.drop_points);
            held || by_drop.is_lt() || by_drop.is_eq() && step.agreement > old.agreement
        };
        if self.best.as_ref().is_none_or(|best| better(&self.steps[best.step])) {
            self.best = Some(Best { step: self.steps.len(), method: way.method, built, evaluation });
        }
        self.steps.push(step);
        Ok(held)
    }
}
