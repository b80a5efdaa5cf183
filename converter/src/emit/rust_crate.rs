//! A model as a Rust crate: the same instructions as constants, for firmware that needs no exchangeable model.

use mote_runtime::format::{DType, Instruction, Port, Rounding};
use mote_runtime::{AlignedBytes, LoadError, Model};
use std::fmt::Write;
use std::path::Path;

/// A file of the crate: its path inside the crate's folder, and its bytes.
pub type CrateFile = (&'static str, Vec<u8>);

/// Writes the model file `blob` as a crate called `name`, which finds the runtime at `runtime` (the sources' folder), or,
/// without that, in the registry. Same arguments, same bytes.
pub fn rust_crate(blob: &[u8], name: &str, runtime: Option<&Path>) -> Result<Vec<CrateFile>, LoadError> {
    let blob = AlignedBytes::copy_of(blob);
    let model = Model::load(&blob)?;
    Ok(vec![
        ("Cargo.toml", manifest(&model, name, runtime).into()),
        ("README.md", readme(&model, name).into()),
        ("src/lib.rs", library(&model).into()),
        ("src/weights.bin", model.weights().to_vec()),
    ])
}

/// A crate's name for a folder: lower case, words joined by `-`.
pub fn crate_name(folder: &Path) -> String {
    let text = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("model-{name}") }
}

