//! Names the kernels that the target has instructions for: on stable Rust, `target_feature = "dsp"` is never set.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    println!("cargo:rustc-check-cfg=cfg(kernel_arm_dsp, kernel_arm_v8m, kernel_thumb, kernel_armv6m, kernel_armv7m)");
    let target = std::env::var("TARGET").unwrap_or_default();
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // Armv8-M cores have the DSP extension or not; the Cortex-M33 as a target CPU has it.
    if target.starts_with("thumbv7em") || (target.starts_with("thumbv8m.main") && flags.contains("cortex-m33")) {
        println!("cargo:rustc-cfg=kernel_arm_dsp");
        if target.starts_with("thumbv8m") {
            println!("cargo:rustc-cfg=kernel_arm_v8m");
        }
    }
    for (architecture, kernel) in [("thumbv6m", "kernel_armv6m"), ("thumbv7m", "kernel_armv7m")] {
        if target.starts_with(architecture) {
            println!("cargo:rustc-cfg={kernel}");
            println!("cargo:rustc-cfg=kernel_thumb");
        }
    }
}
