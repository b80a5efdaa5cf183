use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Requantize;

pub(crate) fn check(_op: &Requantize, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Requantize, _memory: &mut Memory) -> Option<()> {
    None
}
