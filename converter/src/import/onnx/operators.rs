//! Which operator is lowered where, and what to do about those that are not.

use super::decode::is_default_domain;
use super::error::UnsupportedNode;
use super::lowering::{Lowered, Lowering};
use super::node::Node;
use super::{
    conv2d, elementwise, fold, fully_connected, normalization, pool, quantized, reduce, shape, slice, softmax, unary,
};

/// Adds one node of the file to the graph.
pub(super) type Lower = for<'a, 'b> fn(&'b mut Lowering<'a>, &'b Node<'a>) -> Lowered;

/// Every supported operator of the default domain.
const OPERATORS: &[(&str, Lower)] = &[
    ("Abs", unary::unary),
    ("Add", elementwise::add),
    ("And", fold::constants_only),
    ("AveragePool", pool::average_pool),
    ("BatchNormalization", normalization::batch_normalization),
    ("Cast", unary::cast),
    ("Ceil", unary::unary),
    ("Celu", unary::celu),
    ("Clip", unary::clip),
    ("Concat", shape::concat),
    ("Constant", fold::constants_only),
    ("ConstantOfShape", fold::constants_only),
    ("Conv", conv2d::conv),
    ("Cos", unary::unary),
    ("DepthToSpace", shape::depth_to_space),
    ("DequantizeLinear", quantized::dequantize),
    ("Div", elementwise::div),
    ("Dropout", normalization::dropout),
    ("Elu", unary::unary),
    ("Equal", fold::constants_only),
    ("Erf", unary::unary),
    ("Exp", unary::unary),
    ("Expand", shape::expand),
    ("Flatten", shape::flatten),
    ("Floor", unary::unary),
    ("Gather", slice::gather),
    ("Gelu", unary::unary),
    ("Gemm", fully_connected::gemm),
    ("GlobalAveragePool", pool::global_average_pool),
    ("GlobalMaxPool", pool::global_max_pool),
    ("Greater", fold::constants_only),
    ("GreaterOrEqual", fold::constants_only),
    ("HardSigmoid", unary::unary),
    ("HardSwish", unary::unary),
    ("Identity", unary::identity),
    ("LeakyRelu", unary::unary),
    ("Less", fold::constants_only),
    ("LessOrEqual", fold::constants_only),
    ("Log", unary::unary),
    ("MatMul", fully_connected::matmul),
    ("Max", elementwise::max),
    ("MaxPool", pool::max_pool),
    ("Mean", elementwise::mean),
    ("Min", elementwise::min),
    ("Mish", unary::unary),
    ("Mod", fold::constants_only),
    ("Mul", elementwise::mul),
    ("Neg", unary::unary),
    ("NonZero", fold::constants_only),
    ("Not", fold::constants_only),
    ("Or", fold::constants_only),
    ("PRelu", unary::prelu),
    ("Pad", slice::pad),
    ("Pow", elementwise::pow),
    ("QuantizeLinear", quantized::quantize),
    ("Range", fold::constants_only),
    ("Reciprocal", unary::unary),
    ("ReduceL2", reduce::reduce_l2),
    ("ReduceMax", reduce::reduce_max),
    ("ReduceMean", reduce::reduce_mean),
    ("ReduceMin", reduce::reduce_min),
    ("ReduceProd", fold::constants_only),
    ("ReduceSum", reduce::reduce_sum),
    ("ReduceSumSquare", reduce::reduce_sum_square),
    ("Relu", unary::unary),
    ("Reshape", shape::reshape),
    ("Round", unary::unary),
    ("Selu", unary::unary),
    ("Shape", fold::constants_only),
    ("Sigmoid", unary::unary),
    ("Sign", unary::unary),
    ("Sin", unary::unary),
    ("Size", fold::constants_only),
    ("Slice", slice::slice),
    ("Softmax", softmax::softmax),
    ("Softplus", unary::unary),
    ("Softsign", unary::unary),
    ("SpaceToDepth", shape::space_to_depth),
    ("Split", slice::split),
    ("Sqrt", unary::unary),
    ("Squeeze", shape::squeeze),
    ("Sub", elementwise::sub),
    ("Sum", elementwise::sum),
    ("Tanh", unary::unary),
    ("Tile", fold::constants_only),
    ("Transpose", shape::transpose),
    ("Unsqueeze", shape::unsqueeze),
    ("Where", fold::constants_only),
];

