//! From a path to a data set: which loader, then what every loader shares.

use super::layout::{self, InputSpec};
use super::npy::{self, Array, Window};
use super::npz::Archive;
use super::{DataError, Dataset, LoadOptions, Normalization, csv, idx, images, labels, recorded};
use crate::recording::is_recording;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Loads the data set at `path` for a model with these inputs.
pub fn load(path: &Path, inputs: &[InputSpec], options: &LoadOptions) -> Result<Dataset, DataError> {
    // A recording holds what the network got.
    let options = &if is_recording(path) {
        LoadOptions { normalization: Normalization::default(), dequantize: None, ..options.clone() }
    } else {
        options.clone()
    };
    for input in inputs {
        options.normalization.check(input)?;
    }
    let mut loaded = if path.is_dir() { folder(path, inputs, options)? } else { file(path, inputs, options)? };
    if let Some(file) = &options.labels {
        let all = labels::read(file, loaded.total, &options.class_names)?;
        loaded.data.labels = Some(all.into_iter().skip(options.skip).take(loaded.data.len()).collect());
    }
    loaded.data.origin = describe(path, &loaded, options);
    Ok(loaded.data)
}

/// Loads one array file per input: `(Some(input name), path)`, or `(None, path)` for a model with one input.
pub fn load_each(
    files: &[(Option<String>, PathBuf)],
    inputs: &[InputSpec],
    options: &LoadOptions,
) -> Result<Dataset, DataError> {
    if let [(None, path)] = files {
        return load(path, inputs, options);
    }
    let names = || inputs.iter().map(|i| i.name.clone()).collect::<Vec<_>>();
    if let Some((name, _)) = files.iter().find(|(n, _)| !inputs.iter().any(|i| Some(&i.name) == n.as_ref())) {
        return Err(DataError::NoSuchInput { name: name.clone().unwrap_or_default(), inputs: names() });
    }
    let mut columns = Vec::new();
    for input in inputs {
        let given = files.iter().find(|(n, _)| n.as_ref() == Some(&input.name));
        let (_, path) = given.ok_or_else(|| DataError::NotGiven { input: input.name.clone() })?;
        columns.push(load(path, std::slice::from_ref(input), options)?);
    }
    let (Some(first), Some(a)) = (columns.first(), inputs.first()) else { return Ok(Dataset::default()) };
    for (other, b) in columns.iter().zip(inputs) {
        if other.len() != first.len() {
            let (a, b) = (a.name.clone(), b.name.clone());
            return Err(DataError::UnequalSamples { a, a_samples: first.len(), b, b_samples: other.len() });
        }
    }
    let origin = columns.iter().map(|c| c.origin.clone()).collect::<Vec<_>>().join(" and ");
    let labels = columns.iter().find_map(|c| c.labels.clone());
    let mut rows: Vec<_> = columns.into_iter().map(|c| c.samples.into_iter().flatten()).collect();
    let mut samples = Vec::new();
    while let Some(sample) = rows.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
        samples.push(sample);
    }
    Ok(Dataset { samples, labels, origin, ..Dataset::default() })
}

/// The rows of a `.npy` array, whatever they mean.
pub fn load_rows(path: &Path) -> Result<Vec<Vec<f32>>, DataError> {
    let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
    Ok(npy::read(BufReader::new(file), path, npy::Window::default(), |_, _| Ok(()))?.rows)
}

/// The lines of a text file, trimmed; for class names.
pub fn load_text_lines(path: &Path) -> Result<Vec<String>, DataError> {
    let text = std::fs::read_to_string(path).map_err(|source| DataError::Read { path: path.into(), source })?;
    Ok(text.trim_end().lines().map(|l| l.trim().to_string()).collect())
}

/// A data set, and how many samples its source holds.
struct Loaded {
    data: Dataset,
    total: usize,
}

fn describe(path: &Path, loaded: &Loaded, options: &LoadOptions) -> String {
    let mut text = format!("{} samples of {}", loaded.data.len(), path.display());
    if loaded.data.len() < loaded.total {
        text += &format!(" ({}..{} of {})", options.skip, options.skip + loaded.data.len(), loaded.total);
    }
    if let Some((scale, zero_point)) = options.dequantize {
        text += &format!(", dequantized {scale},{zero_point}");
    }
    text + &format!(", normalization {}", options.normalization)
}

fn window(options: &LoadOptions) -> Window {
    Window { skip: options.skip, limit: options.limit }
}

fn only<'a>(path: &Path, inputs: &'a [InputSpec]) -> Result<&'a InputSpec, DataError> {
    match inputs {
        [one] => Ok(one),
        _ => Err(DataError::OneInput { path: path.into(), inputs: inputs.iter().map(|i| i.name.clone()).collect() }),
    }
}

fn folder(path: &Path, inputs: &[InputSpec], options: &LoadOptions) -> Result<Loaded, DataError> {
    let (folders, files) = images::entries(path)?;
    if let Some(file) = idx::images_in(path, &files)? {
        return self::file(&file, inputs, options);
    }
    if folders.is_empty() && !files.iter().any(|f| images::is_picture(f)) {
        let names: Vec<_> = files.iter().filter_map(|f| f.file_name()).map(|n| n.to_string_lossy()).take(4).collect();
        let found =
            if names.is_empty() { "an empty folder".into() } else { format!("a folder with {}", names.join(", ")) };
        return Err(DataError::Unknown { path: path.into(), found });
    }
    let input = only(path, inputs)?;
    let pictures = images::read(path, input, options.resize, &options.class_names, window(options))?;
    let names = pictures.names;
    let samples = finish(path, input, pictures.rows, options, |i| names.get(i).cloned().unwrap_or_default())?;
    let samples = samples.into_iter().map(|s| vec![s]).collect();
    let (labels, class_names, total) = (pictures.labels, pictures.class_names, pictures.total);
    Ok(Loaded { data: Dataset { samples, labels, class_names, sample_names: names, origin: String::new() }, total })
}

