//! `models/<name>/recipe.toml`: which checkpoint or layers, which data, how to train and to quantize; `expected.toml`: the
//! figures to reach.

use crate::pattern::nearest;
use crate::train::{Layer, Step, Training};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A recipe, as its file spells it. Paths are relative to the recipe's folder, or to another data folder if one is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the network, and of the file that is written.
    pub name: String,
    /// Network beside the recipe: ONNX, TensorFlow Lite or a float checkpoint. With `layers`, a safetensors, `.pt` or
    /// `.pth` file with their first weights.
    pub checkpoint: Option<PathBuf>,
    /// Sizes of the input of `layers`, without batch: rows, columns, channels for pictures.
    pub input: Option<Vec<usize>>,
    /// The network, layer by layer.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// Layers may keep random weights where the checkpoint has none that fit.
    #[serde(default)]
    pub partial_checkpoint: bool,
    /// How it is trained.
    pub train: Option<Training>,
    /// Steps after training that make it smaller.
    #[serde(default)]
    pub compress: Vec<Step>,
    /// As `mote convert --normalize` takes it.
    #[serde(default = "none")]
    pub normalize: String,
    /// File with the names of the classes, one per line, beside the recipe.
    pub labels_file: Option<PathBuf>,
    /// Range method, as `mote convert --method` takes it.
    pub method: Option<String>,
    /// What the device has for the model.
    #[serde(default)]
    pub budget: Budget,
    /// Data that the ranges are chosen from [default: 256 samples of the training data].
    pub calibrate: Option<DataSource>,
    /// Labelled data that accuracy is measured on; none of the calibration data.
    pub evaluate: Option<DataSource>,
}

fn none() -> String {
    "none".into()
}

/// What the model may need, as `mote convert` takes it. What needs more is not written, and the recipe fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// `--ram`: bytes for the arena, such as `"64K"`, or `"min"`.
    pub ram: Option<String>,
    /// `--flash`: bytes for the model file, or `"max"`.
    pub flash: Option<String>,
    /// `--target`: the core whose time counts.
    pub target: Option<String>,
}

/// A data set of a recipe.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSource {
    /// File or folder.
    pub path: PathBuf,
    /// Labels, if they are in a file of their own.
    pub labels: Option<PathBuf>,
    /// Take at most this many samples: for calibration spread evenly, else the first ones.
    pub samples: Option<usize>,
}

/// Figures of a recipe, as measured when they were last accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Top-1 accuracy of the float network, in percent.
    pub float_accuracy: f64,
    /// Top-1 accuracy of the `.mote` file, in percent.
    pub int8_accuracy: f64,
    /// Bytes of the `.mote` file.
    pub file_bytes: u32,
    /// Bytes of arena.
    pub arena_bytes: u32,
    /// SHA-256 of the `.mote` file, in hex: the same on every machine. Not compared if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_sha256: Option<String>,
}

/// A figure's value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Figure {
    Number(f64),
    Text(String),
}

/// A figure that is no longer what it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Which figure.
    pub figure: &'static str,
    /// As accepted.
    pub expected: Figure,
    /// As measured now.
    pub measured: Figure,
}

impl Miss {
    fn number(figure: &'static str, expected: f64, measured: f64) -> Self {
        Self { figure, expected: Figure::Number(expected), measured: Figure::Number(measured) }
    }
}

/// Accuracy may fall by this many points before a recipe fails: other processors round float sums
/// differently, and a test set may be a part of the one that was measured.
pub const ACCURACY_POINTS: f64 = 0.5;
/// Sizes may grow by this share before a recipe fails.
pub const GROWTH: f64 = 0.03;

