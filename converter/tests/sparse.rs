//! Networks with blocks of zero weights: stored and computed without them, with the same results, where that pays.

#[path = "support/prune.rs"]
mod prune;

use mote::emit::{EmitOptions, Emitted, emit};
use mote::inspect::Summary;
use mote::plan::{Plan, PlanOptions, Ram, Target, plan_with};
use mote::quantize::{QuantGraph, QuantizeOptions};
use mote::validate::Session;
use mote_runtime::format::{Instruction, Rounding};
use mote_runtime::{AlignedBytes, Model};
use prune::pruned_digits;

const DENSE: PlanOptions =
    PlanOptions { ram: Ram::Fastest, overlap: true, extra_flash: 0, sparse: false, target: Target::CortexM4 };
const SPARSE: PlanOptions = PlanOptions { sparse: true, ..DENSE };

fn converted(quant: &QuantGraph, options: &PlanOptions, rounding: Rounding) -> (Plan, Emitted) {
    let plan = plan_with(quant.clone(), options).unwrap();
    let emitted = emit(&plan, &EmitOptions { rounding, ..EmitOptions::default() }).unwrap();
    (plan, emitted)
}

/// How many instructions leave weights out.
fn sparse_layers(file: &[u8]) -> usize {
    let bytes = AlignedBytes::copy_of(file);
    let model = Model::load(&bytes).unwrap();
    model.instructions().filter(|i| matches!(i, Instruction::Conv2dSparse(_))).count()
}

fn outputs(file: &[u8], pictures: &[Vec<Vec<f32>>]) -> Vec<Vec<Vec<f32>>> {
    let session = Session::load(file.to_vec()).unwrap();
    let mut runner = session.runner().unwrap();
    pictures.iter().map(|arrays| runner.run(arrays).unwrap()).collect()
}

#[test]
fn pruned_layers_give_what_dense_ones_give() {
    for zero_percent in [50, 75, 90, 100] {
        let (quant, pictures) = pruned_digits(zero_percent, &QuantizeOptions::default());
        for rounding in [Rounding::Single, Rounding::Tflite] {
            let (dense_plan, dense) = converted(&quant, &DENSE, rounding);
            assert_eq!(sparse_layers(&dense.bytes), 0);
            let expected = outputs(&dense.bytes, &pictures);
            for ram in [Ram::Fastest, Ram::Min] {
                let (plan, sparse) = converted(&quant, &PlanOptions { ram, ..SPARSE }, rounding);
                let what = format!("{zero_percent} %, {rounding:?}, {ram:?}");
                assert!(sparse_layers(&sparse.bytes) > 0, "{what}");
                assert_eq!(outputs(&sparse.bytes, &pictures), expected, "{what}");
                assert!(sparse.bytes.len() < dense.bytes.len(), "{what}: {} bytes", sparse.bytes.len());
                assert!(plan.arena_bytes <= dense_plan.arena_bytes, "{what}: {} bytes of arena", plan.arena_bytes);
            }
        }
    }
}

#[test]
fn layers_with_few_zeros_stay_as_they_were() {
    for zero_percent in [0, 15] {
        let (quant, _) = pruned_digits(zero_percent, &QuantizeOptions::default());
        let [dense, sparse] = [&DENSE, &SPARSE].map(|options| converted(&quant, options, Rounding::Single));
        assert_eq!(sparse.1.bytes, dense.1.bytes, "{zero_percent} %");
    }
}

#[test]
fn winograds_convolution_is_chosen_only_where_it_is_faster_still() {
    let (quant, pictures) = pruned_digits(90, &QuantizeOptions::default());
    let (_, smallest) = converted(&quant, &SPARSE, Rounding::Single);
    let (plan, any_flash) = converted(&quant, &PlanOptions { extra_flash: u32::MAX, ..SPARSE }, Rounding::Single);
    assert!(plan.winograd.iter().zip(&plan.sparse).all(|(winograd, sparse)| !(winograd & sparse)));
    assert_eq!(sparse_layers(&any_flash.bytes), plan.sparse.iter().filter(|&&sparse| sparse).count());
    assert_eq!(outputs(&any_flash.bytes, &pictures), outputs(&smallest.bytes, &pictures));
}

#[test]
fn inspection_tells_the_share_of_zeros() {
    let (quant, _) = pruned_digits(75, &QuantizeOptions::default());
    let (_, emitted) = converted(&quant, &SPARSE, Rounding::Single);
    let summary = Summary::from_blob(&emitted.bytes).unwrap();
    let kernels = summary.instructions.iter().map(|instruction| &instruction.kernel);
    let (sparse, dense): (Vec<_>, Vec<_>) = kernels.partition(|kernel| kernel.starts_with("sparse"));
    assert_eq!(sparse.len(), sparse_layers(&emitted.bytes));
    for kernel in &sparse {
        assert!(kernel.contains("% zero: saves about"), "{kernel}");
    }
    assert!(dense.iter().all(|kernel| !kernel.contains("% zero")), "{dense:?}");
}
