//! Bytes to a protobuf model whose versions are known.

use prost::Message;
use tract_onnx::pb;

use super::ImportError;

/// IR versions that hold opsets 7 to 22, and later ones that changed nothing this importer reads.
const IR_VERSIONS: std::ops::RangeInclusive<i64> = 3..=13;
const OPSETS: std::ops::RangeInclusive<i64> = 7..=22;

/// Decodes a file and checks its versions. Returns the model and the opset of the default domain.
pub(super) fn decode(bytes: &[u8]) -> Result<(pb::ModelProto, i64), ImportError> {
    if bytes.is_empty() {
        return Err(ImportError::NotOnnx { reason: "the file is empty".into() });
    }
    let model = pb::ModelProto::decode(bytes)
        .map_err(|e| ImportError::NotOnnx { reason: format!("{e} (or it is truncated)") })?;
    if model.graph.is_none() || model.ir_version == 0 {
        return Err(ImportError::NotOnnx { reason: "it holds no graph (or it is truncated)".into() });
    }
    if !IR_VERSIONS.contains(&model.ir_version) {
        return Err(ImportError::IrVersion { found: model.ir_version });
    }
    let default = model.opset_import.iter().filter(|o| is_default_domain(&o.domain)).map(|o| o.version).max();
    let opset = default.ok_or(ImportError::NoOpset)?;
    if !OPSETS.contains(&opset) {
        return Err(ImportError::Opset { found: opset });
    }
    Ok((model, opset))
}

/// True for the domain of the standard operators.
pub(super) fn is_default_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}
