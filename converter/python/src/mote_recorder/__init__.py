"""Records what a PyTorch net computes, layer by layer and in full precision, for `mote validate`.

`record` runs a module over samples and writes its inputs, its outputs and the output of every leaf module into one
safetensors file, or into shards; an ONNX export and the weights lie beside it. The file format is in the README.
"""

from mote_recorder.errors import RecordingError, RecordingWarning
from mote_recorder.manifest import FORMAT, Layer, Manifest, Skipped, Value
from mote_recorder.reader import read_manifest, read_tensor
from mote_recorder.recorder import Recorder, Recording, record
from mote_recorder.version import __version__

__all__ = [
    "FORMAT",
    "Layer",
    "Manifest",
    "Recorder",
    "Recording",
    "RecordingError",
    "RecordingWarning",
    "Skipped",
    "Value",
    "__version__",
    "read_manifest",
    "read_tensor",
    "record",
]
