"""Makes the 16x8 TensorFlow Lite files beside this script, and what TensorFlow Lite's reference kernels compute with them.

    pip install tensorflow-cpu==2.15.1 "numpy<2"
    python make.py

Every network is small and has random weights; together they hold every operator that is imported on int16. `NAME.tflite` is
the network, `NAME.in<i>.npy` its inputs and `NAME.out.npy` its outputs, the first axis counting the samples, all as stored.
"""
import os
import pathlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

here = pathlib.Path(__file__).parent
K = tf.keras.layers
SIXTEEN = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
SAMPLES = 6


def randomize(model, rng):
    for weight in model.trainable_weights:
        scale = 0.3 if len(weight.shape) > 1 else 0.5
        weight.assign(rng.normal(0, scale, weight.shape).astype(np.float32))


def save(name, data, inputs_as=None):
    """Runs stored inputs of many sizes through the reference kernels."""
    (here / f"{name}.tflite").write_bytes(data)
    interpreter = tf.lite.Interpreter(
        model_content=data, experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    rng = np.random.default_rng(7)
    details, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    given, got = [[] for _ in details], []
    for sample in range(SAMPLES):
        for i, port in enumerate(details):
            shape, dtype = port["shape"], port["dtype"]
            if dtype == np.float32:
                x = rng.normal(0, 1, shape).astype(dtype)
            else:
                limit = np.iinfo(dtype)
                bound = [limit.max, limit.max // 2, limit.max // 8, limit.max, limit.max // 3, limit.max // 64][sample]
                x = rng.integers(-bound - 1, bound, shape, endpoint=True).astype(dtype)
            given[i].append(x)
            interpreter.set_tensor(port["index"], x)
        interpreter.invoke()
        got.append(interpreter.get_tensor(outputs[0]["index"]))
    for i, arrays in enumerate(given):
        np.save(here / f"{name}.in{i}.npy", np.stack(arrays))
    np.save(here / f"{name}.out.npy", np.stack(got))
    ops = sorted({op["op_name"] for op in interpreter._get_ops_details() if op["op_name"] != "DELEGATE"})
    out = np.stack(got)
    print(f"{name:12} {len(data):6} bytes, {len(np.unique(out)):5} different outputs, {' '.join(ops)}")


def converter(model):
    c = tf.lite.TFLiteConverter.from_keras_model(model)
    c.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(3)
    shapes = [tuple(x.shape) for x in model.inputs]

    def data():
        for _ in range(20):
            yield [rng.normal(0, 1, shape).astype(np.float32) for shape in shapes]

    c.representative_dataset = data
    c.target_spec.supported_ops = [SIXTEEN]
    c.inference_input_type = c.inference_output_type = tf.int16
    return c


def network(name, inputs, output, bias=None, io=tf.int16):
    model = tf.keras.Model(inputs, output)
    randomize(model, np.random.default_rng(sum(name.encode())))
    c = converter(model)
    c.inference_input_type = c.inference_output_type = io
    if bias is not None:
        c._experimental_full_integer_quantization_bias_type = bias
    save(name, c.convert())


def image(h, w, c):
    return tf.keras.Input((h, w, c), batch_size=1)


# Convolutions of every kind, with 64-bit biases and without; softmax.
x = image(7, 6, 3)
y = K.Conv2D(6, 3, padding="same", activation="relu")(x)
y = K.DepthwiseConv2D((3, 2), padding="valid", depth_multiplier=2, activation="relu6")(y)
y = K.Conv2D(5, 1, strides=2, use_bias=False)(y)
y = K.Conv2D(6, 2, dilation_rate=2, padding="same")(y)
network("conv", x, K.Softmax()(K.Dense(9)(K.Flatten()(y))))

# The same with biases of 32 bits, and fully connected layers of many inputs.
x = image(6, 6, 4)
y = K.Conv2D(8, 3, padding="same", activation="relu")(x)
y = K.Conv2D(8, (1, 3), strides=(2, 1))(y)
network("bias32", x, K.Dense(7)(K.Dense(12, activation="relu")(K.Flatten()(y))), bias=tf.int32)

# Sums of more than 32 bits.
x = tf.keras.Input((1300,), batch_size=1)
network("wide", x, K.Dense(4)(x))

# Arithmetic of two operands, broadcast or not, and pools.
x = image(8, 8, 4)
z = image(1, 1, 4)
a = K.Add()([x, K.Conv2D(4, 1)(x)])
b = K.Subtract()([a, K.MaxPool2D(3, strides=1, padding="same")(x)])
c = K.Multiply()([b, z])
d = K.AveragePooling2D(3, strides=2, padding="same")(c)
e = K.ReLU()(K.Add()([d, K.AveragePooling2D((2, 1), strides=2)(a)]))
network("arithmetic", [x, z], K.GlobalAveragePooling2D(keepdims=True)(e))

# Functions of one element, and joins of what they make.
x = tf.keras.Input((5, 6), batch_size=1)
parts = [
    K.Activation("tanh")(x),
    K.Activation("sigmoid")(x),
    K.LeakyReLU(0.2)(x),
    K.ReLU()(x),
    tf.nn.relu6(x * 4.0),
    tf.exp(x),
]
network("functions", x, K.Concatenate(axis=1)(parts))

# Functions of inputs whose scales are powers of two are not made by the quantizer; steep ones are.
x = tf.keras.Input((40,), batch_size=1)
network("steep", x, K.Concatenate()([K.Activation("tanh")(x * 30.0), K.Activation("sigmoid")(x * 0.01)]))

# Moving elements, and means over other axes.
x = image(4, 6, 4)
y = K.ZeroPadding2D(((1, 0), (0, 2)))(x)
y = tf.transpose(y, (0, 2, 1, 3))
left, right = tf.split(y, 2, axis=3)
y = tf.concat([right, left], axis=3)[:, 1:7:2, :, 1:3]
y = tf.reduce_mean(y, axis=1)
network("movement", x, K.Reshape((10,))(y))

# Float ports: quantized and dequantized by the network.
x = tf.keras.Input((12,), batch_size=1)
network("float_ports", x, K.Softmax()(K.Dense(8, activation="relu")(x)), io=tf.float32)


# Both widths: int16, int8 and int16 again, with a QUANTIZE at every border. The converter makes no such network, so that the
# second half is appended to the file of the first.
def append(model, code, source, dtype, scale, zero_point):
    """Appends an operator of one operand that reads tensor `source`; gives the number of its result."""
    graph = model.subgraphs[0]
    codes = [c.builtinCode for c in model.operatorCodes]
    if code not in codes:
        new = schema.OperatorCodeT()
        new.builtinCode, new.deprecatedBuiltinCode, new.version = code, min(code, 127), 2
        model.operatorCodes.append(new)
        codes.append(code)
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer = graph.tensors[source].shape, dtype, 0
    tensor.name = f"appended {len(graph.tensors)}".encode()
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
    graph.tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = codes.index(code), [source], [len(graph.tensors) - 1]
    graph.operators.append(operator)
    return len(graph.tensors) - 1


x = image(5, 5, 3)
model = tf.keras.Model(x, K.Conv2D(4, 2, activation="relu")(x))
randomize(model, np.random.default_rng(11))
mixed = flatbuffer_utils.convert_bytearray_to_object(bytearray(converter(model).convert()))
at = mixed.subgraphs[0].outputs[0]
scale = float(mixed.subgraphs[0].tensors[at].quantization.scale[0])
QUANTIZE, LOGISTIC = schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.LOGISTIC
INT8, INT16 = schema.TensorType.INT8, schema.TensorType.INT16
at = append(mixed, QUANTIZE, at, INT16, scale * 1.7, 0)
at = append(mixed, QUANTIZE, at, INT8, scale * 300, -100)
at = append(mixed, LOGISTIC, at, INT8, 1 / 256, -128)
mixed.subgraphs[0].outputs = [at]
if mixed.signatureDefs:
    mixed.signatureDefs[0].outputs[0].tensorIndex = at
save("mixed", bytes(flatbuffer_utils.convert_object_to_bytearray(mixed)))
