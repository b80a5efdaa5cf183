//! The options of `mote convert`.

use super::budget::BudgetArgs;
use super::compress_args::CompressArgs;
use super::data_args::DataArgs;
use super::improve_args::ImproveArgs;
use super::model_file::parse_input_shape;
use crate::BuildOptions;
use crate::data::LoadOptions;
use crate::emit::{EmitOptions, MetaOptions};
use crate::import::{self, ImportOptions};
use crate::ir::{DType, Port};
use crate::plan::PortLayout;
use crate::quantize::{CalibrateOptions, Method, PortType, QuantizeOptions, Width};
use anyhow::Context;
use std::path::PathBuf;

/// Convert a trained network to a model file: import, optimise, calibrate, quantize, plan memory, write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mote convert model.onnx --calibrate train.csv --scale 1/16 -o net.mote
  mote convert model.onnx --calibrate images.npy --normalize unit --data-layout nhwc -o net.mote
  mote convert model.onnx --calibrate train/ --normalize imagenet --resize --eval test/ -o net.mote
  mote convert model.onnx --calibrate x.npy --method percentile:99.99 --keep-float '/head/*' -o net.mote
  mote convert model.tflite -o net.mote                        an int8 network: nothing to calibrate
  mote convert model.onnx --precision f16 -o net.mote          float kernels, half-size weights, no calibration
  mote convert model.tflite --emit rust -o net/                a crate with the network as constants
  mote convert model.tflite --ram min -o net.mote              the smallest arena, whatever the speed
  mote convert model.tflite --flash max -o net.mote            fewer instructions, whatever the flash
  mote convert model.tflite --compress smallest -o net.mote    the smallest file, with the same results
  mote convert model.onnx --calibrate x.npy --palette 16 --eval test/ -o net.mote              smaller, nearly the same
  mote convert model.tflite --ram 40K --flash 256K --target cortex-m0plus -o net.mote    exit 1 if it does not fit

Calibrate on a hundred or more typical samples, other than those that accuracy is measured on: --skip and --limit
choose among the calibration data, --eval-skip and --eval-limit among those of --eval, whose labels --labels gives.
How inputs are normalised is recorded in the file, and `mote run` and `mote eval` do the same.

