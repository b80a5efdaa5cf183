//! Reading recordings, a chunk of samples at a time.

use super::manifest::FORMAT;
use super::{Manifest, RecordingError};
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// How the name of an index of shards ends.
pub(super) const INDEX: &str = ".safetensors.index.json";

/// A recording whose tensors were found to be what its manifest says. The files are read again chunk by chunk.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it says about itself.
    pub manifest: Manifest,
    folder: PathBuf,
    chunks: Vec<ChunkFile>,
    samples: usize,
    labels: Option<Vec<usize>>,
}

/// Where some samples lie.
#[derive(Clone, Debug)]
struct ChunkFile {
    file: PathBuf,
    first: usize,
    samples: usize,
    /// What follows the names of tensors in this file.
    suffix: String,
}

/// Some samples in memory.
pub struct Chunk {
    /// Number of the first one in the recording.
    pub first: usize,
    /// How many.
    pub samples: usize,
    tensors: HashMap<String, Vec<f32>>,
}

impl Chunk {
    /// The elements of sample `index` of this chunk.
    pub fn sample(&self, tensor: &str, index: usize) -> &[f32] {
        let Some(all) = self.tensors.get(tensor) else { return &[] };
        let each = all.len() / self.samples.max(1);
        all.get(index * each..(index + 1) * each).unwrap_or_default()
    }
}

/// The part of an index of shards that counts.
#[derive(serde::Deserialize)]
struct Index {
    metadata: BTreeMap<String, serde_json::Value>,
    weight_map: BTreeMap<String, String>,
}

impl Recording {
    /// Opens a `.safetensors` file, or a `.safetensors.index.json`, and checks all of it.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let is_index = path.to_string_lossy().ends_with(INDEX);
        let (manifest, files) = if is_index { read_index(path)? } else { read_single(path)? };
        if manifest.format != FORMAT {
            return Err(RecordingError::Format { found: manifest.format, known: FORMAT });
        }
        for (what, missing) in [("inputs", manifest.inputs.is_empty()), ("outputs", manifest.outputs.is_empty())] {
            if missing {
                return Err(RecordingError::Nothing { what });
            }
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut recording = Self { manifest, folder, chunks: Vec::new(), samples: 0, labels: None };
        let expected = recording.manifest.inputs[0].shape.first().copied().unwrap_or(0);
        let mut labels = Vec::new();
        for (first, file, suffix) in files {
            let samples = recording.check_file(&file, &suffix, first, &mut labels)?;
            recording.chunks.push(ChunkFile { file, first, samples, suffix });
            recording.samples += samples;
        }
        if recording.samples == 0 {
            return Err(RecordingError::Nothing { what: "samples" });
        }
        if recording.samples != expected {
            let tensor = recording.manifest.inputs[0].tensor.clone();
            return Err(RecordingError::Samples { tensor, expected, found: recording.samples });
        }
        if recording.manifest.label {
            recording.labels = Some(labels);
        }
        Ok(recording)
    }

    /// Samples in all.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// True if there are none; such recordings are refused.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Class of each sample, if they are known.
    pub fn labels(&self) -> Option<&[usize]> {
        self.labels.as_deref()
    }

    /// The network that was recorded, if its file is there.
    pub fn network(&self) -> Option<PathBuf> {
        let name = Path::new(self.manifest.onnx.as_deref()?).file_name()?;
        let path = self.folder.join(name);
        path.is_file().then_some(path)
    }

    /// The largest relative error of one rounding to the widest type that activations were recorded in.
    pub fn epsilon(&self) -> f64 {
        let dtypes = self.manifest.layers.iter().map(|l| l.dtype.as_str());
        let dtypes = dtypes.chain(self.manifest.outputs.iter().map(|o| o.dtype.as_str()));
        let of = |dtype| match dtype {
            "bfloat16" => f64::from(bf16::EPSILON.to_f32()),
            "float16" => f64::from(f16::EPSILON.to_f32()),
            _ => f64::from(f32::EPSILON),
        };
        dtypes.map(of).fold(0.0, f64::max)
    }