/// Names of the supported operators, sorted. Some have limits, which the error about a node names.
pub fn supported_operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

/// How to lower `node`, or why it cannot be.
pub(super) fn find(node: &Node<'_>) -> Result<Lower, UnsupportedNode> {
    let refuse = |reason: &str, hint: &str| UnsupportedNode {
        name: node.label(),
        op: node.qualified_op(),
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    };
    if !is_default_domain(&node.proto.domain) {
        return Err(refuse(
            "operators outside of the ONNX standard are not supported",
            foreign_hint(&node.proto.domain),
        ));
    }
    // Constants may be stored in any way that ONNX has, except as subgraphs.
    if node.proto.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
        return Err(refuse(
            "control flow is not supported",
            "export with fixed shapes and without data-dependent branches, or fold the graph with onnxsim",
        ));
    }
    let index = OPERATORS.binary_search_by(|(name, _)| (*name).cmp(node.op()));
    match index.ok().and_then(|i| OPERATORS.get(i)) {
        Some((_, lower)) => Ok(*lower),
        None => Err(refuse("this operator is not supported", hint(node.op()))),
    }
}

fn foreign_hint(domain: &str) -> &'static str {
    match domain {
        "com.microsoft" | "com.microsoft.nchwc" => {
            "quantize with QuantFormat.QDQ, and export without ONNX Runtime's graph optimizations"
        }
        "ai.onnx.ml" => "classical models (trees, SVMs) are not supported: use a neural network",
        _ => "inline local functions with `onnx.inliner.inline_local_functions`, or replace the operator before export",
    }
}

/// What to do about an operator that is not supported.
fn hint(op: &str) -> &'static str {
    match op {
        "ConvTranspose" => "replace it by an upsampling that the host does, or by Conv and DepthToSpace (PixelShuffle)",
        "Resize" | "Upsample" => "resize on the host, or replace it by Conv and DepthToSpace (PixelShuffle)",
        "LSTM" | "GRU" | "RNN" => "replace the recurrent layer by convolutions over time",
        "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" | "LRN" | "MeanVarianceNormalization" => {
            "replace it by BatchNormalization, which folds into the layer before it"
        }
        "LogSoftmax" => "remove it before export (the class order of its input is the same), or use Softmax",
        "Hardmax" | "ArgMax" | "ArgMin" | "TopK" | "NonMaxSuppression" => {
            "end the model before it, and choose the best class or box on the host"
        }
        "DynamicQuantizeLinear" | "ConvInteger" | "MatMulInteger" => {
            "scales that are found at run time are not supported: quantize statically (QDQ), or export the float network"
        }
        "If" | "Loop" | "Scan" => {
            "export with fixed shapes and without data-dependent branches, or fold the graph with onnxsim"
        }
        "Einsum" | "Attention" => "replace it by MatMul with constant weights, or keep this part on the host",
        "GatherElements" | "GatherND" | "ScatterND" | "ScatterElements" | "Scatter" | "OneHot" | "Compress" => {
            "do the indexing on the host"
        }
        "DFT" | "STFT" | "MelWeightMatrix" => "compute the features on the host and make them the model's input",
        "ThresholdedRelu" | "Shrink" => "replace it by Relu or LeakyRelu before export",
        "LpPool" | "MaxUnpool" | "MaxRoiPool" | "RoiAlign" => "replace it by MaxPool or AveragePool",
        "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Multinomial" | "Bernoulli" => {
            "make the random numbers on the host and feed them as an input"
        }
        _ => "replace it by supported operators before export, try onnxsim, or keep this part on the host",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_sorted_so_that_the_search_finds_them() {
        assert!(OPERATORS.windows(2).all(|w| w[0].0 < w[1].0));
    }
}
