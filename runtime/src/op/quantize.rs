use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Quantize;

pub(crate) fn check(_op: &Quantize, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Quantize, _memory: &mut Memory) -> Option<()> {
    None
}
