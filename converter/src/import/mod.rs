//! `file -> ir::Graph`: one importer a source format.

pub mod onnx;
