use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Mean;

pub(crate) fn check(_op: &Mean, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Mean, _memory: &mut Memory) -> Option<()> {
    None
}
