use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Pad;

pub(crate) fn check(_op: &Pad, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Pad, _memory: &mut Memory) -> Option<()> {
    None
}
