//! Did anything grow?

use mote_firmware_checks::{
    Archive, Budgets, build_board, build_board_with, build_engine_run, emulated_boards, firmware_folder, stored_bytes,
};
use mote_runtime::Kernel;

/// The kernels of two networks of MLPerf Tiny: keyword spotting and anomaly detection.
const NETWORKS: [(&str, &[Kernel]); 2] = [
    ("kws", &[Kernel::Conv2d, Kernel::DepthwiseConv2d, Kernel::AveragePool2d, Kernel::FullyConnected, Kernel::Softmax]),
    ("ad", &[Kernel::FullyConnected]),
];

/// `MOTE_ACCEPT=1` writes the new numbers.
#[test]
fn images_stay_within_three_percent_of_their_budgets() {
    let mut budgets =
        Budgets::read(firmware_folder().join("size-budget.txt")).unwrap_or_else(|error| panic!("{error}"));
    for target in ["thumbv6m-none-eabi", "thumbv7em-none-eabihf"] {
        let library = build_engine_run(target).unwrap_or_else(|error| panic!("{error}"));
        let reached = Archive::read(&library).unwrap().reach("mote_engine_run").expect("the root function");
        budgets.measured(&format!("engine-run-{target}"), reached.bytes);
    }
    for board in emulated_boards().unwrap() {
        let image = build_board(&board).unwrap_or_else(|error| panic!("{error}"));
        budgets.measured(&board, stored_bytes(&image).unwrap());
    }
    for (network, kernels) in NETWORKS {
        let image = build_board_with("qemu-mps2-an386", kernels).unwrap_or_else(|error| panic!("{error}"));
        budgets.measured(&format!("qemu-mps2-an386-{network}"), stored_bytes(&image).unwrap());
    }
    let accept = std::env::var_os("MOTE_ACCEPT").is_some_and(|value| value == "1");
    budgets.verdict(accept).unwrap_or_else(|error| panic!("{error}\nMOTE_ACCEPT=1 accepts the new sizes"));
}
