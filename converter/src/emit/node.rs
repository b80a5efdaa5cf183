//! Which emitter writes which op.

use super::context::{Context, NodeContext};
use super::{
    EmitError, InstructionSource, conv2d, copy, elementwise, fully_connected, lstm, mean, pool, softmax, unary,
};
use crate::ir::{NodeId, Op};
use crate::plan::Bands;
use mote_runtime::format::{Instruction, instruction};

impl Context<'_> {
    /// Writes that the nodes of a chain, which follow, run in bands. It counts as an instruction of the last one.
    pub fn emit_bands(&mut self, chain: &Bands) {
        self.instructions.push(Instruction::Bands(instruction::Bands { count: chain.nodes.len() as u32 }));
        self.sources.push(InstructionSource { node: chain.last(), completes: None });
    }

    /// Writes the instructions of one node. None if its output is already where it should be.
    pub fn emit_node(&mut self, id: NodeId) -> Result<(), EmitError> {
        let node = &self.plan.quant.graph.nodes[id.0];
        let first = self.instructions.len();
        let mut context = NodeContext { context: self, id, node };
        let context = &mut context;
        match &node.op {
            Op::Conv2d { stride, dilation, pads, groups, activation } => {
                conv2d::emit(context, *stride, *dilation, *pads, *groups, *activation)
            }
            Op::ScaleShift => conv2d::emit_scale_shift(context),
            Op::FullyConnected { activation } => fully_connected::emit(context, *activation),
            Op::Add { activation } => elementwise::emit_add(context, *activation),
            Op::Sub { activation } => elementwise::emit_sub(context, *activation),
            Op::Mul { activation } => elementwise::emit_mul(context, *activation),
            Op::AveragePool2d { kernel, stride, dilation, pads, count_include_pad } => {
                let shape = pool::Shape { kernel: *kernel, stride: *stride, dilation: *dilation, pads: *pads };
                pool::emit_average(context, shape, *count_include_pad)
            }
            Op::MaxPool2d { kernel, stride, dilation, pads } => {
                let shape = pool::Shape { kernel: *kernel, stride: *stride, dilation: *dilation, pads: *pads };
                pool::emit_max(context, shape)
            }
            Op::Mean { axes, .. } => mean::emit(context, axes),
            Op::Pad { before, after, value } => copy::emit_pad(context, before, after, *value),
            Op::Softmax { axis } => softmax::emit(context, *axis),
            Op::Unary(function) => unary::emit(context, *function),
            Op::BatchNorm { .. } | Op::Dropout { .. } | Op::FakeQuantize { .. } => {
                Err(context.error("exists only before quantization: this is a bug"))
            }
            Op::Table { table, .. } => unary::emit_table(context, table),
            Op::Lstm { cell_clip } => lstm::emit(context, *cell_clip),
            Op::Concat { axis } => copy::emit_concat(context, *axis),
            Op::Slice { start, step, .. } => copy::emit_slice(context, start, step),
            Op::Reshape => copy::emit_whole(context),
            Op::Transpose { perm } => copy::emit_transpose(context, perm),
            Op::Quantize => unary::emit_quantize(context),
            Op::Dequantize => unary::emit_dequantize(context),
            Op::Requantize => unary::emit_requantize(context),
        }?;
        let complete = self.plan.bands_of(id).is_none_or(|chain| chain.last() == id);
        if let Some(last) = self.sources.get_mut(first..).and_then(|written| written.last_mut()).filter(|_| complete) {
            last.completes = Some(node.output);
        }
        Ok(())
    }
}