impl Expected {
    /// The figures of `measured` that are worse than accepted, and the hash if it is another.
    pub fn misses(&self, measured: &Self) -> Vec<Miss> {
        let accuracy = |figure, expected: f64, measured: f64| {
            (measured < expected - ACCURACY_POINTS).then(|| Miss::number(figure, expected, measured))
        };
        let size = |figure, expected: u32, measured: u32| {
            let (expected, measured) = (f64::from(expected), f64::from(measured));
            (measured > expected * (1.0 + GROWTH)).then(|| Miss::number(figure, expected, measured))
        };
        let hash = match (&self.file_sha256, &measured.file_sha256) {
            (Some(expected), Some(measured)) if expected != measured => Some(Miss {
                figure: "file SHA-256",
                expected: Figure::Text(expected.clone()),
                measured: Figure::Text(measured.clone()),
            }),
            _ => None,
        };
        [
            accuracy("float accuracy", self.float_accuracy, measured.float_accuracy),
            accuracy("int8 accuracy", self.int8_accuracy, measured.int8_accuracy),
            size("file bytes", self.file_bytes, measured.file_bytes),
            size("arena bytes", self.arena_bytes, measured.arena_bytes),
            hash,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A recipe or its figures cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum RecipeError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is no recipe: {source}{}", meant(source))]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
}

/// The known key or word that is spelled most like the unknown one.
fn meant(error: &toml::de::Error) -> String {
    let message = error.message();
    if !(message.starts_with("unknown field") || message.starts_with("unknown variant")) {
        return String::new();
    }
    // `unknown field `x`, expected one of `a`, `b``: every second part is quoted.
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().unwrap_or_default();
    nearest(unknown, quoted).map_or_else(String::new, |known| format!("did you mean `{known}`?"))
}

/// A recipe and where it lies.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The recipe.
    pub recipe: Recipe,
    /// Its text.
    pub text: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The figures beside it, if there are any.
    pub expected: Option<Expected>,
}

fn read(path: &Path) -> Result<String, RecipeError> {
    std::fs::read_to_string(path).map_err(|source| RecipeError::Read { path: path.into(), source })
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, RecipeError> {
    toml::from_str(text).map_err(|source| RecipeError::Parse { path: path.into(), source: Box::new(source) })
}

impl Loaded {
    /// Reads a recipe: `path` is its folder or its file.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let file = if path.is_dir() { path.join("recipe.toml") } else { path.into() };
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let text = read(&file)?;
        let recipe: Recipe = parse(&file, &text)?;
        let expected = folder.join("expected.toml");
        let expected = if expected.exists() { Some(parse(&expected, &read(&expected)?)?) } else { None };
        Ok(Self { recipe, text, folder, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Expected {
        Expected { float_accuracy: 99.0, int8_accuracy: 98.8, file_bytes: 1000, arena_bytes: 500, file_sha256: None }
    }

    #[test]
    fn better_figures_and_small_growth_pass() {
        let measured = Expected { int8_accuracy: 99.5, file_bytes: 1030, arena_bytes: 400, ..figures() };
        assert_eq!(figures().misses(&measured), []);
    }

    #[test]
    fn every_worse_figure_is_named() {
        let measured = Expected {
            float_accuracy: 98.4,
            int8_accuracy: 98.0,
            file_bytes: 1031,
            arena_bytes: 516,
            file_sha256: None,
        };
        let names: Vec<_> = figures().misses(&measured).into_iter().map(|m| m.figure).collect();
        assert_eq!(names, ["float accuracy", "int8 accuracy", "file bytes", "arena bytes"]);
    }

    #[test]
    fn another_hash_is_a_miss_and_a_missing_one_is_not() {
        let with = |hash: &str| Expected { file_sha256: Some(hash.into()), ..figures() };
        assert_eq!(figures().misses(&with("ab")), []);
        assert_eq!(with("ab").misses(&with("ab")), []);
        let expected = Figure::Text("ab".into());
        let miss = Miss { figure: "file SHA-256", expected, measured: Figure::Text("cd".into()) };
        assert_eq!(with("ab").misses(&with("cd")), [miss]);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let text = "name = 'x'\ncheckpoint = 'm.onnx'\nfoo = 1\ncalibrate = {path = 'a'}\nevaluate = {path = 'b'}";
        assert!(toml::from_str::<Recipe>(text).unwrap_err().to_string().contains("foo"));
    }

    #[test]
    fn the_known_key_or_word_that_is_nearest_is_named() {
        let meant = |text: &str| super::meant(&toml::from_str::<Recipe>(text).unwrap_err());
        assert_eq!(meant("name = 'x'\nnormalise = 'unit'"), "did you mean `normalize`?");
        let train = |text: &str| meant(&format!("name = 'x'\n[train]\ndata = {{path = 'a'}}\nepochs = 1\n{text}"));
        assert_eq!(train("batch_size = 3"), "did you mean `batch`?");
        assert_eq!(train("optimizer = {kind = 'adamm'}"), "did you mean `adam`?");
        assert_eq!(train("optimizer = {kind = 'sgd', momentm = 1}"), "did you mean `momentum`?");
        assert_eq!(meant("name = 'x'\n[[layers]]\nop = 'dense'\nunit = 3"), "did you mean `units`?");
        assert_eq!(meant("name = 'x'\n[[layers]]\nop = 'conv'"), "did you mean `conv2d`?");
        assert_eq!(meant("name = 3"), "");
    }
}
