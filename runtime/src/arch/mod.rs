//! Inner loops. Every file here exports the same safe functions; [`portable`] is the meaning, and the one that every
//! target has.

mod portable;

pub(crate) use portable::{dot_offset_i8, dot_offset_i8x4, multiply_add_offset_i8};
