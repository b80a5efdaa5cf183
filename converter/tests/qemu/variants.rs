//! The same network in two files, one of which has other kernels.

use super::{Noise, SAMPLES, boards, in_parallel};
use mote::bench;
use mote_runtime::{AlignedBytes, Kernel, Model};
use std::sync::Mutex;

/// One of each kind of kernels: with DSP, without, Armv6-M, and the portable ones.
const BOARDS: [&str; 4] = ["qemu-mps2-an386", "qemu-mps2-an385", "qemu-mps2-an385-m0plus", "qemu-riscv32-virt"];

pub struct Variant {
    pub name: String,
    /// With the kernels that every network has.
    pub dense: Vec<u8>,
    /// With `kernels`.
    pub file: Vec<u8>,
    pub kernels: &'static [Kernel],
}

/// That each file gives, on the host and on the boards, what its dense one gives on the host.
pub fn give_the_same_bytes(variants: &[Variant]) {
    let boards = boards(Some(&BOARDS));
    let mut cases = Vec::new();
    for (seed, variant) in (1..).zip(variants) {
        let blob = AlignedBytes::copy_of(&variant.file);
        let model = Model::load(&blob).unwrap();
        for &kernel in variant.kernels {
            assert!(model.kernels().contains(kernel), "{}: no {kernel:?}", variant.name);
        }
        let bytes = model.inputs()[0].elements().unwrap();
        let mut noise = Noise(seed);
        let samples: Vec<Vec<u8>> = (0..SAMPLES).map(|_| (0..bytes).map(|_| noise.byte()).collect()).collect();
        let expected = bench::host_outputs(&variant.dense, &samples).unwrap();
        assert_eq!(bench::host_outputs(&variant.file, &samples).unwrap(), expected, "{} on the host", variant.name);
        cases.push((variant, samples, expected));
    }
    let pairs: Vec<_> = boards.iter().flat_map(|board| cases.iter().map(move |case| (board, case))).collect();
    let failures = Mutex::new(Vec::new());
    in_parallel(&pairs, |(board, (variant, samples, expected))| {
        let what = match bench::run_inputs(board, &variant.file, samples) {
            Ok(report) => bench::first_difference(&report.outputs, expected).map(|at| format!("differs at {at:?}")),
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = what {
            failures.lock().unwrap().push(format!("{} on {}: {what}", variant.name, board.name));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), pairs.len(), failures.join("\n"));
}
