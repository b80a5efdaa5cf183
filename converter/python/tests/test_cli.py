"""The command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mote_recorder import read_manifest, read_tensor
from mote_recorder.cli import main

NETS = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU())

class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU()
    def forward(self, a, b):
        return self.act(a + b)

ready = make()
number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_of_test.py").write_text(NETS)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32))
    np.save(tmp_path / "y.npy", np.arange(6))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def test_records_as_a_process(folder: Path) -> None:
    command = [sys.executable, "-m", "mote_recorder", "nets_of_test:make", "--inputs", "x.npy", "--labels", "y.npy"]
    command += ["-o", "out/r.safetensors", "--device", "cpu", "--task", "classification", "--max-samples", "4"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning: 2 samples left out: max_samples is 4" in done.stderr
    assert done.stdout.splitlines()[0] == "r: 4 samples, 2 layers, 240 bytes, on cpu"
    assert sorted(p.name for p in (folder / "out").iterdir()) == [
        "r.onnx",
        "r.safetensors",
        "r.state_dict.safetensors",
    ]
    manifest = read_manifest(folder / "out/r.safetensors")
    assert manifest["task"] == "classification"
    assert read_tensor(folder / "out/r.safetensors", "label").tolist() == manifest["samples"]


def test_options_reach_the_recorder(folder: Path) -> None:
    weights = nn.Linear(4, 3).state_dict()
    save_file({f"0.{name}": value for name, value in weights.items()}, folder / "w.safetensors")
    arguments = ["nets_of_test.py:ready", "--inputs", "x.npy", "-o", "r.safetensors", "--weights", "w.safetensors"]
    arguments += ["--dtype", "bfloat16", "--indices", "5,0:2", "--no-onnx", "--no-state-dict", "--exclude", "1"]
    arguments += ["--shard-size", "1Ki", "--batch-size", "2", "--name", "n", "--seed", "9", "--device", "cpu"]
    assert main(arguments) == 0
    manifest = read_manifest("r.safetensors")
    assert (manifest["samples"], manifest["name"], manifest["seed"]) == ([5, 0, 1], "n", 9)
    assert [(layer["name"], layer["dtype"]) for layer in manifest["layers"]] == [("0", "bfloat16")]
    x = torch.from_numpy(np.load("x.npy"))[[5, 0, 1]].bfloat16()
    expected = nn.functional.linear(x, weights["weight"].bfloat16(), weights["bias"].bfloat16())
    assert torch.equal(read_tensor("r.safetensors", "layer/0"), expected)
    assert not (folder / "r.onnx").exists()


def test_named_inputs_are_keywords(folder: Path) -> None:  # noqa: ARG001  the fixture changes the folder
    arguments = ["nets_of_test:Sum", "--inputs", "b=x.npy", "--inputs", "a=x.npy", "-o", "r.safetensors"]
    assert main([*arguments, "--device", "cpu"]) == 0
    assert [value["name"] for value in read_manifest("r.safetensors")["inputs"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nets_of_test", "--inputs", "x.npy"], "is not MODULE:FACTORY"),
        (["nets_of_test:missing", "--inputs", "x.npy"], "gives no net: AttributeError"),
        (["nets_of_test:number", "--inputs", "x.npy"], "gives no net"),
        (["nets_of_test:make", "--inputs", "none.npy"], "none.npy"),
        (["nets_of_test:make", "--inputs", "nets_of_test.py"], "is no .npy file"),
        (["nets_of_test:Sum", "--inputs", "a=x.npy", "--inputs", "x.npy"], "give all inputs a NAME= or none"),
        (["nets_of_test:make", "--inputs", "x.npy", "--weights", "x.npy"], "is no state dict of this net"),
    ],
)
def test_errors_exit_with_two(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert main([*arguments, "-o", "r.safetensors", "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not (folder / "r.safetensors").exists()


@pytest.mark.parametrize("option", [["--budget", "2 apples"], ["--indices", "a"]])
def test_usage_errors_exit_with_two(option: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["a:b", "--inputs", "x.npy", "-o", "r.safetensors", *option])
    assert stopped.value.code == 2
