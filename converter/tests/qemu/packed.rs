//! Layers with packed weights on the emulated boards: the bytes of dense ones.

use super::prune::pruned_digits;
use super::variants::{Variant, give_the_same_bytes};
use mote::emit::{EmitOptions, emit};
use mote::plan::{Compression, PackOptions, PlanOptions, Ram, plan_packed};
use mote::quantize::QuantizeOptions;
use mote_runtime::Kernel;
use mote_runtime::format::Rounding;

#[test]
fn packed_networks_give_the_bytes_of_dense_ones() {
    let all = || vec!["*".to_string()];
    let plain = QuantizeOptions::default();
    let int4 = QuantizeOptions { int4_weights: all(), ..QuantizeOptions::default() };
    let palette = |colours| QuantizeOptions { palette: Some(colours), ..QuantizeOptions::default() };
    let variants = [
        ("four bits", int4, Compression::None, Ram::Fastest, Rounding::Single),
        ("a palette of 16", palette(16), Compression::Smallest, Ram::Min, Rounding::Tflite),
        ("a palette of 5", palette(5), Compression::Smallest, Ram::Fastest, Rounding::Single),
        ("a code for eight bits", plain, Compression::Smallest, Ram::Min, Rounding::Single),
    ]
    .map(|(name, quantize, compression, ram, rounding)| {
        let (quant, _) = pruned_digits(0, &quantize);
        let packing = PackOptions { compression, int4: quantize.int4_weights };
        let [dense, file] = [PackOptions::default(), packing].map(|packing| {
            let options = PlanOptions { ram, ..PlanOptions::default() };
            let plan = plan_packed(quant.clone(), &options, &packing).unwrap();
            emit(&plan, &EmitOptions { rounding, ..EmitOptions::default() }).unwrap().bytes
        });
        assert!(file.len() < dense.len(), "{name}: {} bytes, {} dense", file.len(), dense.len());
        Variant { name: name.into(), dense, file, kernels: &[Kernel::Conv2dPacked, Kernel::FullyConnectedPacked] }
    });
    give_the_same_bytes(&variants);
}