    /// All samples, some at a time.
    pub fn chunks(&self) -> impl Iterator<Item = Result<Chunk, RecordingError>> + '_ {
        self.chunks.iter().map(|at| self.read_chunk(at))
    }

    fn read_chunk(&self, at: &ChunkFile) -> Result<Chunk, RecordingError> {
        let bytes = read(&at.file)?;
        let tensors = parse(&at.file, &bytes)?;
        let of = |name: &str| -> Result<(String, Vec<f32>), RecordingError> {
            Ok((name.into(), real_numbers(name, &find(&tensors, name, &at.suffix)?)?))
        };
        let tensors = self.tensors().map(|(name, ..)| of(name)).collect::<Result<_, _>>()?;
        Ok(Chunk { first: at.first, samples: at.samples, tensors })
    }

    /// Name, shape and type of all tensors of real numbers.
    fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], &str)> {
        let Manifest { inputs, outputs, layers, .. } = &self.manifest;
        let ports = inputs.iter().chain(outputs).map(|t| (t.tensor.as_str(), t.shape.as_slice(), t.dtype.as_str()));
        ports.chain(layers.iter().map(|l| (l.tensor.as_str(), l.shape.as_slice(), l.dtype.as_str())))
    }

    /// Checks every tensor of one file and appends its labels; gives the number of its samples.
    fn check_file(
        &self,
        file: &Path,
        suffix: &str,
        first: usize,
        labels: &mut Vec<usize>,
    ) -> Result<usize, RecordingError> {
        let bytes = read(file)?;
        let tensors = parse(file, &bytes)?;
        let mut samples = None;
        for (name, shape, dtype) in self.tensors() {
            let view = find(&tensors, name, suffix)?;
            let found = view.shape().to_vec();
            let same_sample = found.len() == shape.len() && !found.is_empty() && found[1..] == shape[1..];
            // A shard has some of the samples only.
            if !same_sample || (suffix.is_empty() && found != shape) {
                return Err(RecordingError::Shape { tensor: name.into(), expected: shape.to_vec(), found });
            }
            if dtype_name(view.dtype()) != dtype {
                let (expected, found) = (dtype.into(), dtype_name(view.dtype()).into());
                return Err(RecordingError::Type { tensor: name.into(), expected, found });
            }
            let expected = *samples.get_or_insert(found[0]);
            if found[0] != expected {
                return Err(RecordingError::Samples { tensor: name.into(), expected, found: found[0] });
            }
            let each = found[1..].iter().product::<usize>().max(1);
            let values = real_numbers(name, &view)?;
            if let Some(bad) = values.iter().position(|v| !v.is_finite()) {
                let what = if values[bad].is_nan() { "NaN" } else { "infinity" };
                return Err(RecordingError::NotFinite { tensor: name.into(), what, sample: first + bad / each });
            }
        }
        let samples = samples.unwrap_or(0);
        if self.manifest.label {
            let view = find(&tensors, "label", suffix)?;
            let found = whole_numbers("label", &view)?;
            if found.len() != samples {
                return Err(RecordingError::Samples { tensor: "label".into(), expected: samples, found: found.len() });
            }
            for (sample, label) in found.into_iter().enumerate() {
                let class = usize::try_from(label);
                labels.push(class.map_err(|_| RecordingError::Label { label, sample: first + sample })?);
            }
        }
        Ok(samples)
    }
}

/// First sample, file and suffix of each chunk.
type Files = Vec<(usize, PathBuf, String)>;

fn read_single(path: &Path) -> Result<(Manifest, Files), RecordingError> {
    let bytes = read(path)?;
    let damaged = |error| RecordingError::Damaged { file: path.display().to_string(), error };
    let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let entry = metadata.metadata().as_ref().and_then(|m| m.get(ENTRY));
    let manifest = parse_manifest(path, entry.map(String::as_str))?;
    Ok((manifest, vec![(0, path.to_path_buf(), String::new())]))
}

