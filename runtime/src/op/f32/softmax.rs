use crate::error::Fault;
use crate::format::instruction::SoftmaxF32;
use crate::op::{Limits, Memory};

pub(crate) fn check(_op: &SoftmaxF32, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &SoftmaxF32, _memory: &mut Memory) -> Option<()> {
    None
}
