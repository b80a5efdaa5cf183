//! What both the comparison and the benchmark need.

use microflow_nets::Net;
use mote_runtime::AlignedBytes;
use std::path::PathBuf;

/// Values of an int8 array file, and how many samples they are.
pub fn read_npy(path: &str) -> (Vec<i8>, usize) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'|i1'"), "{path}: not int8: {text}");
    let samples = text.split_once("'shape': (").and_then(|(_, sizes)| sizes.split(',').next()?.trim().parse().ok());
    (bytes[10 + header..].iter().map(|&byte| byte as i8).collect(), samples.expect("the header has a shape"))
}

/// The file that `mote convert` made from a network: `$MOTE_MODELS/<name>.mote`.
pub fn mote_file<N: Net>() -> AlignedBytes {
    let folder = std::env::var_os("MOTE_MODELS").expect("MOTE_MODELS names the folder of .mote files; use run.sh");
    let path = PathBuf::from(folder).join(format!("{}.mote", N::NAME));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    AlignedBytes::copy_of(&bytes)
}