fn read_index(path: &Path) -> Result<(Manifest, Files), RecordingError> {
    let file = path.display().to_string();
    let index: Index =
        serde_json::from_slice(&read(path)?).map_err(|error| RecordingError::Index { file: file.clone(), error })?;
    let manifest = parse_manifest(path, index.metadata.get(ENTRY).and_then(serde_json::Value::as_str))?;
    let first_input = manifest.inputs.first().map(|t| t.tensor.clone()).unwrap_or_default();
    let mut files = Vec::new();
    for (tensor, shard) in &index.weight_map {
        // The chunks are those of the first input; where its other tensors lie is checked when the file is read.
        let Some(first) = tensor.strip_prefix(&first_input).and_then(|rest| rest.strip_prefix('@')) else { continue };
        let Ok(number) = first.parse::<usize>() else { continue };
        // The index must not lead out of its folder.
        let is_name = Path::new(shard).file_name().is_some_and(|name| name == shard.as_str());
        if !is_name {
            return Err(RecordingError::Outside { file: shard.clone() });
        }
        files.push((number, path.with_file_name(shard), format!("@{number}")));
    }
    files.sort();
    Ok((manifest, files))
}

const ENTRY: &str = "mote_recording";

fn parse_manifest(path: &Path, text: Option<&str>) -> Result<Manifest, RecordingError> {
    let file = path.display().to_string();
    let Some(text) = text else { return Err(RecordingError::NoManifest { file }) };
    serde_json::from_str(text).map_err(|error| RecordingError::Manifest { file, error })
}

fn read(path: &Path) -> Result<Vec<u8>, RecordingError> {
    std::fs::read(path).map_err(|error| RecordingError::Io { file: path.display().to_string(), error })
}

fn parse<'a>(file: &Path, bytes: &'a [u8]) -> Result<SafeTensors<'a>, RecordingError> {
    let damaged = |error| RecordingError::Damaged { file: file.display().to_string(), error };
    SafeTensors::deserialize(bytes).map_err(damaged)
}

fn find<'a>(tensors: &SafeTensors<'a>, name: &str, suffix: &str) -> Result<TensorView<'a>, RecordingError> {
    let full = format!("{name}{suffix}");
    tensors.tensor(&full).map_err(|_| RecordingError::Missing { tensor: full })
}

/// As NumPy spells it.
fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "float64",
        Dtype::F32 => "float32",
        Dtype::F16 => "float16",
        Dtype::BF16 => "bfloat16",
        Dtype::I64 => "int64",
        Dtype::I32 => "int32",
        Dtype::I16 => "int16",
        Dtype::I8 => "int8",
        Dtype::U8 => "uint8",
        Dtype::BOOL => "bool",
        _ => "something else",
    }
}

/// The elements as float32: wider ones are rounded.
fn real_numbers(name: &str, view: &TensorView) -> Result<Vec<f32>, RecordingError> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        _ => whole_numbers(name, view)?.into_iter().map(|v| v as f32).collect(),
    })
}

fn whole_numbers(name: &str, view: &TensorView) -> Result<Vec<i64>, RecordingError> {
    let data = view.data();
    Ok(match view.dtype() {
        Dtype::I64 => data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
        Dtype::I32 => data.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect(),
        Dtype::I16 => data.as_chunks().0.iter().map(|b| i64::from(i16::from_le_bytes(*b))).collect(),
        Dtype::I8 => data.iter().map(|&b| i64::from(b as i8)).collect(),
        Dtype::U8 | Dtype::BOOL => data.iter().map(|&b| i64::from(b)).collect(),
        other => return Err(RecordingError::NotReal { tensor: name.into(), found: dtype_name(other).into() }),
    })
}
