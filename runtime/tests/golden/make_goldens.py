"""Cuts small cases out of layer dumps of TensorFlow Lite models. See README.md.

    python make_goldens.py TFLITE_DIR OUT_DIR          the cases that are stored here
    python make_goldens.py --all TFLITE_DIR OUT_DIR    every layer of the models, whole: for a run by hand
"""

import json
import pathlib
import struct
import sys

import numpy as np
import tflite

B = tflite.BuiltinOperator


class Model:
    """A .tflite file, its layer dump and what the manifest says about both."""

    def __init__(self, folder):
        self.name = folder.name
        self.folder = folder
        self.graph = tflite.Model.GetRootAs((folder / "model.tflite").read_bytes(), 0)
        self.subgraph = self.graph.Subgraphs(0)
        manifest = json.loads((folder / "manifest.json").read_text())
        self.samples = manifest.get("layers", {}).get("samples", [0, manifest["n_samples"] - 1])
        self.dump = None
        if not (folder / "layers.safetensors").exists():
            return
        raw = (folder / "layers.safetensors").read_bytes()
        header_bytes = struct.unpack("<Q", raw[:8])[0]
        self.dump = json.loads(raw[8 : 8 + header_bytes])
        self.data = raw[8 + header_bytes :]

    def quantization(self, tensor):
        """Scales and zero points of a tensor; scales are float32 in the file."""
        q = self.subgraph.Tensors(tensor).Quantization()
        return [float(s) for s in q.ScaleAsNumpy()], [int(z) for z in q.ZeroPointAsNumpy()]

    def constant(self, tensor, dtype):
        t = self.subgraph.Tensors(tensor)
        raw = self.graph.Buffers(t.Buffer()).DataAsNumpy().tobytes()
        return np.frombuffer(raw, dtype).reshape(t.ShapeAsNumpy())

    def activation(self, tensor, sample):
        if self.dump is None:
            return self.port(tensor, sample)
        entry = self.dump[f"s{sample}.t{tensor}"]
        start, end = entry["data_offsets"]
        return np.frombuffer(self.data[start:end], np.int8).reshape(entry["shape"])

    def port(self, tensor, sample):
        """An input or output of a model without a layer dump."""
        inputs = list(self.subgraph.InputsAsNumpy())
        file = f"inputs_{inputs.index(tensor)}.npy" if tensor in inputs else "outputs.npy"
        return np.load(self.folder / file)[sample]

    def overwritten(self, op):
        """The operand of an addition that the engine added into: the dump holds the sum instead. None if there is none."""
        same = lambda a, b: all(np.array_equal(self.activation(a, s), self.activation(b, s)) for s in self.samples)
        return next((x for x in op.InputsAsNumpy() if same(x, op.Outputs(0))), None)

    def addition_over(self, tensor):
        """The addition that overwrote a tensor of the dump, if any."""
        for index in range(self.subgraph.OperatorsLength()):
            op, code = self.operator(index)
            if code == B.ADD and self.overwritten(op) == tensor:
                return op
        return None

    def operator(self, index):
        op = self.subgraph.Operators(index)
        code = self.graph.OperatorCodes(op.OpcodeIndex())
        return op, max(code.BuiltinCode(), code.DeprecatedBuiltinCode())


def options(op, kind):
    result = kind()
    table = op.BuiltinOptions()
    result.Init(table.Bytes, table.Pos)
    return result


def clamp(activation, scale, zero_point):
    """Smallest and largest stored output of a fused activation."""
    a = tflite.ActivationFunctionType
    quantized = lambda real: zero_point + int(np.floor(real / scale + 0.5))
    low, high = -128, 127
    if activation in (a.RELU, a.RELU6):
        low = max(low, quantized(0.0))
    if activation == a.RELU6:
        high = min(high, quantized(6.0))
    assert activation in (a.NONE, a.RELU, a.RELU6), activation
    return low, high


