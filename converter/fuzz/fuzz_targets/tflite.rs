//! Any bytes through the TensorFlow Lite importer, and what imports through plan and emission: an error or a model, never a
//! panic. Seeds are TensorFlow Lite files; `converter/tests/tflite_mutants.rs` does the same without a fuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mote::data::{Dataset, InputSpec};
use mote::{BuildOptions, build};

fuzz_target!(|bytes: &[u8]| {
    let mut file = bytes.to_vec();
    // Without the identifier, another importer would get the file.
    if let Some(identifier) = file.get_mut(4..8) {
        identifier.copy_from_slice(b"TFL3");
    }
    let mut noise = |graph: &_| Ok(Dataset::random(&InputSpec::of_graph(graph), 1));
    let _ = build(&file, &BuildOptions::default(), &mut noise, &mut |_| {});
});
