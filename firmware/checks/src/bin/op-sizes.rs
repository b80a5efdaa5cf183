//! `cargo run --release -p mote-firmware-checks --bin op-sizes`: the flash that each kernel costs on the reference board, as a
//! Markdown table. Each is linked alone; two that share code cost less than their sum.
#![forbid(unsafe_code)]

use mote_firmware_checks::{build_board_with, stored_bytes};
use mote_runtime::Kernel;
use std::process::ExitCode;

const BOARD: &str = "qemu-mps2-an386";

fn main() -> ExitCode {
    match table() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn table() -> Result<(), String> {
    let bytes = |kernels: &[Kernel]| {
        let image = build_board_with(BOARD, kernels)?;
        stored_bytes(&image).map_err(|error| error.to_string())
    };
    let base = bytes(&[])?;
    println!("| kernel | bytes |\n|---|--:|\n| none: the firmware, loading and checking | {base} |");
    // The firmware of the boards is built without the runtime's feature `f32`.
    for &kernel in Kernel::ALL.iter().filter(|kernel| !format!("{kernel:?}").ends_with("F32")) {
        println!("| `{kernel:?}` | {} |", bytes(&[kernel])?.saturating_sub(base));
    }
    Ok(())
}
