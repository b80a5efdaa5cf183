//! Writes a module with the networks that microflow compiles: all that it accepts, or the one named by MICROFLOW_NET.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Those of the shared test data with operators that microflow has. The first three are its own examples.
const ACCEPTED: [&str; 8] = [
    "sine_int8",
    "micro_speech_int8",
    "person_detect_int8",
    "hello_world_int8",
    "kws_dscnn_int8",
    "vww_96_int8",
    "ad01_int8",
    "sww_int8",
];

fn main() {
    for variable in ["MOTE_DATA", "MICROFLOW_NET"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../../shared/data");
    let data = env::var_os("MOTE_DATA").map_or(beside, PathBuf::from).join("tflite");
    let only = env::var("MICROFLOW_NET").unwrap_or_default();

    let wanted = |name: &&str| only.is_empty() || only == **name;
    let there: Vec<&str> =
        ACCEPTED.iter().copied().filter(wanted).filter(|name| data.join(name).join("model.tflite").is_file()).collect();
    if there.is_empty() && only != "none" {
        println!("cargo:warning=SKIPPED: no networks in {} (set MOTE_DATA)", data.display());
    }
    let mut text = String::new();
    for name in &there {
        let folder = data.join(name);
        let model = folder.join("model.tflite");
        println!("cargo:rerun-if-changed={}", model.display());
        let _ = write!(
            text,
            "#[allow(missing_docs)]\npub mod {name} {{\n\
             #[microflow::model({model:?})]\npub struct Net;\n\
             impl crate::Net for Net {{\n    const NAME: &'static str = {name:?};\n    const FOLDER: &'static str = {folder:?};\n    \
             fn run(input: &[i8], output: &mut [f32]) -> usize {{\n        \
             crate::flat::IntoFlat::into_flat(Self::predict_quantized(crate::flat::FromFlat::from_flat(input)), output)\n    }}\n}}\n}}\n",
        );
    }
    let visits: String = there.iter().map(|name| format!("    visitor.visit::<{name}::Net>();\n")).collect();
    let _ = write!(
        text,
        "/// Calls `visitor` for every network.\npub fn each(visitor: &mut impl Visitor) {{\n    let _ = &visitor;\n{visits}}}\n"
    );
    let (net, input) = match there.as_slice() {
        [one] => (format!("{one}::Net"), first_sample(&data.join(one).join("inputs.npy"))),
        _ => ("Nothing".to_owned(), Vec::new()),
    };
    let _ = write!(text, "/// The network of an image for one.\npub type Only = {net};\n");
    fs::write(out.join("input.bin"), input).expect("OUT_DIR can be written to");
    fs::write(out.join("nets.rs"), text).expect("OUT_DIR can be written to");
}

/// The bytes of the first sample of an int8 array.
fn first_sample(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("the inputs lie beside the network");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'|i1'"), "{}: not int8: {text}", path.display());
    let samples =
        text.split_once("'shape': (").and_then(|(_, sizes)| sizes.split(',').next()?.trim().parse::<usize>().ok());
    let data = &bytes[10 + header..];
    data[..data.len() / samples.expect("the header has a shape")].to_vec()
}
