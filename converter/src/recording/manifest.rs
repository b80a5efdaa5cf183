//! What a recording says about itself.

use serde::Deserialize;

/// The newest layout that is understood.
pub(super) const FORMAT: u32 = 1;

/// The entry `mote_recording` of the file's metadata.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub format: u32,
    /// Name of the network.
    #[serde(default)]
    pub name: String,
    /// What the outputs are for.
    #[serde(default)]
    pub task: Option<Task>,
    /// In the order of the network's arguments.
    pub inputs: Vec<TensorRecord>,
    /// In the order of its results.
    pub outputs: Vec<TensorRecord>,
    /// In execution order.
    pub layers: Vec<LayerRecord>,
    /// There is a tensor `label`.
    #[serde(default)]
    pub label: bool,
    /// `cpu`, or `cuda: ` and the name of the GPU.
    #[serde(default)]
    pub device: String,
    /// Which versions of which programs computed it.
    #[serde(default)]
    pub versions: std::collections::BTreeMap<String, String>,
    /// Seed of all random numbers.
    #[serde(default)]
    pub seed: u64,
    /// Which samples of the data set these are.
    #[serde(default)]
    pub samples: Vec<u64>,
    /// The network in a file beside the recording.
    #[serde(default)]
    pub onnx: Option<String>,
}

/// What a network's outputs are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One score for each class; the highest counts
    Classification,
    /// One probability
    Binary,
    /// Numbers
    Regression,
    /// The input again; how far off it is tells what is unusual
    Reconstruction,
}

/// An input or output.
#[derive(Clone, Debug, Deserialize)]
pub struct TensorRecord {
    /// In the network.
    pub name: String,
    /// In the file.
    pub tensor: String,
    /// Samples first.
    pub shape: Vec<usize>,
    /// As NumPy spells it, and `bfloat16`.
    pub dtype: String,
}

/// The result of a layer.
#[derive(Clone, Debug, Deserialize)]
pub struct LayerRecord {
    /// Path of the module.
    pub name: String,
    /// 1 for its first call in a run, 2 for the second.
    #[serde(default = "first")]
    pub call: usize,
    /// The module's class.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// In the file.
    pub tensor: String,
    /// Samples first.
    pub shape: Vec<usize>,
    /// As NumPy spells it, and `bfloat16`.
    pub dtype: String,
}

fn first() -> usize {
    1
}

impl LayerRecord {
    /// Path and call, as in the tensor's name.
    pub fn label(&self) -> String {
        if self.call > 1 { format!("{}#{}", self.name, self.call) } else { self.name.clone() }
    }

    /// Elements of one sample.
    pub fn elements(&self) -> usize {
        self.shape.iter().skip(1).product()
    }
}
