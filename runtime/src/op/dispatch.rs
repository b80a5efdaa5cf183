//! From an instruction to its kernel, and nothing else.

use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::Instruction;

/// Every rule of the instruction's kernel; see [`crate::Model::load`].
pub(crate) fn check(instruction: &Instruction, limits: &Limits) -> Result<(), Fault> {
    match instruction {
        Instruction::Conv2d(op) => super::conv2d::check(op, limits),
        Instruction::DepthwiseConv2d(op) => super::depthwise_conv2d::check(op, limits),
        Instruction::FullyConnected(op) => super::fully_connected::check(op, limits),
        Instruction::Add(op) => super::add::check(op, limits),
        Instruction::Mul(op) => super::mul::check(op, limits),
        Instruction::AveragePool2d(op) => super::average_pool2d::check(op, limits),
        Instruction::MaxPool2d(op) => super::max_pool2d::check(op, limits),
        Instruction::Mean(op) => super::mean::check(op, limits),
        Instruction::Softmax(op) => super::softmax::check(op, limits),
        Instruction::Lookup(op) => super::lookup::check(op, limits),
        Instruction::Requantize(op) => super::requantize::check(op, limits),
        Instruction::Quantize(op) => super::quantize::check(op, limits),
        Instruction::Dequantize(op) => super::dequantize::check(op, limits),
        Instruction::Pad(op) => super::pad::check(op, limits),
        Instruction::StridedCopy(op) => super::strided_copy::check(op, limits),
        Instruction::Transpose(op) => super::transpose::check(op, limits),
        Instruction::Conv2dF32(_)
        | Instruction::FullyConnectedF32(_)
        | Instruction::AddF32(_)
        | Instruction::MulF32(_)
        | Instruction::AveragePool2dF32(_)
        | Instruction::MaxPool2dF32(_)
        | Instruction::MeanF32(_)
        | Instruction::SoftmaxF32(_)
        | Instruction::UnaryF32(_) => check_f32(instruction, limits),
    }
}

/// Runs one instruction. `None` if an operand could not be fetched, which `check` excludes.
#[inline]
pub(crate) fn run(instruction: &Instruction, memory: &mut Memory) -> Option<()> {
    match instruction {
        Instruction::Conv2d(op) => super::conv2d::run(op, memory),
        Instruction::DepthwiseConv2d(op) => super::depthwise_conv2d::run(op, memory),
        Instruction::FullyConnected(op) => super::fully_connected::run(op, memory),
        Instruction::Add(op) => super::add::run(op, memory),
        Instruction::Mul(op) => super::mul::run(op, memory),
        Instruction::AveragePool2d(op) => super::average_pool2d::run(op, memory),
        Instruction::MaxPool2d(op) => super::max_pool2d::run(op, memory),
        Instruction::Mean(op) => super::mean::run(op, memory),
        Instruction::Softmax(op) => super::softmax::run(op, memory),
        Instruction::Lookup(op) => super::lookup::run(op, memory),
        Instruction::Requantize(op) => super::requantize::run(op, memory),
        Instruction::Quantize(op) => super::quantize::run(op, memory),
        Instruction::Dequantize(op) => super::dequantize::run(op, memory),
        Instruction::Pad(op) => super::pad::run(op, memory),
        Instruction::StridedCopy(op) => super::strided_copy::run(op, memory),
        Instruction::Transpose(op) => super::transpose::run(op, memory),
        Instruction::Conv2dF32(_)
        | Instruction::FullyConnectedF32(_)
        | Instruction::AddF32(_)
        | Instruction::MulF32(_)
        | Instruction::AveragePool2dF32(_)
        | Instruction::MaxPool2dF32(_)
        | Instruction::MeanF32(_)
        | Instruction::SoftmaxF32(_)
        | Instruction::UnaryF32(_) => run_f32(instruction, memory),
    }
}

#[cfg(feature = "f32")]
fn check_f32(instruction: &Instruction, limits: &Limits) -> Result<(), Fault> {
    use super::f32;
    match instruction {
        Instruction::Conv2dF32(op) => f32::conv2d::check(op, limits),
        Instruction::FullyConnectedF32(op) => f32::fully_connected::check(op, limits),
        Instruction::AddF32(op) => f32::add::check(op, limits),
        Instruction::MulF32(op) => f32::mul::check(op, limits),
        Instruction::AveragePool2dF32(op) => f32::average_pool2d::check(op, limits),
        Instruction::MaxPool2dF32(op) => f32::max_pool2d::check(op, limits),
        Instruction::MeanF32(op) => f32::mean::check(op, limits),
        Instruction::SoftmaxF32(op) => f32::softmax::check(op, limits),
        Instruction::UnaryF32(op) => f32::unary::check(op, limits),
        _ => Err(Fault::Unsupported),
    }
}

#[cfg(feature = "f32")]
fn run_f32(instruction: &Instruction, memory: &mut Memory) -> Option<()> {
    use super::f32;
    match instruction {
        Instruction::Conv2dF32(op) => f32::conv2d::run(op, memory),
        Instruction::FullyConnectedF32(op) => f32::fully_connected::run(op, memory),
        Instruction::AddF32(op) => f32::add::run(op, memory),
        Instruction::MulF32(op) => f32::mul::run(op, memory),
        Instruction::AveragePool2dF32(op) => f32::average_pool2d::run(op, memory),
        Instruction::MaxPool2dF32(op) => f32::max_pool2d::run(op, memory),
        Instruction::MeanF32(op) => f32::mean::run(op, memory),
        Instruction::SoftmaxF32(op) => f32::softmax::run(op, memory),
        Instruction::UnaryF32(op) => f32::unary::run(op, memory),
        _ => None,
    }
}

#[cfg(not(feature = "f32"))]
fn check_f32(_: &Instruction, _: &Limits) -> Result<(), Fault> {
    Err(Fault::Unsupported)
}

#[cfg(not(feature = "f32"))]
fn run_f32(_: &Instruction, _: &mut Memory) -> Option<()> {
    None
}