class Axis:
    """One axis of a sliding window, cut to some of its outputs."""

    def __init__(self, size, out, kernel, stride, same, cut):
        pad = max((out - 1) * stride + kernel - size, 0) // 2 if same else 0
        first, end = cut or (0, out)
        first, end = max(first, 0) if first >= 0 else out + first, min(end, out)
        start = max(first * stride - pad, 0)
        self.x = slice(start, min((end - 1) * stride - pad + kernel, size))
        self.y = slice(first, end)
        self.pad = max(pad - first * stride, 0)


def windowed(model, op, code, sample, rows, channels):
    kind = {
        B.CONV_2D: tflite.Conv2DOptions,
        B.DEPTHWISE_CONV_2D: tflite.DepthwiseConv2DOptions,
        B.AVERAGE_POOL_2D: tflite.Pool2DOptions,
    }[code]
    o = options(op, kind)
    x_id, y_id = op.Inputs(0), op.Outputs(0)
    x, y = model.activation(x_id, sample)[0], model.activation(y_id, sample)[0]
    (x_scale,), (x_zero,) = model.quantization(x_id)
    (y_scale,), (y_zero,) = model.quantization(y_id)
    case = {}
    if code == B.AVERAGE_POOL_2D:
        kernel = (o.FilterHeight(), o.FilterWidth())
    else:
        assert (o.DilationHFactor(), o.DilationWFactor()) == (1, 1)
        weights, bias = model.constant(op.Inputs(1), np.int8), model.constant(op.Inputs(2), np.int32)
        w_scales, w_zeros = model.quantization(op.Inputs(1))
        assert not any(w_zeros)
        kernel = weights.shape[1:3]
    same = o.Padding() == tflite.Padding.SAME
    vertical = Axis(x.shape[0], y.shape[0], kernel[0], o.StrideH(), same, rows)
    horizontal = Axis(x.shape[1], y.shape[1], kernel[1], o.StrideW(), same, None)
    x, y = x[vertical.x, horizontal.x], y[vertical.y, horizontal.y]
    cut = slice(*channels) if channels else slice(None)
    y = y[:, :, cut]
    if code == B.CONV_2D:
        weights = weights[cut]
    elif code == B.DEPTHWISE_CONV_2D:
        weights = weights[0][:, :, cut]
        if x.shape[2] > 1:
            # A channel of its own for each output; else all outputs read the only one.
            assert x.shape[2] == model.activation(y_id, sample).shape[3]
            x = x[:, :, cut]
    else:
        x = x[:, :, cut]
    if addition := model.addition_over(y_id):
        other = next(x for x in addition.InputsAsNumpy() if x != y_id)
        (sum_scale,), (sum_zero,) = model.quantization(addition.Outputs(0))
        activation = options(addition, tflite.AddOptions).FusedActivationFunction()
        case = {
            "b_quantization": tuple(part[0] for part in model.quantization(other)),
            "sum_quantization": (sum_scale, sum_zero),
            "sum_clamp": clamp(activation, sum_scale, sum_zero),
            "b": model.activation(other, sample)[0][vertical.y, horizontal.y, cut],
        }
    if code != B.AVERAGE_POOL_2D:
        per_channel = len(w_scales) > 1
        case = {"w_scales": w_scales[cut] if per_channel else w_scales, "weights": weights, "bias": bias[cut]} | case
    return {
        "x_shape": x.shape,
        "y_shape": y.shape,
        "kernel": kernel,
        "stride": (o.StrideH(), o.StrideW()),
        "pad": (vertical.pad, horizontal.pad),
        "x_quantization": (x_scale, x_zero),
        "y_quantization": (y_scale, y_zero),
        "clamp": clamp(o.FusedActivationFunction(), y_scale, y_zero),
        **case,
        "x": x,
        "y": y,
    }