fn manifest(model: &Model, name: &str, runtime: Option<&Path>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let path = runtime.map(|path| format!(", path = {:?}", path.display().to_string())).unwrap_or_default();
    let half = model.instructions().any(|instruction| match instruction {
        Instruction::Conv2dF32(op) => op.weights.half,
        Instruction::FullyConnectedF32(op) => op.weights.half,
        _ => false,
    });
    let float = model.instructions().any(|instruction| instruction.name().ends_with("_f32"));
    let features = match (half, float) {
        (true, _) => ", features = [\"half\"]",
        (false, true) => ", features = [\"f32\"]",
        (false, false) => "",
    };
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\ndoctest = false\n\n\
         [dependencies]\nmote-runtime = {{ version = \"{version}\"{path}{features} }}\n"
    )
}

fn readme(model: &Model, name: &str) -> String {
    let module = name.replace('-', "_");
    let mut text = format!(
        "# {name}\n\nA neural network as constants, written by `mote convert --emit rust` ({}). `no_std`, no heap.\n\n",
        one_line(model.meta().name)
    );
    let _ = write!(
        text,
        "```rust\nlet mut arena = {module}::Arena::new(); // {} bytes; may be a static\n\
         let mut engine = {module}::Engine::new(arena.as_mut_slice())?;\n\
         engine.{}(0).copy_from_slice(&input);\nengine.run(); // may overwrite the input\n\
         let output = engine.{}(0);\n```\n\n",
        model.arena_bytes(),
        match model.inputs().first().map(|port| port.dtype) {
            Some(DType::F32) => "input_f32_mut",
            Some(DType::I16) => "input_i16_mut",
            _ => "input_mut",
        },
        match model.outputs().first().map(|port| port.dtype) {
            Some(DType::F32) => "output_f32",
            Some(DType::I16) => "output_i16",
            _ => "output",
        },
    );
    text.push_str("| port | type | shape | real value |\n|---|---|---|---|\n");
    let inputs = model.inputs().iter().map(|port| ("input", port));
    for (index, (kind, port)) in inputs.chain(model.outputs().iter().map(|port| ("output", port))).enumerate() {
        let index = if kind == "input" { index } else { index - model.inputs().len() };
        let real = match port.dtype {
            DType::F32 => "as stored".to_owned(),
            _ => format!("`{:?} * (stored - {})`", port.scale, port.zero_point),
        };
        let _ = writeln!(text, "| {kind} {index} | {:?} | {:?} | {real} |", port.dtype, port.shape.as_slice());
    }
    text.push_str(
        "\nThe bytes that come out are those of the `.mote` file of the same network. To change the network, convert it again \
         and build the firmware anew; for models as data, see `mote_runtime::Model`.\n",
    );
    text
}

fn library(model: &Model) -> String {
    let meta = model.meta();
    let mut names = meta.node_names.lines();
    let (mut run, mut reset) = (String::new(), String::new());
    let mut instructions = model.instructions();
    while let Some(instruction) = instructions.next() {
        let node = names.next().map(one_line).unwrap_or_default();
        let _ = writeln!(run, "        // {} {node}", instruction.name());
        if let Instruction::Bands(bands) = instruction {
            let _ = writeln!(run, "        memory.run_bands(&const {{ [");
            for (banded, node) in instructions.by_ref().take(bands.count as usize).zip(&mut names) {
                let _ = writeln!(run, "            {}, // {}", constant(&banded), one_line(node));
            }
            let _ = writeln!(run, "        ] }});");
            continue;
        }
        let constant = constant(&instruction);
        let _ = writeln!(run, "        memory.run(&const {{ {constant} }});");
        if let Instruction::Lstm(_) | Instruction::LstmF32(_) = instruction {
            let _ = writeln!(reset, "        memory.reset(&const {{ {constant} }});");
        }
    }
    if !reset.is_empty() {
        reset = format!("\n    fn reset(memory: &mut Memory<'_, Self>) {{\n{reset}    }}\n");
    }
    let kernels: Vec<String> = model.kernels().iter().map(|kernel| format!("Kernel::{kernel:?}")).collect();
    let kernels = kernels.join(", ");
    let rounding = match model.rounding() {
        Rounding::Tflite => "Tflite",
        Rounding::Single => "Single",
    };
    format!(
        "//! {}: a neural network as constants. Written by `mote convert --emit rust`; see README.md.\n\
         #![no_std]\n\
         #![forbid(unsafe_code)]\n\n\
         use mote_runtime::constant::{{Memory, Port, Program}};\n\
         use mote_runtime::format::{{DType, Instruction, Rounding}};\n\
         use mote_runtime::{{Kernel, Kernels, Ops}};\n\
         #[allow(unused_imports, reason = \"a network uses some of them\")]\n\
         use mote_runtime::format::instruction::{{*, Biases::*, Factors::*, Operand::*, RowOrder::*, Unary::*, WeightCode::*, WideBiases::*}};\n\n\
         /// Bytes of arena that a run needs.\n\
         pub const ARENA_BYTES: usize = {};\n\n\
         /// Memory of the right size.\n\
         pub type Arena = mote_runtime::Arena<ARENA_BYTES>;\n\n\
         /// Runs the network: `input_mut`, `run`, `output`.\n\
         pub type Engine<'a> = mote_runtime::constant::Engine<'a, Network>;\n\n\
         static WEIGHTS: &[u8] = mote_runtime::include_model!(\"weights.bin\");\n\n\
         /// The network.\n\
         #[derive(Clone, Copy, Debug)]\n\
         pub enum Network {{}}\n\n\
         impl Ops for Network {{\n    \
             const KERNELS: Kernels = Kernels::of(&[{kernels}]);\n\
         }}\n\n\
         #[rustfmt::skip]\n\
         impl Program for Network {{\n    \
             const ARENA_BYTES: usize = ARENA_BYTES;\n    \
             const ROUNDING: Rounding = Rounding::{rounding};\n    \
             const INPUTS: &'static [Port] = &[{}];\n    \
             const OUTPUTS: &'static [Port] = &[{}];\n\n    \
             fn weights() -> &'static [u8] {{\n        WEIGHTS\n    }}\n\n    \
             fn run(memory: &mut Memory<'_, Self>) {{\n{run}    }}\n{reset}\
         }}\n",
        one_line(meta.name),
        model.arena_bytes(),
        ports(model.inputs()),
        ports(model.outputs()),
    )
}

/// An instruction as a Rust expression: how `Debug` writes it is one, but for the names of float values.
fn constant(instruction: &Instruction) -> String {
    format!("Instruction::{instruction:?}").replace(": inf", ": f32::INFINITY").replace(": -inf", ": f32::NEG_INFINITY")
}

fn ports(ports: &[Port]) -> String {
    let port = |port: &Port| {
        format!(
            "Port {{ offset: {}, elements: {}, dtype: DType::{:?}, scale: {:?}, zero_point: {} }}",
            port.offset,
            port.elements().unwrap_or(0),
            port.dtype,
            port.scale,
            port.zero_point
        )
    };
    ports.iter().map(port).collect::<Vec<_>>().join(", ")
}

/// Names come from files; in a comment they must not start a new line.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crate_names_are_valid() {
        for (folder, name) in [("out/My Net_v2", "my-net-v2"), ("/tmp/42", "model-42"), ("..", "model-"), ("ä.b", "b")]
        {
            assert_eq!(crate_name(Path::new(folder)), name);
        }
    }
}
