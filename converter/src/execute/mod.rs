//! The float meaning of every op, on burn tensors.
