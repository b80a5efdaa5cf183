//! `mote run --raw`: stored bytes in, stored bytes out, as the device sees them; on the host, or on a device.

use super::model_file::ModelFile;
use super::on_device::OnDevice;
use super::{Hinted, Progress, Verdict, print};
use crate::data::{self, InputSpec, LoadOptions, write_npy};
use mote_runtime::format::{DType, Port};
use std::path::PathBuf;

pub(super) fn run(
    model: &ModelFile,
    files: &[(Option<String>, PathBuf)],
    window: &LoadOptions,
    targets: &[(usize, PathBuf)],
    progress: &Progress,
    mut device: Option<&mut OnDevice>,
) -> anyhow::Result<Verdict> {
    let mut runner = model.session.runner()?;
    let (inputs, outputs) = (runner.inputs().to_vec(), runner.outputs().to_vec());
    let stored = |(port, spec): (&Port, &InputSpec)| InputSpec {
        name: spec.name.clone(),
        shape: port.shape.iter().map(|&d| d as usize).collect(),
        channel_axis: None,
    };
    let specs: Vec<InputSpec> = inputs.iter().zip(&model.inputs).map(stored).collect();
    let data = data::load_each(files, &specs, window)?;
    let mut results: Vec<Vec<Vec<u8>>> = vec![Vec::new(); outputs.len()];
    let bar = progress.bar(data.len(), "running");
    for (i, sample) in data.samples.iter().enumerate() {
        let encode = |(port, values): (&Port, &Vec<f32>)| stored_bytes(port, values);
        let bytes: Option<Vec<Vec<u8>>> = inputs.iter().zip(sample).map(encode).collect();
        let bytes = bytes.ok_or_else(|| {
            let what = format!(
                "{}: not stored values: those of int8 inputs are whole numbers from -128 to 127, of int16 inputs from -32768 \
                 to 32767",
                data.sample_name(i)
            );
            Hinted::new(what, "leave out --raw to give the network's own values")
        })?;
        let slices: Vec<&[u8]> = bytes.iter().map(Vec::as_slice).collect();
        let mut outputs = runner.run_raw(&slices)?;
        if let Some(device) = &mut device {
            outputs = device.run(&bytes, outputs, &data.sample_name(i))?;
        }
        for (all, one) in results.iter_mut().zip(outputs) {
            all.push(one);
        }
        bar.step();
    }
    drop(bar);
    for (index, path) in targets {
        let (Some(port), Some(rows)) = (outputs.get(*index), results.get(*index)) else { continue };
        let shape: Vec<usize> = port.shape.iter().skip(1).map(|&d| d as usize).collect();
        if port.dtype == DType::F32 {
            let floats = |row: &Vec<u8>| row.as_chunks::<4>().0.iter().map(|c| f32::from_le_bytes(*c)).collect();
            write_npy::<f32>(path, &shape, &rows.iter().map(floats).collect::<Vec<_>>())?;
        } else if port.dtype == DType::I16 {
            write_npy::<i16>(path, &shape, &rows.iter().map(|row| words(row).collect()).collect::<Vec<_>>())?;
        } else {
            let signed = |row: &Vec<u8>| row.iter().map(|&b| b as i8).collect();
            write_npy::<i8>(path, &shape, &rows.iter().map(signed).collect::<Vec<_>>())?;
        }
        progress.note(format!("wrote {}", path.display()));
    }
    if targets.is_empty() {
        for row in results.first().into_iter().flatten() {
            let signed: Vec<String> = match outputs.first().map(|port| port.dtype) {
                Some(DType::I16) => words(row).map(|q| q.to_string()).collect(),
                _ => row.iter().map(|&b| (b as i8).to_string()).collect(),
            };
            print(signed.join(" "))?;
        }
    }
    Ok(device.map_or(Verdict::Pass, |device| device.verdict(progress)))
}

/// Stored int16 values.
fn words(row: &[u8]) -> impl Iterator<Item = i16> {
    row.as_chunks::<2>().0.iter().map(|c| i16::from_le_bytes(*c))
}

/// The arena bytes of values that are stored values already; `None` if one is not.
fn stored_bytes(port: &Port, values: &[f32]) -> Option<Vec<u8>> {
    if port.dtype == DType::F32 {
        return Some(values.iter().flat_map(|v| v.to_le_bytes()).collect());
    }
    if port.dtype == DType::I16 {
        let stored =
            |&v: &f32| (v.fract() == 0.0 && (-32768.0..=32767.0).contains(&v)).then_some((v as i16).to_le_bytes());
        return values.iter().map(stored).collect::<Option<Vec<_>>>().map(|words| words.concat());
    }
    let byte = |&v: &f32| (v.fract() == 0.0 && (-128.0..=127.0).contains(&v)).then_some(v as i8 as u8);
    values.iter().map(byte).collect()
}
