//! Which operator is lowered by which function, and what all of them are called.

use super::error::LowerError;
use super::file::Operator;
use super::lowering::Lowering;
use super::{concat, conv2d, elementwise, fully_connected, lstm, pad, pool, reduce, shape, slice, softmax, unary};
use crate::ir::Unary;

pub(super) type Lower = fn(&mut Lowering<'_, '_>, &Operator<'_>) -> Result<(), LowerError>;

/// The number that all custom operators have.
pub(super) const CUSTOM: i32 = 32;

/// What lowers an operator, by its number.
pub(super) fn find(code: i32) -> Option<Lower> {
    Some(match code {
        0 => elementwise::add,
        1 => pool::average,
        2 => concat::concat,
        3 => conv2d::conv2d,
        4 => conv2d::depthwise,
        6 => unary::dequantize,
        9 => fully_connected::fully_connected,
        14 => |cx, op| unary::logistic(cx, op),
        17 => pool::max,
        18 => elementwise::mul,
        19 => |cx, op| unary::relu(cx, op, 0.0, f32::INFINITY),
        20 => |cx, op| unary::relu(cx, op, -1.0, 1.0),
        21 => |cx, op| unary::relu(cx, op, 0.0, 6.0),
        22 | 43 | 70 => shape::reshape,
        25 => softmax::softmax,
        28 => |cx, op| unary::tanh(cx, op),
        34 | 60 => pad::pad,
        39 => shape::transpose,
        40 => reduce::mean,
        41 => elementwise::sub,
        44 => lstm::lstm,
        45 => slice::strided_slice,
        47 => |cx, op| unary::float_table(cx, op, Unary::Exp),
        49 => slice::split,
        65 => slice::slice,
        83 => concat::pack,
        88 => slice::unpack,
        98 => unary::leaky_relu,
        111 => |cx, op| unary::float_table(cx, op, Unary::Elu { alpha: 1.0 }),
        114 => unary::quantize,
        117 => unary::hard_swish,
        _ => return None,
    })
}

/// Names of the operators that are imported.
pub fn supported_operators() -> Vec<&'static str> {
    let known = NAMES.iter().enumerate();
    known.filter(|(code, _)| find(*code as i32).is_some()).map(|(_, name)| *name).collect()
}

/// What TensorFlow calls an operator.
pub(super) fn name(code: i32) -> String {
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    name.map_or_else(|| format!("operator {code}"), |name| (*name).into())
}

/// `BuiltinOperator` of the schema, in order.
#[rustfmt::skip]
const NAMES: [&str; 162] = [
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE",
    "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION", "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU", "RELU_N1_TO_1",
    "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH", "CONCAT_EMBEDDINGS",
    "SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD", "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER",
    "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN", "SUB", "DIV", "SQUEEZE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP", "TOPK_V2", "SPLIT",
    "LOG_SOFTMAX", "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM", "ARG_MAX", "MINIMUM", "LESS",
    "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE", "SIN", "TRANSPOSE_CONV",
    "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG", "SUM", "SQRT", "RSQRT", "SHAPE", "POW",
    "ARG_MIN", "FAKE_QUANT", "REDUCE_PROD", "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT", "LOGICAL_AND", "LOGICAL_NOT",
    "UNPACK", "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL", "FLOOR_MOD", "RANGE",
    "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS", "SPLIT_V", "UNIQUE", "CEIL",
    "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU", "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE",
    "MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5",
    "SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM", "BATCH_MATMUL", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM",
    "CALL_ONCE", "BROADCAST_TO", "RFFT2D", "CONV_3D", "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND",
    "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "REDUCE_ALL", "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE",
    "ASSIGN_VARIABLE", "BROADCAST_ARGS", "RANDOM_STANDARD_NORMAL", "BUCKETIZE", "RANDOM_UNIFORM", "MULTINOMIAL", "GELU",
    "DYNAMIC_UPDATE_SLICE", "RELU_0_TO_1", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_SUM",
    "ATAN2", "UNSORTED_SEGMENT_MIN", "SIGN", "BITCAST", "BITWISE_XOR", "RIGHT_SHIFT",
];
