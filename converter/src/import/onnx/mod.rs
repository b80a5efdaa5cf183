//! ONNX, through tract-onnx's protobuf.
