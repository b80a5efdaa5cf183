use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Dequantize;

pub(crate) fn check(_op: &Dequantize, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Dequantize, _memory: &mut Memory) -> Option<()> {
    None
}
