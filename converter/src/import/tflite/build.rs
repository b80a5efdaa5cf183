//! The walk over the file's operators.

use super::error::{LowerError, UnsupportedNode};
use super::file::{ElementType, File, Operator};
use super::lowering::Lowering;
use super::{ImportError, Imported, operators};
use crate::import::{ImportOptions, Network};
use crate::ir::{DType, Graph, Port, ValueId};
use mote_runtime::format::Rounding;

pub(super) fn build(file: &File, options: &ImportOptions) -> Result<Imported, ImportError> {
    if let Some(name) = options.input_shapes.keys().next() {
        return Err(ImportError::InputShape { name: name.clone() });
    }
    let mut cx = Lowering::new(file);
    let mut refused = Vec::new();
    for &tensor in &file.inputs {
        let info = cx.tensor(tensor)?;
        if let Some(&batch) =
            info.shape.first().filter(|&&n| n > 1 && info.shape.len() > 1 && options.require_batch_one)
        {
            return Err(ImportError::Batch { input: info.name.clone(), batch });
        }
        match cx.declare(tensor) {
            Ok(id) => {
                let port = port(&cx, id, tensor)?;
                cx.graph.inputs.push(port);
            }
            Err(LowerError::Fatal(error)) => return Err(error),
            Err(LowerError::Unsupported { reason, hint }) => {
                refused.push(UnsupportedNode { name: info.name.clone(), op: "input".into(), reason, hint });
                cx.unknown[tensor] = true;
            }
        }
    }
    add_operators(&mut cx, file, &mut refused)?;
    if !refused.is_empty() {
        return Err(ImportError::Unsupported(refused));
    }
    for &tensor in &file.outputs {
        let info = cx.tensor(tensor)?;
        let Some(Some(id)) = cx.values.get(tensor).copied() else {
            return Err(info.error("is an output that nothing makes"));
        };
        if cx.graph.constant(id).is_some() {
            return Err(ImportError::ConstantOutput { output: info.name.clone() });
        }
        let port = port(&cx, id, tensor)?;
        cx.graph.outputs.push(port);
    }
    let (quant, tensors) = cx.finish();
    crate::ir::verify(&quant.graph).map_err(Box::new)?;
    let float = computed(&quant.graph).all(|id| quant.graph.value(id).dtype == DType::F32);
    let network = match float {
        true => Network::Float(quant.graph),
        false => Network::Quantized { quant, rounding: Rounding::Tflite },
    };
    Ok(Imported { network, producer: file.description.clone(), warnings: Vec::new(), tensors })
}

/// Inputs and results.
fn computed(graph: &Graph) -> impl Iterator<Item = ValueId> {
    graph.inputs.iter().map(|p| p.value).chain(graph.nodes.iter().map(|n| n.output))
}

fn port(cx: &Lowering, value: ValueId, tensor: usize) -> Result<Port, ImportError> {
    let info = cx.tensor(tensor)?;
    Ok(Port {
        value,
        name: info.name.clone(),
        source_shape: info.shape.clone(),
        source_dtype: match info.dtype {
            ElementType::I8 => DType::I8,
            ElementType::I16 => DType::I16,
            _ => DType::F32,
        },
        source_axes: (0..info.shape.len()).collect(),
    })
}

/// Operators that some output depends on.
fn needed(file: &File) -> Vec<bool> {
    let mut wanted = vec![false; file.tensors.len()];
    let want = |wanted: &mut Vec<bool>, tensor: usize| wanted.iter_mut().skip(tensor).take(1).for_each(|w| *w = true);
    file.outputs.iter().for_each(|&t| want(&mut wanted, t));
    let mut needed = vec![false; file.operators.len()];
    for (op, needed) in file.operators.iter().zip(&mut needed).rev() {
        *needed = op.outputs.iter().any(|&t| wanted.get(t).copied().unwrap_or(false));
        if *needed {
            op.inputs.iter().flatten().for_each(|&t| want(&mut wanted, t));
        }
    }
    needed
}

fn add_operators(cx: &mut Lowering, file: &File, refused: &mut Vec<UnsupportedNode>) -> Result<(), ImportError> {
    for (op, _) in file.operators.iter().zip(needed(file)).filter(|(_, needed)| *needed) {
        let blocked = op.inputs.iter().flatten().any(|&t| cx.unknown.get(t).copied().unwrap_or(false));
        let lowered = match operators::find(op.code) {
            Some(_) if blocked => Err(None),
            Some(lower) => lower(cx, op).map_err(Some),
            None => Err(Some(not_known(op))),
        };
        match lowered {
            Ok(()) => {}
            // What follows a refused operator is not complete, so that only the refusals count.
            Err(Some(LowerError::Fatal(_))) if !refused.is_empty() => {}
            Err(Some(LowerError::Fatal(error))) => return Err(error),
            Err(Some(LowerError::Unsupported { reason, hint })) => {
                let name =
                    op.outputs.first().and_then(|&t| file.tensors.get(t)).map_or(String::new(), |t| t.name.clone());
                refused.push(UnsupportedNode { name, op: label(op), reason, hint });
            }
            Err(None) => {}
        }
        if !refused.is_empty() {
            for &tensor in &op.outputs {
                if cx.values.get(tensor).is_some_and(Option::is_none) {
                    cx.unknown.iter_mut().skip(tensor).take(1).for_each(|u| *u = true);
                }
            }
        }
    }
    Ok(())
}

fn label(op: &Operator) -> String {
    match &op.custom {
        Some(custom) => format!("CUSTOM {custom}"),
        None => operators::name(op.code),
    }
}

fn not_known(op: &Operator) -> LowerError {
    let (reason, hint) = match &op.custom {
        Some(_) => {
            ("custom operators are not supported", "compute it on the host or in firmware, and cut the network there")
        }
        None => (
            "this operator is not supported",
            "replace it in the network (the README lists what is supported), or cut the network before it",
        ),
    };
    LowerError::Unsupported { reason: reason.into(), hint: hint.into() }
}
