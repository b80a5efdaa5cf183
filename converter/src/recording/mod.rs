//! What a network computed in full precision somewhere else: inputs, outputs and the result of every layer, for some samples.
//!
//! `converter/python` records it from PyTorch; its README is the specification of the file. Tensors are named `input/<name>`,
//! `output/<name>`, `layer/<module path>` and `label`, their first axis is the samples, and the file's metadata hold a
//! [`Manifest`]. Recordings that are too large for one file come in shards beside an index, each with some of the samples.

mod error;
mod manifest;
mod read;
#[cfg(test)]
mod tests;

pub use error::RecordingError;
pub use manifest::{LayerRecord, Manifest, Task, TensorRecord};
pub use read::{Chunk, Recording};

/// True if a file of this name may be a recording.
pub fn is_recording(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.ends_with(".safetensors") || name.ends_with(read::INDEX)
}
