use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::instruction::Softmax;

pub(crate) fn check(_op: &Softmax, _limits: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

pub(crate) fn run(_op: &Softmax, _memory: &mut Memory) -> Option<()> {
    None
}
