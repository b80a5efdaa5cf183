//! From an instruction to its kernel: one table, from which decoding, checking and running follow.
//!
//! Guards are constants of the chosen [`Ops`], so that the compiler drops what is not chosen: kernels, checks, and the
//! decoders of their operands, which are not small.

use super::scales::needs_any_factor;
use super::{Limits, Memory};
use crate::error::Fault;
use crate::format::Instruction;
use crate::format::decode::{Decode, Reader};
use crate::format::instruction::{Conv2dPacked, Conv2dSparse, FullyConnectedPacked};
use crate::ops::{Kernels, Ops};

macro_rules! kernels {
    ($($(#[$cfg:meta])* $kind:ident = $index:literal in $($module:ident)::+ $(with $ops:ident)?;)*) => {
        /// A kind of instruction, by its name in [`Instruction`]; and the code for rare forms of some.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[allow(missing_docs, reason = "documented at the variants' parameters in `format::instruction`")]
        pub enum Kernel {
            $($kind = $index,)*
            /// Convolutions and fully connected layers with a factor of about a half and more or below `2^-24`, a bias of
            /// `2^29` and more, or more than 16384 products in a sum.
            AnyFactor = 62,
            /// Depthwise convolutions without scratch memory.
            DepthwiseDirect = 63,
        }

        impl Kernel {
            /// Every kernel, in the order of their numbers in a file.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)* Self::AnyFactor, Self::DepthwiseDirect];
        }

        impl Instruction {
            /// The kernel that runs it.
            pub const fn kernel(&self) -> Kernel {
                match self { $(Self::$kind(_) => Kernel::$kind,)* }
            }
        }

        /// Reads the next instruction. `None` if its kernel is not chosen, or it does not exist, and then the reader has
        /// failed. What comes back from a reader that has failed must not be used.
        #[inline(never)]
        pub(crate) fn decode<O: Ops>(from: &mut Reader) -> Option<Instruction> {
            match from.u32() {
                $($(#[$cfg])* $index if O::KERNELS.contains(Kernel::$kind) => {
                    Some(Instruction::$kind(Decode::decode(from)))
                })*
                $($index => None,)*
                _ => {
                    from.fail();
                    None
                }
            }
        }

        /// Every rule of the instruction's kernel; see [`crate::Model::load`].
        pub(crate) fn check<O: Ops>(instruction: &Instruction, limits: &Limits) -> Result<(), Fault> {
            match instruction {
                $($(#[$cfg])* Instruction::$kind(op) if O::KERNELS.contains(Kernel::$kind) => {
                    super::$($module)::+::check$(::<$ops>)?(op, limits)
                })*
                #[allow(unreachable_patterns)]
                _ => Err(Fault::Unsupported),
            }
        }

        /// Runs one instruction. `None` if an operand could not be fetched, which `check` excludes.
        ///
        /// Always inlined, so that for a constant instruction all kernels but one fall away.
        #[inline(always)]
        pub(crate) fn run<O: Ops>(instruction: &Instruction, memory: &mut Memory) -> Option<()> {
            match instruction {
                $($(#[$cfg])* Instruction::$kind(op) if O::KERNELS.contains(Kernel::$kind) => {
                    super::$($module)::+::run$(::<$ops>)?(op, memory)
                })*
                #[allow(unreachable_patterns)]
                _ => None,
            }
        }
    };
}

kernels! {
    Conv2d = 0 in conv2d with O;
    DepthwiseConv2d = 1 in depthwise_conv2d with O;
    FullyConnected = 2 in fully_connected with O;
    Add = 3 in add;
    Mul = 4 in mul;
    AveragePool2d = 5 in average_pool2d;
    MaxPool2d = 6 in max_pool2d;
    Mean = 7 in mean;
    Softmax = 8 in softmax;
    Lookup = 9 in lookup;
    Requantize = 10 in requantize;
    Quantize = 11 in quantize;
    Dequantize = 12 in dequantize;
    Pad = 13 in pad;
    StridedCopy = 14 in strided_copy;
    Transpose = 15 in transpose;
    #[cfg(feature = "f32")] Conv2dF32 = 16 in f32::conv2d;
    #[cfg(feature = "f32")] FullyConnectedF32 = 17 in f32::fully_connected;
    #[cfg(feature = "f32")] AddF32 = 18 in f32::add;
    #[cfg(feature = "f32")] MulF32 = 19 in f32::mul;
    #[cfg(feature = "f32")] AveragePool2dF32 = 20 in f32::average_pool2d;
    #[cfg(feature = "f32")] MaxPool2dF32 = 21 in f32::max_pool2d;
    #[cfg(feature = "f32")] MeanF32 = 22 in f32::mean;
    #[cfg(feature = "f32")] SoftmaxF32 = 23 in f32::softmax;
    #[cfg(feature = "f32")] UnaryF32 = 24 in f32::unary;
    Lstm = 25 in lstm;
    Sub = 26 in sub;
    #[cfg(feature = "f32")] LstmF32 = 27 in f32::lstm;
    Conv2dWinograd = 28 in conv2d_winograd with O;
    Conv2dI16 = 29 in int16::conv2d;
    DepthwiseConv2dI16 = 30 in int16::depthwise_conv2d;
    FullyConnectedI16 = 31 in int16::fully_connected;
    AddI16 = 32 in int16::add;
    MulI16 = 33 in int16::mul;
    AveragePool2dI16 = 34 in int16::average_pool2d;
    MaxPool2dI16 = 35 in int16::max_pool2d;
    MeanI16 = 36 in int16::mean;
    SoftmaxI16 = 37 in int16::softmax;
    LookupI16 = 38 in int16::lookup;
    SigmoidI16 = 39 in int16::sigmoid;
    RescaleI16 = 40 in int16::rescale;
    WidenI8 = 41 in int16::widen;
    NarrowI16 = 42 in int16::narrow;
    QuantizeI16 = 43 in int16::quantize;
    DequantizeI16 = 44 in int16::dequantize;
    Bands = 45 in bands::header;
    Conv2dSparse = 46 in conv2d_sparse with O;
    Conv2dPacked = 47 in conv2d_packed with O;
    FullyConnectedPacked = 48 in fully_connected_packed with O;
}

/// Every kernel that a checked instruction needs: its own, and those of rare forms.
pub(crate) fn needs(instruction: &Instruction, limits: &Limits) -> Kernels {
    let kernels = Kernels::of(&[instruction.kernel()]);
    let (any_factor, direct) = match instruction {
        Instruction::Conv2d(op) | Instruction::Conv2dPacked(Conv2dPacked { conv: op, .. }) => {
            (needs_any_factor(&op.requantize, op.y_shape.c, op.row_bytes().unwrap_or(u32::MAX), limits), false)
        }
        Instruction::Conv2dSparse(Conv2dSparse { conv: op, .. }) => {
            (needs_any_factor(&op.requantize, op.y_shape.c, op.row_bytes().unwrap_or(u32::MAX), limits), false)
        }
        Instruction::Conv2dWinograd(op) => {
            (needs_any_factor(&op.requantize, op.y_shape.c, op.taps().unwrap_or(u32::MAX), limits), false)
        }
        Instruction::DepthwiseConv2d(op) => {
            let taps = op.window.kernel_h.saturating_mul(op.window.kernel_w);
            (needs_any_factor(&op.requantize, op.y_shape.c, taps, limits), op.scratch_bytes == 0)
        }
        Instruction::FullyConnected(op) | Instruction::FullyConnectedPacked(FullyConnectedPacked { dense: op, .. }) => {
            (needs_any_factor(&op.requantize, op.out_n, op.in_n, limits), false)
        }
        _ => (false, false),
    };
    let kernels = if any_factor { kernels.with(Kernel::AnyFactor) } else { kernels };
    if direct { kernels.with(Kernel::DepthwiseDirect) } else { kernels }
}

/// As [`run`], of instructions that are only known when they run: one copy of all kernels, whoever calls it.
#[inline(never)]
pub(crate) fn run_decoded<O: Ops>(instruction: &Instruction, memory: &mut Memory) -> Option<()> {
    run::<O>(instruction, memory)
}

/// True if the instruction keeps something between runs.
pub(crate) fn has_state<O: Ops>(instruction: &Instruction) -> bool {
    match instruction {
        Instruction::Lstm(_) => O::KERNELS.contains(Kernel::Lstm),
        #[cfg(feature = "f32")]
        Instruction::LstmF32(_) => O::KERNELS.contains(Kernel::LstmF32),
        _ => false,
    }
}

/// Sets what the instruction keeps between runs to its initial value; most keep nothing.
#[inline(always)]
pub(crate) fn reset<O: Ops>(instruction: &Instruction, memory: &mut Memory) -> Option<()> {
    match instruction {
        Instruction::Lstm(op) if O::KERNELS.contains(Kernel::Lstm) => super::lstm::reset(op, memory),
        #[cfg(feature = "f32")]
        Instruction::LstmF32(op) if O::KERNELS.contains(Kernel::LstmF32) => super::f32::lstm::reset(op, memory),
        _ => Some(()),
    }
}
