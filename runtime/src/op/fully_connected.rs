use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::FullyConnected;

pub(crate) fn check(_op: &FullyConnected, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &FullyConnected, _memory: &mut Memory) -> Option<()> {
    None
}
