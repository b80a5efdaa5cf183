//! How long does a model take on a target, and how much memory does it need there?
//!
//! The target is one of `firmware/boards`. Its image is built with the kernels that the model uses; the model and the inputs
//! are placed in the emulated machine's memory beside it. [`measure`] is the whole of it.

mod boards;
mod cargo;
mod cycles;
mod error;
mod figures;
mod host;
mod image;
mod job;
mod measure;
mod provenance;
mod qemu;
mod stream;

pub use boards::{Board, BoardClock, BoardMemory, BoardProbe, BoardStore, QemuMachine, firmware_folder};
pub use cargo::{build_image, build_image_for};
pub use cycles::{CycleModel, Cycles, estimate_cycles};
pub use error::BenchError;
pub use figures::{Cost, Figures};
pub use host::{Outputs, first_difference, host_outputs};
pub use image::Image;
pub use job::{Actions, Job, stored_samples};
pub use measure::{InstructionMeasurement, Measurement, measure};
pub use provenance::versions;
pub use qemu::{Clock, DEFAULT_TIME_LIMIT, run, run_inputs};
pub use stream::{DeviceReport, StackUsed};
