//! Turns trained networks into `.mote` files, and checks, runs and measures them. Start reading at [`build`].
#![deny(unsafe_code)]

pub mod auto;
pub mod bench;
pub mod boards;
pub mod cli;
pub mod data;
pub mod device;
pub mod emit;
pub mod execute;
pub mod import;
pub mod inspect;
pub mod ir;
pub mod passes;
mod pattern;
pub mod plan;
pub mod prune;
pub mod quantize;
pub mod recipe;
pub mod recording;
pub mod report;
pub mod sign;
pub mod train;
pub mod validate;

use auto::{Improve, Improved, Probe, Working};
use data::{DataError, Dataset};
use emit::{EmitError, EmitOptions, Emitted};
use import::onnx::{self, CrossCheck};
use import::{Format, ImportError, ImportOptions, Imported, Network, SourceInfo};
use ir::{Graph, Tensor};
use mote_runtime::format::Rounding;
use passes::{PassError, PassReport};
use plan::{Compression, Flash, PackOptions, Plan, PlanError, PlanOptions, PortLayout};
use quantize::{CalibrateOptions, QuantGraph, QuantizeError, QuantizeOptions, Ranges};
use sha2::{Digest, Sha256};

/// Everything that steers [`build`].
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// What the file leaves open.
    pub import: ImportOptions,
    /// Run an ONNX file through tract as well, and refuse to go on if the two differ.
    pub cross_check: bool,
    /// Keep everything float32; nothing is calibrated.
    pub keep_float: bool,
    /// How ranges are chosen.
    pub calibrate: CalibrateOptions,
    /// Types of the ports, nodes that stay float.
    pub quantize: QuantizeOptions,
    /// What is done about the error of quantization, beyond the choice of ranges.
    pub improve: Improve,
    /// Order of the ports' elements in the arena.
    pub layout: PortLayout,
    /// What memory and time are traded for. Its `extra_flash` follows from `flash`, unless that is the smallest.
    pub plan: PlanOptions,
    /// What flash and time are traded for.
    pub flash: Flash,
    /// What file size is worth. Weights of four bits are stored in four bits in any case.
    pub compression: Compression,
    /// Metadata, rounding, weights, self-test. The source's hash, and the calibration set's, are filled in.
    pub emit: EmitOptions,
    /// Calibration samples that become self-test vectors, after those in `emit.self_test`.
    pub self_test_vectors: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            import: ImportOptions::default(),
            cross_check: true,
            keep_float: false,
            calibrate: CalibrateOptions::default(),
            quantize: QuantizeOptions::default(),
            improve: Improve::default(),
            layout: PortLayout::default(),
            plan: PlanOptions::default(),
            flash: Flash::default(),
            compression: Compression::default(),
            emit: EmitOptions::default(),
            self_test_vectors: 1,
        }
    }
}

