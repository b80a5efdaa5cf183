use crate::error::Fault;
use crate::format::instruction::FullyConnectedF32;
use crate::op::{Limits, Memory};

pub(crate) fn check(_op: &FullyConnectedF32, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &FullyConnectedF32, _memory: &mut Memory) -> Option<()> {
    None
}
