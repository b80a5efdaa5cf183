"""Makes the quantized ONNX files beside this script, and what ONNX Runtime computes with them.

    pip install onnx==1.16.2 onnxruntime==1.32.0 numpy ml_dtypes sympy
    python make.py [MOTE_DATA]

Without optimisations ONNX Runtime computes QDQ networks in float between the roundings, which is what ONNX says. (With
them it may use kernels that saturate 16-bit sums, and outputs depend on the processor.) `ic_resnet8` needs the shared
test data; the others come from `models/digits-cnn`.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

here = pathlib.Path(__file__).parent
digits = here.parents[2] / "models" / "digits-cnn"


class Reader(CalibrationDataReader):
    def __init__(self, name, samples):
        self.feeds = iter([{name: sample[None]} for sample in samples])

    def get_next(self):
        return next(self.feeds, None)


def outputs(path, samples):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: sample[None]})[0] for sample in samples])


def make(name, source, calibration, samples, **options):
    prepared = here / "prepared.onnx"
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    input_name = onnx.load(prepared).graph.input[0].name
    path = here / f"{name}.onnx"
    quantize_static(prepared, path, Reader(input_name, calibration), **options)
    prepared.unlink()
    model = onnx.load(path)
    del model.graph.value_info[:]  # shapes that follow from the rest
    onnx.save(model, path)
    np.save(here / f"{name}.npy", outputs(path, samples).astype(np.float32))
    print(name, path.stat().st_size, sorted({n.op_type for n in onnx.load(path).graph.node}))


def csv(name):
    rows = np.loadtxt(digits / name, delimiter=",", dtype=np.float32)
    return (rows[:, :64] * np.float32(0.0625)).reshape(-1, 1, 8, 8)


train, test = csv("train.csv")[:100], csv("test.csv")[:100]
per_channel = dict(per_channel=True, weight_type=QuantType.QInt8)
model = digits / "model.onnx"
make("digits_qdq_u8", model, train, test, quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8, **per_channel)
make("digits_qdq_i8_per_tensor", model, train, test, quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt8,
     weight_type=QuantType.QInt8)
# Its integer kernels saturate sums of two products of uint8 and int8 on processors without VNNI: 7-bit weights avoid that.
make("digits_qlinear_u8", model, train, test, quant_format=QuantFormat.QOperator, activation_type=QuantType.QUInt8,
     reduce_range=True, **per_channel)
if len(sys.argv) > 1:
    data = pathlib.Path(sys.argv[1])
    images = np.load(data / "real/cifar10/images_u8.npy").astype(np.float32)
    make("ic_resnet8_qdq_i8", data / "onnx_mlperf/ic_resnet8_fp32/model.onnx", images[:50], images[50:70],
         quant_format=QuantFormat.QDQ, activation_type=QuantType.QInt8, **per_channel)