def fully_connected(model, op, sample, channels):
    o = options(op, tflite.FullyConnectedOptions)
    cut = slice(*channels) if channels else slice(None)
    (x_scale,), (x_zero,) = model.quantization(op.Inputs(0))
    (y_scale,), (y_zero,) = model.quantization(op.Outputs(0))
    w_scales, w_zeros = model.quantization(op.Inputs(1))
    assert len(w_scales) == 1 and w_zeros == [0]
    y = model.activation(op.Outputs(0), sample)[0][cut]
    weights = model.constant(op.Inputs(1), np.int8)[cut]
    return {
        "x_shape": (weights.shape[1],),
        "y_shape": y.shape,
        "x_quantization": (x_scale, x_zero),
        "y_quantization": (y_scale, y_zero),
        "clamp": clamp(o.FusedActivationFunction(), y_scale, y_zero),
        "w_scales": w_scales,
        "weights": weights,
        "bias": model.constant(op.Inputs(2), np.int32)[cut],
        "x": model.activation(op.Inputs(0), sample),
        "y": y,
    }


def add(model, op, sample, rows):
    o = options(op, tflite.AddOptions)
    cut = slice(*rows) if rows else slice(None)
    case = {}
    for name, tensor in (("x", op.Inputs(0)), ("b", op.Inputs(1)), ("y", op.Outputs(0))):
        (scale,), (zero,) = model.quantization(tensor)
        case[f"{name}_quantization"] = (scale, zero)
        case[name] = model.activation(tensor, sample)[0][cut]
    case["clamp"] = clamp(o.FusedActivationFunction(), *case["y_quantization"])
    return case


def softmax(model, op, sample):
    assert options(op, tflite.SoftmaxOptions).Beta() == 1.0
    (x_scale,), (x_zero,) = model.quantization(op.Inputs(0))
    assert model.quantization(op.Outputs(0)) == ([1 / 256], [-128])
    x, y = model.activation(op.Inputs(0), sample), model.activation(op.Outputs(0), sample)
    return {"x_shape": x.shape, "x_quantization": (x_scale, x_zero), "x": x, "y": y}


NAMES = {
    B.CONV_2D: "conv2d",
    B.DEPTHWISE_CONV_2D: "depthwise_conv2d",
    B.AVERAGE_POOL_2D: "average_pool2d",
    B.FULLY_CONNECTED: "fully_connected",
    B.ADD: "add",
    B.SOFTMAX: "softmax",
}


def case_of(model, index, sample, rows=None, channels=None):
    op, code = model.operator(index)
    if code == B.RESHAPE:
        return None
    if code == B.FULLY_CONNECTED:
        body = fully_connected(model, op, sample, channels)
    elif code == B.ADD:
        if model.overwritten(op) is not None:
            return None  # Part of the convolution's case.
        body = add(model, op, sample, rows)
    elif code == B.SOFTMAX:
        body = softmax(model, op, sample)
    else:
        body = windowed(model, op, code, sample, rows, channels)
    return {"op": NAMES[code], "source": (model.name, f"operator {index}", f"sample {sample}"), **body}


def text(value):
    """Arrays as little-endian bytes in hexadecimal, all else separated by spaces. `repr` of a float is exact."""
    if isinstance(value, np.ndarray):
        return value.tobytes().hex()
    return " ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def write(path, case):
    path.write_text("".join(f"{key} {text(value)}\n" for key, value in case.items()))


MODELS = (
    "ad01_int8",
    "hello_world_int8",
    "ic_resnet8_int8",
    "kws_dscnn_int8",
    "micro_speech_int8",
    "person_detect_int8",
    "simple_add_model",
    "sine_int8",
    "sww_int8",
    "vww_96_int8",
)

