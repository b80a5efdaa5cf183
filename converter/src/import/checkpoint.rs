//! Float checkpoints: safetensors files that hold a graph beside its weights.

use crate::ir::{Graph, VerifyError, io, verify};

/// Why a file is no usable checkpoint.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum CheckpointError {
    #[error(transparent)]
    Load(#[from] io::LoadError),
    #[error("the graph in the checkpoint is not valid: {0}")]
    Verify(Box<VerifyError>),
}

/// True if the bytes start as a safetensors file does: the length of a header, then the header, which is JSON.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length) <= rest.len() as u64
}

/// Reads the graph.
pub fn import(bytes: &[u8]) -> Result<Graph, CheckpointError> {
    let graph = io::load(bytes)?;
    verify(&graph).map_err(|e| CheckpointError::Verify(Box::new(e)))?;
    Ok(graph)
}
