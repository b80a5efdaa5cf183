//! The least that keeps a network accurate.

use super::widen::{Into, add, before_outputs, by_gain};
use super::{Improved, Layers, Probe, Widened, Working};
use crate::data::{DataError, Dataset};
use crate::import::{self, SourceInfo};
use crate::ir::Graph;
use crate::quantize::{Method, PortType, QuantizeOptions, Ranges, Width, quantize};
use crate::validate::accuracy::{Confusion, class_count};
use crate::validate::evaluate::{EvaluateError, Evaluation, Outputs, run_float, run_stored};
use crate::validate::{LayersError, Session};
use crate::{BuildError, BuildOptions, Built, Event, Passed, finish, pass_float};

/// What is accurate enough, and how far to go for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoOptions {
    /// Percentage points of top-1 accuracy that may be lost; without labels, of samples with another class than in float.
    pub max_drop: f64,
    /// Layers whose weights are rounded for the least error of their output.
    pub adaround: usize,
    /// Layers below so many decibel may get int16 activations, and then be kept in float.
    pub floor_db: f64,
}

impl Default for AutoOptions {
    fn default() -> Self {
        Self { max_drop: 0.5, adaround: 8, floor_db: 30.0 }
    }
}

/// One way to quantize, measured.
#[derive(Clone, Debug)]
pub struct Step {
    /// `ranges`, `equalize`, `adaround`, `int16`, `float`.
    pub technique: &'static str,
    /// What differs from the step that it builds on.
    pub changed: String,
    /// Share of the evaluation samples classified as labelled, if there are labels: float, and quantized.
    pub accuracy: Option<(f64, f64)>,
    /// Share of the evaluation samples that get the same class as in float.
    pub agreement: f64,
    /// Percentage points lost: of accuracy if there are labels, else of agreement.
    pub drop_points: f64,
    /// Signal-to-noise ratio of the first output on calibration samples, in decibel.
    pub output_db: f64,
    /// The layer with the lowest signal-to-noise ratio on calibration samples, and this in decibel.
    pub worst: Option<(String, f64)>,
    /// Bytes of the file.
    pub file_bytes: usize,
    /// Bytes of RAM for a run.
    pub arena_bytes: u32,
    /// Accurate enough.
    pub held: bool,
}

/// What the search found.
#[derive(Debug)]
pub struct Outcome {
    /// The file of the chosen step.
    pub built: Built,
    /// How its ranges were chosen.
    pub method: Method,
    /// Its evaluation.
    pub evaluation: Evaluation,
    /// Where the evaluation samples came from.
    pub evaluated_on: String,
    /// All that was tried, in order.
    pub steps: Vec<Step>,
    /// Which of them was chosen: the first that is accurate enough, else the most accurate.
    pub chosen: usize,
}

impl Outcome {
    /// True if the chosen step is accurate enough.
    pub fn held(&self) -> bool {
        self.steps[self.chosen].held
    }
}

/// What happens during [`search`].
#[derive(Debug)]
#[non_exhaustive]
pub enum AutoEvent<'a> {
    /// As in [`crate::build`].
    Build(Event<'a>),
    /// The next step begins.
    Trying(&'a str),
    /// A step was measured.
    Step(&'a Step),
}

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

/// Quantizes in one way after the other, each on top of those before it that helped, until the network is accurate enough.
///
/// `data` gives calibration and evaluation samples for the inputs of the graph. Ranges, layers and whether a technique helped
/// follow from calibration samples alone; evaluation samples decide when to stop, and which step is best if none is
/// good enough.
pub fn search(
    source: &[u8],
    options: &BuildOptions,
    auto: &AutoOptions,
    data: &mut dyn FnMut(&Graph) -> Result<(Dataset, Dataset), DataError>,
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
        for method in [Method::Mse, Method::Percentile(99.99), Method::Entropy, Method::MinMax] {
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
        let _ = self.widen(&working, &mut way, Into::Int16)? || self.widen(&working, &mut way, Into::Float)?;
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

    /// For int16, the output. Layers below the floor, those that gain most first: one, then two more, four more, and so on. Then, for int16, all nodes;
    /// and last inputs and outputs too.
    fn widen(&mut self, working: &Working, way: &mut Way, into: Into) -> Result<bool, BuildError> {
        (self.events)(AutoEvent::Trying(into.name()));
        if into == Into::Int16 {
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
        if into == Into::Float {
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
        into: Into,
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
            held: drop_points <= self.auto.max_drop,
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