# file, model, operator, sample, output rows, output channels
STORED = [
    ("conv2d_first_layer", "kws_dscnn_int8", 0, 31, (0, 6), (0, 64)),
    ("conv2d_first_layer_bottom", "kws_dscnn_int8", 0, 0, (20, 25), (7, 30)),
    ("conv2d_rgb_stride2", "vww_96_int8", 0, 31, (0, 4), None),
    ("conv2d_rgb_stride2_bottom", "vww_96_int8", 0, 0, (44, 48), None),
    ("conv2d_1x1", "kws_dscnn_int8", 2, 31, (3, 7), None),
    ("conv2d_1x1_odd_channels", "kws_dscnn_int8", 8, 0, (20, 25), (11, 34)),
    ("conv2d_1x1_dead_channels", "vww_96_int8", 14, 31, (0, 3), (0, 25)),
    ("conv2d_3x3", "ic_resnet8_int8", 1, 31, (0, 5), None),
    ("conv2d_3x3_bottom", "ic_resnet8_int8", 9, 0, (6, 8), (0, 10)),
    ("conv2d_3x3_stride2", "ic_resnet8_int8", 8, 31, (5, 8), (0, 13)),
    ("depthwise_3x3", "vww_96_int8", 1, 31, (0, 5), None),
    ("depthwise_3x3_whole", "kws_dscnn_int8", 1, 31, None, (3, 24)),
    ("depthwise_3x3_stride2", "vww_96_int8", 3, 31, (0, 3), None),
    ("depthwise_3x3_stride2_bottom", "vww_96_int8", 7, 0, (9, 12), None),
    ("depthwise_3x3_many_channels", "vww_96_int8", 25, 31, None, (0, 70)),
    ("depthwise_8_outputs_per_input", "person_detect_int8", 0, 31, (45, 48), None),
    ("depthwise_10x8_8_outputs_per_input", "micro_speech_int8", 1, 31, (0, 3), None),
    ("depthwise_rows_only", "sww_int8", 2, 31, (0, 6), (0, 40)),
    ("fully_connected", "kws_dscnn_int8", 11, 31, None, None),
    ("fully_connected_640", "ad01_int8", 0, 31, None, (0, 11)),
    ("fully_connected_bottleneck", "ad01_int8", 4, 0, None, None),
    ("fully_connected_output", "ad01_int8", 9, 31, None, (100, 150)),
    ("fully_connected_one_input", "hello_world_int8", 0, 200, None, None),
    ("fully_connected_one_output", "hello_world_int8", 2, 200, None, None),
    ("add", "simple_add_model", 0, 9, (0, 16), None),
    ("add_other", "simple_add_model", 0, 0, (40, 50), None),
    ("conv2d_3x3_then_add", "ic_resnet8_int8", 2, 31, (30, 32), None),
    ("conv2d_1x1_stride2_then_add", "ic_resnet8_int8", 6, 0, (5, 7), None),
    ("conv2d_1x1_stride2_then_add_channels", "ic_resnet8_int8", 10, 31, (2, 4), (9, 32)),
    ("average_pool", "kws_dscnn_int8", 9, 31, None, (0, 40)),
    ("average_pool_3x3", "vww_96_int8", 27, 31, None, None),
    ("average_pool_8x8", "ic_resnet8_int8", 12, 0, None, None),
    ("softmax_12", "kws_dscnn_int8", 12, 31, None, None),
    ("softmax_12_other", "kws_dscnn_int8", 12, 0, None, None),
    ("softmax_2", "vww_96_int8", 30, 31, None, None),
    ("softmax_10", "ic_resnet8_int8", 15, 0, None, None),
]


def main():
    arguments = sys.argv[1:]
    everything = arguments[:1] == ["--all"]
    source, out = map(pathlib.Path, arguments[-2:])
    out.mkdir(parents=True, exist_ok=True)
    models = {}
    for name in MODELS:
        models[name] = Model(source / name)
    if everything:
        for model in models.values():
            for index in range(model.subgraph.OperatorsLength()):
                for sample in model.samples:
                    if case := case_of(model, index, sample):
                        write(out / f"{model.name}_{index:02}_s{sample}.golden", case)
        return
    for file, name, index, sample, rows, channels in STORED:
        write(out / f"{file}.golden", case_of(models[name], index, sample, rows, channels))


if __name__ == "__main__":
    main()
