//! Layers without their blocks of zero weights on the emulated boards: the bytes of dense ones.

use super::prune::pruned_digits;
use super::{Noise, SAMPLES, boards, in_parallel};
use mote::bench;
use mote::emit::{EmitOptions, emit};
use mote::plan::{PlanOptions, plan_with};
use mote_runtime::format::Rounding;
use mote_runtime::{AlignedBytes, Kernel, Model};
use std::sync::Mutex;

const BOARDS: [&str; 3] = ["qemu-mps2-an386", "qemu-mps2-an385", "qemu-mps2-an385-m0plus"];

#[test]
fn pruned_networks_give_the_bytes_of_dense_ones() {
    let boards = boards(Some(&BOARDS));
    let mut cases = Vec::new();
    for (zero_percent, rounding) in [(50, Rounding::Tflite), (75, Rounding::Single), (95, Rounding::Tflite)] {
        let (quant, _) = pruned_digits(zero_percent);
        let [dense, sparse] = [false, true].map(|sparse| {
            let plan = plan_with(quant.clone(), &PlanOptions { sparse, ..PlanOptions::default() }).unwrap();
            emit(&plan, &EmitOptions { rounding, ..EmitOptions::default() }).unwrap().bytes
        });
        let blob = AlignedBytes::copy_of(&sparse);
        let model = Model::load(&blob).unwrap();
        assert!(model.kernels().contains(Kernel::Conv2dSparse), "{zero_percent} %");
        let bytes = model.inputs()[0].elements().unwrap();
        let mut noise = Noise(zero_percent as u32);
        let samples: Vec<Vec<u8>> = (0..SAMPLES).map(|_| (0..bytes).map(|_| noise.byte()).collect()).collect();
        let expected = bench::host_outputs(&dense, &samples).unwrap();
        assert_eq!(bench::host_outputs(&sparse, &samples).unwrap(), expected, "{zero_percent} % on the host");
        cases.push((zero_percent, sparse, samples, expected));
    }
    let pairs: Vec<_> = boards.iter().flat_map(|board| cases.iter().map(move |case| (board, case))).collect();
    let failures = Mutex::new(Vec::new());
    in_parallel(&pairs, |(board, (zero_percent, file, samples, expected))| {
        let what = match bench::run_inputs(board, file, samples) {
            Ok(report) => bench::first_difference(&report.outputs, expected).map(|at| format!("differs at {at:?}")),
            Err(error) => Some(error.to_string()),
        };
        if let Some(what) = what {
            failures.lock().unwrap().push(format!("{zero_percent} % on {}: {what}", board.name));
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), pairs.len(), failures.join("\n"));
}