/// What happens during [`build`], for whoever shows progress.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The file was read.
    Imported(&'a Imported),
    /// A pass changed the graph.
    Pass {
        /// Which.
        name: &'a str,
        /// The graph after it.
        graph: &'a Graph,
    },
    /// The graph and tract were compared.
    CrossChecked(&'a CrossCheck),
    /// Calibration goes on.
    Calibrating {
        /// Samples done.
        done: usize,
        /// Samples in all.
        total: usize,
    },
    /// The inputs of layers are watched, for the rounding of their weights.
    Watching {
        /// Samples done.
        done: usize,
        /// Samples in all.
        total: usize,
    },
    /// Nodes of a network that came quantized, which compute in float because the file does not quantize all around them.
    FloatIslands(&'a [String]),
    /// Order and offsets are known.
    Planned(&'a Plan),
    /// The file is complete.
    Emitted(&'a Emitted),
}

/// What [`build`] made, step by step.
#[derive(Debug)]
pub struct Built {
    /// The float network after the passes; the real numbers of a network that came quantized.
    pub graph: Graph,
    /// Format, producer and warnings of the importer.
    pub source: SourceInfo,
    /// True if scales and integer weights are those of the file.
    pub came_quantized: bool,
    /// What the passes did.
    pub passes: Vec<PassReport>,
    /// The second opinion, if it was asked for.
    pub cross_check: Option<CrossCheck>,
    /// The calibration data; may be empty if there was nothing to calibrate.
    pub calibration: Dataset,
    /// Ranges found; `None` if there was nothing to calibrate.
    pub ranges: Option<Ranges>,
    /// What was done about the error of quantization.
    pub improved: Improved,
    /// Order, offsets, and the quantized graph.
    pub plan: Plan,
    /// As used, hashes filled in: to emit once more with other metadata.
    pub emit: EmitOptions,
    /// The file, and where its instructions come from.
    pub emitted: Emitted,
}

/// Which step failed, and why.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "one variant per step")]
pub enum BuildError {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Pass(#[from] PassError),
    #[error(
        "output `{output}` differs from tract's by {max_rel} of its largest value: the network is not imported \
         correctly; please report it, or pass `--no-cross-check` to convert it all the same"
    )]
    CrossCheck { output: String, max_rel: f32 },
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("{origin}, sample {sample}: input `{input}` expects {expected} values (shape {shape:?}), got {got}")]
    Sample { origin: String, sample: usize, input: String, expected: usize, shape: Vec<usize>, got: usize },
    #[error(
        "the network came quantized, so that `{pattern}` cannot be kept in float alone: leave the option out, or keep \
         the whole network in float with `--precision f32`"
    )]
    FloatNodes { pattern: String },
    #[error(
        "the network came quantized, with the widths of its activations and weights: leave `--activations`, `--int16`, \
         `--int4` and `--palette` out, or quantize the float network that it was made from"
    )]
    Widths,
    #[error("the network came quantized: there is nothing to choose; convert it as it is with `mote convert`")]
    CameQuantized,
    #[error(
        "the network came quantized, so that nothing can be done about its error: leave `--equalize`, `--adaround` and \
         `--int16-below` out, or quantize the float network that it was made from"
    )]
    Improve,
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    #[error("layers cannot be measured: {0}")]
    Measure(#[from] validate::LayersError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The whole flow: a network file and data in, a `.mote` file out.
///
/// `calibration` is called once, with the graph whose inputs the data must fit, unless everything stays float. What it
/// gives may be empty if the network came quantized; then it only serves for self-test vectors.
pub fn build(
    source: &[u8],
    options: &BuildOptions,
    calibration: &mut dyn FnMut(&Graph) -> Result<Dataset, DataError>,
    events: &mut dyn FnMut(Event),
) -> Result<Built, BuildError> {
    let imported = import::import(source, &options.import)?;
    events(Event::Imported(&imported));
    let Imported { network, info } = imported;

    let came_quantized = network.is_quantized() && !options.keep_float;
    let lowered = match network {
        Network::FakeQuantized(graph) if came_quantized => lower_fake_quantized(graph, options, calibration, events)?,
        Network::Quantized { quant, rounding } if came_quantized => {
            lower_quantized(quant, rounding, options, calibration)?
        }
        network => {
            let was_quantized = network.is_quantized();
            let source = (source, info.format, was_quantized);
            lower_float(network.into_float(), source, options, calibration, events)?
        }
    };
    finish(source, info, came_quantized, lowered, options, events)
}

/// Plans and writes a network whose types are known.
pub(crate) fn finish(
    source: &[u8],
    info: SourceInfo,
    came_quantized: bool,
    lowered: Lowered,
    options: &BuildOptions,
    events: &mut dyn FnMut(Event),
) -> Result<Built, BuildError> {
    let emit = emit_options(source, &lowered, options);
    let Lowered { graph, passes, cross_check, calibration, ranges, improved, quant, .. } = lowered;
    let quant = plan::with_port_layout(quant, options.layout);
    let (plan, emitted) = plan_and_emit(quant, options, &emit)?;
    events(Event::Planned(&plan));
    events(Event::Emitted(&emitted));

    let source = info;
    Ok(Built { graph, source, came_quantized, passes, cross_check, calibration, ranges, improved, plan, emit, emitted })
}

/// What is written besides the program, as far as it is known by now.
fn emit_options(source: &[u8], lowered: &Lowered, options: &BuildOptions) -> EmitOptions {
    let calibration = &lowered.calibration;
    let mut emit = EmitOptions { rounding: lowered.rounding, ..options.emit.clone() };
    emit.self_test.extend(calibration.spread(options.self_test_vectors).into_iter().cloned());
    if let Some(meta) = &mut emit.meta {
        meta.source_sha256 = Sha256::digest(source).to_vec();
        let calibrated = lowered.ranges.is_some() && !calibration.is_empty();
        meta.calibration_sha256 = if calibrated { calibration.sha256().to_vec() } else { Vec::new() };
        if !lowered.improved.equalized.is_empty() {
            let planned = std::mem::take(&mut meta.planned);
            meta.planned = [planned.as_str(), validate::EQUALIZED].join(" ").trim_start().to_string();
        }
    }
    emit
}

/// Plans with the smallest weights; then, if flash may be given for speed, with as much as is left of it.
fn plan_and_emit(quant: QuantGraph, options: &BuildOptions, emit: &EmitOptions) -> Result<(Plan, Emitted), BuildError> {
    let packing = PackOptions { compression: options.compression, int4: options.quantize.int4_weights.clone() };
    let with = |quant: QuantGraph, options: &PlanOptions| {
        let plan = plan::plan_packed(quant, options, &packing)?;
        let emitted = emit::emit(&plan, emit)?;
        Ok::<_, BuildError>((plan, emitted))
    };
    let bytes = match options.flash {
        Flash::Smallest => return with(quant, &options.plan),
        Flash::Max => return with(quant, &PlanOptions { extra_flash: u32::MAX, ..options.plan }),
        Flash::Within(bytes) => bytes,
    };
    let smallest = with(quant.clone(), &PlanOptions { extra_flash: 0, ..options.plan })?;
    let size = |emitted: &Emitted| u32::try_from(emitted.bytes.len()).unwrap_or(u32::MAX);
    let extra_flash = bytes.saturating_sub(size(&smallest.1));
    if extra_flash == 0 {
        return Ok(smallest);
    }
    let fastest = with(quant, &PlanOptions { extra_flash, ..options.plan })?;
    Ok(if size(&fastest.1) <= bytes { fastest } else { smallest })
}

/// A network with its stored types, and how it came to them.
pub(crate) struct Lowered {
    graph: Graph,
    passes: Vec<PassReport>,
    cross_check: Option<CrossCheck>,
    calibration: Dataset,
    ranges: Option<Ranges>,
    improved: Improved,
    quant: QuantGraph,
    rounding: Rounding,
}

/// A float network after the passes.
#[derive(Clone)]
pub(crate) struct Passed {
    graph: Graph,
    passes: Vec<PassReport>,
    cross_check: Option<CrossCheck>,
}

/// Passes and second opinion.
pub(crate) fn pass_float(
    mut graph: Graph,
    (source, format, was_quantized): (&[u8], Format, bool),
    options: &BuildOptions,
    events: &mut dyn FnMut(Event),
) -> Result<Passed, BuildError> {
    let passes = passes::run_default_with(&mut graph, &mut |name, graph| events(Event::Pass { name, graph }))?;
    let cross_check = match format {
        // tract would round where the file says so.
        Format::Onnx { .. } if options.cross_check && !was_quantized => Some(second_opinion(source, &graph, events)?),
        _ => None,
    };
    Ok(Passed { graph, passes, cross_check })
}

/// Passes, second opinion, calibration, what is to improve it, quantization.
fn lower_float(
    graph: Graph,
    source: (&[u8], Format, bool),
    options: &BuildOptions,
    calibration: &mut dyn FnMut(&Graph) -> Result<Dataset, DataError>,
    events: &mut dyn FnMut(Event),
) -> Result<Lowered, BuildError> {
    let passed = pass_float(graph, source, options, events)?;
    if options.keep_float {
        let quant = quantize::keep_float(&passed.graph);
        return Ok(passed.lowered(Dataset::default(), (None, Improved::default()), quant, options));
    }
    let data = calibration(&passed.graph)?;
    let mut working = Working::new(&passed.graph, &data, events)?;
    if options.improve.equalize
        && let Some(equalized) = working.equalized(events)?
    {
        working = equalized;
    }
    let Improve { adaround, int16_below, .. } = options.improve;
    let (ranges, rounded) = working.ranges(options.calibrate.method, adaround, &options.quantize, events)?;
    let mut choice = options.quantize.clone();
    let mut improved = Improved { equalized: working.changed().to_vec(), rounded, widened: Vec::new() };
    if let Some(floor_db) = int16_below {
        let probe = Probe::new(&passed.graph, &data)?;
        improved.widened = auto::widen_below(&probe, working.graph(), &ranges, &mut choice, floor_db)?;
    }
    let quant = quantize::quantize(working.graph(), &ranges, &choice)?;
    Ok(passed.lowered(data, (Some(ranges), improved), quant, options))
}

impl Passed {
    /// With the types of `quant`.
    pub(crate) fn lowered(
        self,
        calibration: Dataset,
        (ranges, improved): (Option<Ranges>, Improved),
        quant: QuantGraph,
        options: &BuildOptions,
    ) -> Lowered {
        let Self { graph, passes, cross_check } = self;
        Lowered { graph, passes, cross_check, calibration, ranges, improved, quant, rounding: options.emit.rounding }
    }
}

/// Passes, then the quantization of the file.
fn lower_fake_quantized(
    mut graph: Graph,
    options: &BuildOptions,
    calibration: &mut dyn FnMut(&Graph) -> Result<Dataset, DataError>,
    events: &mut dyn FnMut(Event),
) -> Result<Lowered, BuildError> {
    let passes = passes::run_default_with(&mut graph, &mut |name, graph| events(Event::Pass { name, graph }))?;
    let (quant, islands) = quantize::adopt(&graph)?;
    if !islands.is_empty() {
        events(Event::FloatIslands(&islands));
    }
    graph.drop_fake_quantization();
    passes::run_default(&mut graph)?;
    // Rounds as our own networks do: ONNX leaves the rounding of sums open.
    Ok(Lowered { graph, passes, ..lower_quantized(quant, options.emit.rounding, options, calibration)? })
}

/// Nothing to choose: scales, weights and rounding are those of the file.
fn lower_quantized(
    quant: QuantGraph,
    rounding: Rounding,
    options: &BuildOptions,
    calibration: &mut dyn FnMut(&Graph) -> Result<Dataset, DataError>,
) -> Result<Lowered, BuildError> {
    if let Some(pattern) = options.quantize.float_nodes.first() {
        return Err(BuildError::FloatNodes { pattern: pattern.clone() });
    }
    let named = [&options.quantize.int16_nodes, &options.quantize.int4_weights].iter().any(|names| !names.is_empty());
    if options.quantize.activations != quantize::Width::I8 || named || options.quantize.palette.is_some() {
        return Err(BuildError::Widths);
    }
    if options.improve != Improve::default() {
        return Err(BuildError::Improve);
    }
    let graph = quantize::dequantized(&quant);
    let calibration = calibration(&graph)?;
    let quant = quantize::with_port_types(quant, options.quantize.inputs, options.quantize.outputs);
    Ok(Lowered {
        graph,
        passes: Vec::new(),
        cross_check: None,
        calibration,
        ranges: None,
        improved: Improved::default(),
        quant,
        rounding,
    })
}

/// Runs `graph` and tract on the same input; they must agree where tract can run the file at all.
fn second_opinion(source: &[u8], graph: &Graph, events: &mut dyn FnMut(Event)) -> Result<CrossCheck, BuildError> {
    let check = onnx::cross_check(source, graph, CROSS_CHECK_SEED).map_err(ImportError::from)?;
    events(Event::CrossChecked(&check));
    let worst = check.outputs.iter().max_by(|a, b| a.max_rel.total_cmp(&b.max_rel));
    match worst {
        Some(worst) if !check.agrees => {
            Err(BuildError::CrossCheck { output: worst.output.clone(), max_rel: worst.max_rel })
        }
        _ => Ok(check),
    }
}

/// Any fixed number serves: it only has to be the same every time.
const CROSS_CHECK_SEED: u64 = 1;

/// The samples as the executor wants them: stored order, one tensor per input.
pub fn stored_samples(graph: &Graph, data: &Dataset) -> Result<Vec<Vec<Tensor>>, BuildError> {
    let stored = |(sample, arrays): (usize, &Vec<Vec<f32>>)| {
        let port = |(index, port): (usize, &ir::Port)| {
            let values = arrays.get(index).map(Vec::as_slice).unwrap_or_default();
            let expected = port.source_shape.iter().product();
            if values.len() != expected {
                let (origin, input, shape) = (data.origin.clone(), port.name.clone(), port.source_shape.clone());
                return Err(BuildError::Sample { origin, sample, input, expected, shape, got: values.len() });
            }
            Ok(Tensor::f32(port.stored_shape(), port.to_stored(values)))
        };
        graph.inputs.iter().enumerate().map(port).collect()
    };
    data.samples.iter().enumerate().map(stored).collect()
}