fn file(path: &Path, inputs: &[InputSpec], options: &LoadOptions) -> Result<Loaded, DataError> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "npy" => {
            let input = only(path, inputs)?;
            let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
            let accept = |n, shape: &[usize]| layout::fit(path, input, n, shape, options.layout).map(drop);
            one_array(path, input, npy::read(BufReader::new(file), path, window(options), accept)?, None, options)
        }
        "npz" => archive(path, inputs, options),
        _ if is_recording(path) && path.exists() => {
            let (data, total) = recorded::read(path, inputs, window(options))?;
            Ok(Loaded { data, total })
        }
        "csv" => {
            let input = only(path, inputs)?;
            let table = csv::read(path, input, options.label_column, &options.class_names, window(options))?;
            let array = Array { shape: input.shape.clone(), total: table.total, rows: table.rows };
            one_array(path, input, array, table.labels, options)
        }
        _ if idx::is_name(path) => {
            let input = only(path, inputs)?;
            let accept = |n, shape: &[usize]| layout::fit(path, input, n, shape, options.layout).map(drop);
            let array = idx::read(path, window(options), accept)?;
            let beside = idx::labels_beside(path).filter(|_| options.labels.is_none());
            let all = beside.map(|file| labels::read(&file, array.total, &options.class_names)).transpose()?;
            let labels = all.map(|l| l.into_iter().skip(options.skip).take(array.rows.len()).collect());
            one_array(path, input, array, labels, options)
        }
        _ if !path.exists() => Err(DataError::Read { path: path.into(), source: std::io::ErrorKind::NotFound.into() }),
        "" => Err(DataError::Unknown { path: path.into(), found: "a file without extension".into() }),
        other => Err(DataError::Unknown { path: path.into(), found: format!("a .{other} file") }),
    }
}

fn archive(path: &Path, inputs: &[InputSpec], options: &LoadOptions) -> Result<Loaded, DataError> {
    let mut archive = Archive::open(path)?;
    let mut names = Vec::new();
    let mut columns = Vec::new();
    let mut totals: Vec<(String, usize)> = Vec::new();
    for input in inputs {
        let name = archive.input_name(input, inputs.len() == 1)?;
        let accept = |n, shape: &[usize]| layout::fit(path, input, n, shape, options.layout).map(drop);
        let array = archive.read(&name, window(options), accept)?;
        if let Some((a, a_samples)) = totals.first().filter(|t| t.1 != array.total) {
            let (a, b) = (a.clone(), name);
            return Err(DataError::UnequalSamples { a, a_samples: *a_samples, b, b_samples: array.total });
        }
        totals.push((name.clone(), array.total));
        names.push(name);
        columns.push(prepare(path, input, array, options)?.into_iter());
    }
    let mut samples = Vec::new();
    while let Some(sample) = columns.iter_mut().map(Iterator::next).collect::<Option<Vec<_>>>() {
        samples.push(sample);
        if columns.is_empty() {
            break;
        }
    }
    let total = totals.first().map_or(0, |t| t.1);
    let mut labels = None;
    if let (Some(name), None) = (archive.label_name(&names), &options.labels) {
        let array = archive.read(&name, window(options), |_, _| Ok(()))?;
        if array.total != total {
            return Err(DataError::LabelCount { path: path.into(), labels: array.total, samples: total });
        }
        labels = Some(labels::of_rows(path, array.rows)?);
    }
    Ok(Loaded { data: Dataset { samples, labels, ..Dataset::default() }, total })
}

fn one_array(
    path: &Path,
    input: &InputSpec,
    array: Array,
    labels: Option<Vec<usize>>,
    options: &LoadOptions,
) -> Result<Loaded, DataError> {
    let total = array.total;
    let samples = prepare(path, input, array, options)?.into_iter().map(|s| vec![s]).collect();
    Ok(Loaded { data: Dataset { samples, labels, ..Dataset::default() }, total })
}

/// Puts an array's rows into the source's order and units.
fn prepare(path: &Path, input: &InputSpec, array: Array, options: &LoadOptions) -> Result<Vec<Vec<f32>>, DataError> {
    let fit = layout::fit(path, input, array.total, &array.shape, options.layout)?;
    let rows = array.rows.into_iter().map(|r| fit.apply(r)).collect();
    finish(path, input, rows, options, |i| format!("sample {}", options.skip + i))
}

/// Dequantizes and normalises rows that are in the source's order, and refuses what is not finite.
fn finish(
    path: &Path,
    input: &InputSpec,
    mut rows: Vec<Vec<f32>>,
    options: &LoadOptions,
    name: impl Fn(usize) -> String,
) -> Result<Vec<Vec<f32>>, DataError> {
    for (i, row) in rows.iter_mut().enumerate() {
        if let Some((scale, zero_point)) = options.dequantize {
            row.iter_mut().for_each(|v| *v = (*v - zero_point as f32) * scale);
        }
        options.normalization.apply(input, row);
        if let Some((element, &value)) = row.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            let (path, sample, input) = (path.into(), name(i), input.name.clone());
            return Err(DataError::NotFinite { path, sample, input, element, value });
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