Outputs overlap the inputs that they are computed from wherever that costs nothing. --ram goes further: memory that only
makes a layer faster is given up where it decides the size of the arena. --flash says how large the file may be: what is
left of it goes to 3x3 convolutions, which take half of their instructions with weights of 3.6 times the size (Winograd's
F(2x2, 3x3), exact in integers: the results stay the same). A network that needs more than --ram or --flash gives is
not written; what it needs, why, and what could be done is printed, and the exit code is 1.")]
pub(super) struct Args {
    /// An .onnx or .tflite network.
    pub model: PathBuf,
    /// Typical inputs: a .npy, .npz, .csv or IDX file, a folder of pictures, or `random` to learn sizes and speed only.
    #[arg(long, value_name = "DATA")]
    pub calibrate: Option<PathBuf>,
    /// The file to write; with --emit rust, the folder.
    #[arg(long, short, value_name = "PATH")]
    pub output: PathBuf,
    /// What to write.
    #[arg(long, value_name = "WHAT", value_enum, default_value = "mote")]
    pub emit: Emit,
    /// How ranges are chosen: mse, minmax, percentile:P, entropy.
    #[arg(long, value_name = "METHOD", default_value = "mse", value_parser = parse_method)]
    pub method: Method,
    /// Calibrate on N samples, spread evenly over the data.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub samples: usize,
    /// int8; or f32 or f16 to keep the arithmetic float (weights of 4 or 2 bytes).
    #[arg(long, value_name = "PRECISION", value_enum, default_value = "int8")]
    pub precision: Precision,
    /// Element type of inputs and outputs in the arena.
    #[arg(long, value_name = "TYPE", value_enum, default_value = "int8")]
    pub io_dtype: IoType,
    /// Order of inputs and outputs in the arena; tools take the network's own order in any case.
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "nhwc")]
    pub io_layout: IoLayout,
    /// Keep nodes of this name in float; `*` matches anything. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub keep_float: Vec<String>,
    /// Width of activations; int16 is nearer to float, and takes twice the RAM and more time. Weights stay int8.
    #[arg(long, value_name = "TYPE", value_enum, default_value = "int8")]
    pub activations: Activations,
    /// Compute nodes of this name on int16 activations; `*` matches anything. May be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub int16: Vec<String>,
    /// Nodes of this name have weights of four bits, and are stored in as many; `*` matches anything. May be given several times.
    #[arg(long = "int4", value_name = "NODE")]
    pub int4: Vec<String>,
    /// Shapes of inputs that the network leaves open.
    #[arg(long, value_name = "NAME=SIZES", value_parser = parse_input_shape)]
    pub input_shape: Vec<(String, Vec<usize>)>,
    /// Names of the classes, one per line; stored in the file.
    #[arg(long, visible_alias = "class-names", value_name = "FILE")]
    pub labels_file: Option<PathBuf>,
    /// Labelled data, other than the calibration data: measure accuracy, float and int8, and store it in the file.
    #[arg(long, visible_alias = "evaluate", value_name = "DATA")]
    pub eval: Option<PathBuf>,
    /// As --skip, for --eval.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "eval")]
    pub eval_skip: usize,
    /// As --limit, for --eval.
    #[arg(long, value_name = "N", requires = "eval")]
    pub eval_limit: Option<usize>,
    /// Store N samples with their outputs in the file, for the device to test itself.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub self_test: usize,
    /// Name of the network [default: that in the file, else the file's name].
    #[arg(long)]
    pub name: Option<String>,
    /// Number of this model for refusing downgrades on the device.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub model_version: u32,
    /// Leave out names and provenance: the smallest file.
    #[arg(long)]
    pub strip: bool,
    /// Convert without comparing the imported network with a second implementation (tract).
    #[arg(long)]
    pub no_cross_check: bool,
    /// Print the graph to stderr after this pass, each time it changed something; `import` and `all` work too.
    #[arg(long, value_name = "PASS")]
    pub dump_after: Option<String>,
    /// One JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub improve: ImproveArgs,
    #[command(flatten)]
    pub budget: BudgetArgs,
    #[command(flatten)]
    pub compress: CompressArgs,
    #[command(flatten)]
    pub data: DataArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Emit {
    /// A model file, which firmware loads
    Mote,
    /// A no_std crate with the network as constants: less flash, but a new network needs new firmware
    Rust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Precision {
    Int8,
    F32,
    F16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Activations {
    Int8,
    Int16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum IoType {
    /// As the source network declares them
    Source,
    /// Quantized, in the width of the activations: no conversion on the device
    Int8,
    /// Converted on the device
    F32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum IoLayout {
    /// As the source network declares them: a transpose on the device where the two differ
    Source,
    /// Channels last, as the kernels want it
    Nhwc,
}

pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    let wrong = || format!("`{text}` is not mse, minmax, entropy or percentile:P with P above 50, up to 100");
    match text.split_once(':') {
        None if text == "mse" => Ok(Method::Mse),
        None if text == "minmax" => Ok(Method::MinMax),
        None if text == "entropy" => Ok(Method::Entropy),
        None if text == "percentile" => Ok(Method::Percentile(99.9)),
        Some(("percentile", p)) => {
            let p: f32 = p.parse().map_err(|_| wrong())?;
            if p > 50.0 && p <= 100.0 { Ok(Method::Percentile(p)) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

pub(super) fn method_text(method: Method) -> String {
    method.to_string()
}

impl Args {
    pub fn method(&self) -> Method {
        self.method
    }
}

/// What the options say about the source file.
pub(super) fn import_options(args: &Args) -> ImportOptions {
    ImportOptions { input_shapes: args.input_shape.iter().cloned().collect(), ..Default::default() }
}

/// What the options mean to [`crate::build`].
pub(super) fn options(
    args: &Args,
    source: &[u8],
    labels: &[String],
    reading: &LoadOptions,
) -> anyhow::Result<BuildOptions> {
    let import = import_options(args);
    let (inputs, outputs) = port_types(args, source, &import)?;
    let float = args.precision != Precision::Int8;
    let meta = MetaOptions {
        labels: labels.to_vec(),
        normalization: reading.normalization.to_string(),
        planned: [args.budget.recorded(), args.compress.recorded()].join(" ").trim().into(),
        ..MetaOptions::default()
    };
    Ok(BuildOptions {
        import,
        cross_check: !args.no_cross_check,
        keep_float: float,
        calibrate: CalibrateOptions { method: args.method },
        quantize: QuantizeOptions {
            inputs,
            outputs,
            float_nodes: args.keep_float.clone(),
            activations: match args.activations {
                Activations::Int8 => Width::I8,
                Activations::Int16 => Width::I16,
            },
            int16_nodes: args.int16.clone(),
            int4_weights: args.int4.clone(),
            palette: args.compress.palette(),
            ..QuantizeOptions::default()
        },
        improve: args.improve.options(),
        layout: match args.io_layout {
            IoLayout::Source => PortLayout::Source,
            IoLayout::Nhwc => PortLayout::Stored,
        },
        plan: args.budget.plan_options(),
        compression: args.compress.compression(),
        flash: args.budget.flash(if args.strip { 0 } else { name_bytes(args) }),
        emit: EmitOptions {
            model_version: args.model_version,
            half_weights: args.precision == Precision::F16,
            meta: (!args.strip).then_some(meta),
            ..EmitOptions::default()
        },
        self_test_vectors: args.self_test,
    })
}

/// Bytes that the name of the network and its accuracy may add to a file at most, as they are found out last.
fn name_bytes(args: &Args) -> u32 {
    let stem = args.model.file_stem().map_or(0, |stem| stem.to_string_lossy().len());
    let name = args.name.as_ref().map_or(0, String::len);
    u32::try_from(stem.max(name)).unwrap_or(u32::MAX).saturating_add(16)
}

/// Types of the inputs and of the outputs in the arena. Integers of the source are integers there.
fn port_types(args: &Args, source: &[u8], import: &ImportOptions) -> anyhow::Result<(PortType, PortType)> {
    match args.io_dtype {
        IoType::Int8 => Ok((PortType::I8, PortType::I8)),
        IoType::F32 => Ok((PortType::F32, PortType::F32)),
        IoType::Source => {
            let network = import::import(source, import).with_context(|| cannot_convert(args))?.network;
            let graph = network.graph();
            let of = |ports: &[Port]| {
                let float = |p: &Port| matches!(p.source_dtype, DType::F32 | DType::F16);
                if ports.iter().any(float) { PortType::F32 } else { PortType::I8 }
            };
            Ok((of(&graph.inputs), of(&graph.outputs)))
        }
    }
}

pub(super) fn cannot_convert(args: &Args) -> String {
    format!("cannot convert `{}`", args.model.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_parse_and_print_alike() {
        for text in ["mse", "minmax", "entropy", "percentile:99.99"] {
            assert_eq!(method_text(parse_method(text).unwrap()), text);
        }
        for text in ["max", "percentile:", "percentile:10", "percentile:101", "mse:1"] {
            assert!(parse_method(text).is_err(), "{text}");
        }
    }
}
