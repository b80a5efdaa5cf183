//! What can be wrong with an ONNX file, each with what to do next.

pub use crate::import::error::UnsupportedNode;
use crate::import::error::{count, list};

/// Why an ONNX file was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ImportError {
    #[error("not an ONNX file: {reason}; expected a protobuf ModelProto as `torch.onnx.export` or tf2onnx write it")]
    NotOnnx { reason: String },

    #[error(
        "ONNX IR version {found} is not supported (3 to 13 are); re-export, or convert the file with `onnx.version_converter`"
    )]
    IrVersion { found: i64 },

    #[error(
        "opset {found} is not supported (7 to 22 are); re-export with `opset_version=17`, or convert the file with `onnx.version_converter`"
    )]
    Opset { found: i64 },

    #[error("the file names no opset of the default domain; re-export it with a current exporter")]
    NoOpset,

    #[error(
        "tensor `{tensor}` is stored outside the file (in `{location}`), which is not supported; \
         load and save the model with `onnx.save(model, path, save_as_external_data=False)`"
    )]
    ExternalData { tensor: String, location: String },

    #[error("tensor `{tensor}`: {reason}; the file is damaged or was written by a faulty exporter")]
    Tensor { tensor: String, reason: String },

    #[error("{what} has shape {shape:?}, more than {limit} elements; this importer is for small networks")]
    TooLarge { what: String, shape: Vec<i64>, limit: usize },

    #[error(
        "input `{input}` has the symbolic size `{dim}` on axis {axis}; give its shape with `--input-shape {input}={example}`"
    )]
    SymbolicDim { input: String, axis: usize, dim: String, example: String },

    #[error("input `{input}` has no shape in the file; give it with `--input-shape {input}=1,3,32,32`")]
    NoShape { input: String },

    #[error(
        "input `{input}` has a fixed batch of {batch}; the device runs one sample at a time: \
         re-export with batch 1 or a symbolic batch"
    )]
    Batch { input: String, batch: usize },

    #[error("input `{input}` has shape {file} in the file, which the given shape {given:?} contradicts")]
    InputShape { input: String, file: String, given: Vec<usize> },

    #[error("a shape is given for `{name}`, which is not an input; the inputs are: {inputs}")]
    NoSuchInput { name: String, inputs: String },

    #[error(
        "input `{input}` has element type {found}; float32, float16, int8, uint8, int32 and int64 are supported: \
         cast on the host, or re-export"
    )]
    InputType { input: String, found: String },

    #[error("the graph has no {what}")]
    NoPorts { what: &'static str },

    #[error("node `{node}` reads `{value}`, {why}")]
    Undefined { node: String, value: String, why: String },

    #[error("`{value}` is defined twice, the second time by {by}")]
    Duplicate { value: String, by: String },

    #[error("output `{output}` is made by no node")]
    UndefinedOutput { output: String },

    #[error("output `{output}` does not depend on any input; remove it from the model")]
    ConstantOutput { output: String },

    #[error("node `{node}`: attribute `{attribute}` {reason}")]
    Attribute { node: String, attribute: String, reason: String },

    #[error("node `{node}`: {op} needs {expected}, got {got}")]
    Arity { node: String, op: String, expected: String, got: usize },

    #[error("node `{node}`: {op} expects {expected}, got {got}")]
    Shape { node: String, op: String, expected: String, got: String },

    #[error("{} cannot be imported:\n{}", count(.0.len()), list(.0))]
    Unsupported(Vec<UnsupportedNode>),

    #[error("cross-check: the imported graph cannot be executed: {reason}")]
    Execute { reason: String },
}

/// Why one node was not lowered. Unsupported nodes are collected; anything else stops the import.
#[derive(Debug)]
pub(super) enum LowerError {
    /// Valid ONNX, but not expressible.
    Unsupported { reason: String, hint: String },
    /// The file is wrong.
    Fatal(ImportError),
}

impl From<ImportError> for LowerError {
    fn from(error: ImportError) -> Self {
        Self::Fatal(error)
    }
}

/// Shorthand for an unsupported node.
pub(super) fn unsupported<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, LowerError> {
    Err(LowerError::Unsupported { reason: reason.into(), hint: hint.into() })
}
