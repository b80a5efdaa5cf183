//! Layers without their blocks of zero weights on the emulated boards: the bytes of dense ones.

use super::prune::pruned_digits;
use super::variants::{Variant, give_the_same_bytes};
use mote::emit::{EmitOptions, emit};
use mote::plan::{PlanOptions, plan_with};
use mote::quantize::QuantizeOptions;
use mote_runtime::Kernel;
use mote_runtime::format::Rounding;

#[test]
fn pruned_networks_give_the_bytes_of_dense_ones() {
    let variants =
        [(50, Rounding::Tflite), (75, Rounding::Single), (95, Rounding::Tflite)].map(|(percent, rounding)| {
            let (quant, _) = pruned_digits(percent, &QuantizeOptions::default());
            let [dense, file] = [false, true].map(|sparse| {
                let plan = plan_with(quant.clone(), &PlanOptions { sparse, ..PlanOptions::default() }).unwrap();
                emit(&plan, &EmitOptions { rounding, ..EmitOptions::default() }).unwrap().bytes
            });
            Variant { name: format!("{percent} % zeros"), dense, file, kernels: &[Kernel::Conv2dSparse] }
        });
    give_the_same_bytes(&variants);
}
