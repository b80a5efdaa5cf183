//! `mote compare --golden`: every recorded tensor of a TensorFlow Lite run, byte for byte.

use super::model_file::{ModelFile, read};
use super::out::print_json;
use super::table::{Table, count};
use super::{Hinted, Verdict, print};
use crate::import::{ImportOptions, tflite};
use crate::validate::{GoldenTensor, Outcome, compare_golden};
use anyhow::Context;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Compares and prints. `golden` is a dump, or the folder with its layers.safetensors; the inputs lie beside it.
pub(super) fn run(model: &Path, file: &ModelFile, golden: &Path, json: bool) -> anyhow::Result<Verdict> {
    let (folder, dump) = places(golden);
    let source = read(model)?;
    if !tflite::is_tflite(&source) {
        let what = format!("`{}` is not a TensorFlow Lite file", model.display());
        return Err(Hinted::new(what, "--golden compares with the records of a TensorFlow Lite run").into());
    }
    let cannot = || format!("cannot compare with `{}`", dump.display());
    let source = tflite::import(&source, &ImportOptions::default()).with_context(cannot)?;
    let inputs = inputs(&folder, file)?;
    let tensors = compare_golden(&source, &file.session, &read(&dump)?, &inputs).with_context(cannot)?;
    let of = |wanted: fn(&Outcome) -> bool| tensors.iter().filter(|t| wanted(&t.outcome)).count();
    let (identical, different) = (of(|o| *o == Outcome::Identical), of(|o| matches!(o, Outcome::Different { .. })));
    let missing = tensors.len() - identical - different;
    if json {
        print_json(&json!({
            "schema": 1,
            "golden": dump.display().to_string(),
            "tensors": tensors,
            "identical": identical,
            "different": different,
            "not_materialized": missing,
            "held": different == 0,
        }))?;
    } else {
        print(table(&tensors).to_string())?;
        print(format!(
            "\n{} of {} tensors identical, {different} different, {missing} not materialized.{}",
            identical,
            tensors.len(),
            if different > 0 { "\nFAILED: the first different tensor above is where to look." } else { "" }
        ))?;
    }
    Ok(Verdict::of(different == 0))
}

fn places(golden: &Path) -> (PathBuf, PathBuf) {
    if golden.is_dir() {
        return (golden.into(), golden.join("layers.safetensors"));
    }
    (super::whole_file::folder_of(golden).into(), golden.into())
}

/// Stored bytes of every input of every sample, from `inputs.npy`, or `inputs_0.npy` and so on.
fn inputs(folder: &Path, file: &ModelFile) -> anyhow::Result<Vec<Vec<Vec<u8>>>> {
    let ports = &file.summary.inputs;
    let mut samples: Vec<Vec<Vec<u8>>> = Vec::new();
    for (i, port) in ports.iter().enumerate() {
        let name = if ports.len() == 1 { "inputs.npy".into() } else { format!("inputs_{i}.npy") };
        let path = folder.join(&name);
        let bytes = read(&path)?;
        let header = npyz::NpyHeader::from_reader(&bytes[..])
            .with_context(|| Hinted::new(format!("cannot read `{}`", path.display()), "it must be a NumPy file"))?;
        let one = port.arena_bytes as usize;
        let wrong = || {
            let what = format!(
                "`{}` of shape {:?} does not hold {} {:?} samples",
                path.display(),
                header.shape(),
                port.dtype,
                port.shape
            );
            Hinted::new(what, "give the inputs as the network stores them")
        };
        let n = header.shape().first().copied().unwrap_or(0) as usize;
        let data = n.checked_mul(one).and_then(|len| bytes.len().checked_sub(len)).map(|start| bytes.split_at(start).1);
        let elements: Option<u64> = header.shape().iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let per_sample = port.shape.iter().map(|&d| u64::from(d)).product::<u64>();
        let data = data.filter(|_| elements == (n as u64).checked_mul(per_sample) && n > 0).ok_or_else(wrong)?;
        if samples.is_empty() {
            samples.resize(n, Vec::new());
        }
        if samples.len() != n {
            return Err(wrong().into());
        }
        samples.iter_mut().zip(data.chunks_exact(one.max(1))).for_each(|(s, bytes)| s.push(bytes.to_vec()));
    }
    Ok(samples)
}

fn table(tensors: &[GoldenTensor]) -> Table {
    let mut table = Table::new(&[">tensor", "name", ">bytes", "", "note"]);
    for t in tensors {
        let verdict = match t.outcome {
            Outcome::Identical => "identical".into(),
            Outcome::Different { bytes_apart, sample, byte } => {
                format!("{} DIFFERENT, first in sample {sample} at {byte}", count(bytes_apart as u64))
            }
            Outcome::NotMaterialized => "not materialized".into(),
        };
        let note = t.note.clone().unwrap_or_default();
        table.row(&[t.tensor.to_string(), t.name.clone(), count(t.bytes as u64), verdict, note]);
    }
    table
}
