use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Lookup;

pub(crate) fn check(_op: &Lookup, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Lookup, _memory: &mut Memory) -> Option<()> {
    None
}
