//! State dicts as `torch.save` writes them: `.pt` and `.pth`.

use crate::ir::io::{Floats, LoadError};
use pytorch_reader::{DType, PytorchReader, Tensor};
use std::io::Write;

/// Keys under which training scripts keep the state dict among other things.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// True if the bytes may be a file of `torch.save`: a ZIP archive, or a pickle.
pub(super) fn is_pytorch(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || matches!(bytes, [0x80, 2..=5, ..])
}

/// All tensors of floats, by name, as float32. Others, such as counters, are left out.
pub(super) fn floats(bytes: &[u8]) -> Result<Floats, LoadError> {
    let wrong = |what: String| LoadError::Pytorch { what };
    // The reader fetches tensors from a file when they are asked for.
    let mut file = tempfile::NamedTempFile::new().map_err(|e| wrong(e.to_string()))?;
    file.write_all(bytes).map_err(|e| wrong(e.to_string()))?;
    let reader = PytorchReader::new(file.path()).map_err(|e| wrong(e.to_string()))?;
    let prefix = KEYS.iter().map(|key| format!("{key}.")).find(|p| reader.tensors().keys().any(|n| n.starts_with(p)));
    let mut floats = Floats::new();
    for (name, tensor) in reader.tensors() {
        let name = match &prefix {
            Some(prefix) => match name.strip_prefix(prefix.as_str()) {
                Some(name) => name,
                None => continue,
            },
            None => name,
        };
        // Added by DataParallel.
        let name = name.strip_prefix("module.").unwrap_or(name);
        if let Some(data) = elements(tensor).map_err(|e| wrong(format!("`{name}`: {e}")))? {
            floats.insert(name.into(), (tensor.shape().to_vec(), data));
        }
    }
    if floats.is_empty() {
        return Err(wrong("it holds no tensors of floats; save model.state_dict()".into()));
    }
    Ok(floats)
}

fn elements(tensor: &Tensor) -> std::io::Result<Option<Vec<f32>>> {
    let bytes = match tensor.dtype() {
        DType::F32 | DType::F64 | DType::F16 | DType::BF16 => tensor.read()?,
        _ => return Ok(None),
    };
    let data: Vec<f32> = match tensor.dtype() {
        DType::F32 => bytemuck::pod_collect_to_vec(&bytes),
        DType::F64 => bytemuck::pod_collect_to_vec::<u8, f64>(&bytes).iter().map(|&v| v as f32).collect(),
        DType::F16 => bytemuck::pod_collect_to_vec::<u8, half::f16>(&bytes).iter().map(|v| v.to_f32()).collect(),
        _ => bytemuck::pod_collect_to_vec::<u8, half::bf16>(&bytes).iter().map(|v| v.to_f32()).collect(),
    };
    let fits = data.len() == tensor.shape().iter().product::<usize>();
    Ok(fits.then_some(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use zip::write::SimpleFileOptions;

    /// What Python's pickle writes for an `OrderedDict` of tensors, protocol 2, as `torch.save` has it.
    fn pickle(tensors: &[(&str, &str, Vec<usize>)], key: Option<&str>) -> Vec<u8> {
        let mut p = vec![0x80, 2];
        let text = |p: &mut Vec<u8>, s: &str| {
            p.push(b'X');
            p.extend((s.len() as u32).to_le_bytes());
            p.extend(s.as_bytes());
        };
        let int = |p: &mut Vec<u8>, n: usize| {
            p.push(b'J');
            p.extend((n as u32).to_le_bytes());
        };
        if let Some(key) = key {
            p.extend(b"}(");
            text(&mut p, "epoch");
            int(&mut p, 3);
            text(&mut p, key);
        }
        p.extend(b"ccollections\nOrderedDict\n)R(");
        for (index, (name, storage, shape)) in tensors.iter().enumerate() {
            text(&mut p, name);
            p.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            text(&mut p, "storage");
            p.extend(format!("ctorch\n{storage}\n").bytes());
            text(&mut p, &index.to_string());
            text(&mut p, "cpu");
            int(&mut p, shape.iter().product());
            // The persistent id, the offset, then sizes and strides.
            p.extend(b"tQ");
            int(&mut p, 0);
            p.push(b'(');
            shape.iter().for_each(|&n| int(&mut p, n));
            p.extend(b"t(");
            (0..shape.len()).for_each(|axis| int(&mut p, shape[axis + 1..].iter().product()));
            p.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
        }
        p.push(b'u');
        if key.is_some() {
            p.push(b'u');
        }
        p.push(b'.');
        p
    }

    fn archive(pickle: &[u8], storages: &[Vec<u8>]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut add = |name: &str, bytes: &[u8]| {
            zip.start_file(format!("archive/{name}"), stored).unwrap();
            zip.write_all(bytes).unwrap();
        };
        add("data.pkl", pickle);
        add("byteorder", b"little");
        storages.iter().enumerate().for_each(|(i, bytes)| add(&format!("data/{i}"), bytes));
        add("version", b"3\n");
        zip.finish().unwrap().into_inner()
    }

    fn example(key: Option<&str>, prefix: &str) -> Vec<u8> {
        let names = ["conv.weight", "conv.bias", "norm.num_batches_tracked"].map(|n| format!("{prefix}{n}"));
        let tensors = [
            (names[0].as_str(), "FloatStorage", vec![2, 1, 1, 3]),
            (names[1].as_str(), "HalfStorage", vec![2]),
            (names[2].as_str(), "LongStorage", vec![]),
        ];
        let floats: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let halves = [0.5f32, -2.0].iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect();
        archive(&pickle(&tensors, key), &[floats, halves, vec![7, 0, 0, 0, 0, 0, 0, 0]])
    }

    #[test]
    fn a_state_dict_is_read_wherever_a_script_puts_it() {
        for (key, prefix) in [(None, ""), (Some("state_dict"), ""), (Some("model_state_dict"), "module.")] {
            let bytes = example(key, prefix);
            assert!(is_pytorch(&bytes));
            let floats = floats(&bytes).unwrap_or_else(|e| panic!("{key:?}: {e}"));
            assert_eq!(floats.keys().collect::<Vec<_>>(), ["conv.bias", "conv.weight"], "{key:?}");
            assert_eq!(floats["conv.weight"], (vec![2, 1, 1, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
            assert_eq!(floats["conv.bias"], (vec![2], vec![0.5, -2.0]));
        }
    }

    #[test]
    fn damaged_files_give_an_error_or_other_numbers() {
        let bytes = example(None, "");
        for end in 0..bytes.len() {
            assert!(floats(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                let _ = floats(&damaged);
            }
        }
        let text = floats(&archive(&pickle(&[], None), &[])).unwrap_err().to_string();
        assert!(text.contains("save model.state_dict()"), "{text}");
    }
}
