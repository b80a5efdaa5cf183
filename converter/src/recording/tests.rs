use super::*;
use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;

/// A tensor of a file: name, type, shape, bytes.
type Entry = (String, Dtype, Vec<usize>, Vec<u8>);

fn floats(name: &str, shape: &[usize], values: &[f32]) -> Entry {
    (name.into(), Dtype::F32, shape.to_vec(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// Two samples of a network with one layer.
fn entries() -> Vec<Entry> {
    vec![
        floats("input/x", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
        floats("layer/fc", &[2, 1], &[3.0, 7.0]),
        floats("output/y", &[2, 1], &[3.0, 7.0]),
        ("label".into(), Dtype::I64, vec![2], [1i64, 0].iter().flat_map(|v| v.to_le_bytes()).collect()),
    ]
}

fn manifest(dtype: &str) -> serde_json::Value {
    let port = |name: &str, kind: &str, size: usize| json!({"name": name, "tensor": format!("{kind}/{name}"), "shape": [2, size], "dtype": "float32"});
    json!({
        "format": 1, "name": "net", "task": "classification", "label": true, "device": "cpu", "samples": [5, 9],
        "inputs": [port("x", "input", 2)], "outputs": [port("y", "output", 1)],
        "layers": [{"name": "fc", "call": 1, "type": "Linear", "tensor": "layer/fc", "shape": [2, 1], "dtype": dtype}],
    })
}

fn serialize(entries: &[Entry], manifest: Option<&serde_json::Value>) -> Vec<u8> {
    let views = entries.iter().map(|(n, t, s, b)| (n.clone(), TensorView::new(*t, s.clone(), b).unwrap()));
    let metadata = manifest.map(|m| HashMap::from([("mote_recording".to_string(), m.to_string())]));
    safetensors::serialize(views, metadata).unwrap()
}

fn write(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn open(entries: &[Entry], manifest: Option<&serde_json::Value>) -> Result<Recording, RecordingError> {
    let folder = tempfile::tempdir().unwrap();
    Recording::open(&write(&folder, "net.safetensors", &serialize(entries, manifest)))
}

fn error(change: impl FnOnce(&mut Vec<Entry>)) -> String {
    let mut entries = entries();
    change(&mut entries);
    open(&entries, Some(&manifest("float32"))).unwrap_err().to_string()
}

#[test]
fn a_recording_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "net.safetensors", &serialize(&entries(), Some(&manifest("float32"))));
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.len(), recording.labels()), (2, Some(&[1, 0][..])));
    let chunk = recording.chunks().next().unwrap().unwrap();
    assert_eq!(chunk.sample("input/x", 1), [3.0, 4.0]);
    assert_eq!(chunk.sample("layer/fc", 0), [3.0]);
    assert_eq!(recording.network(), None);
    assert!(recording.epsilon() < 1e-6);
}

#[test]
fn half_precision_is_read_as_it_is() {
    let values = [0.1f32, 1000.5];
    for (dtype, name) in [(Dtype::F16, "float16"), (Dtype::BF16, "bfloat16")] {
        let bytes = values.iter().flat_map(|&v| match dtype {
            Dtype::F16 => f16::from_f32(v).to_le_bytes(),
            _ => bf16::from_f32(v).to_le_bytes(),
        });
        let mut entries = entries();
        entries[1] = ("layer/fc".into(), dtype, vec![2, 1], bytes.collect());
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "net.safetensors", &serialize(&entries, Some(&manifest(name))));
        let recording = Recording::open(&path).unwrap();
        let chunk = recording.chunks().next().unwrap().unwrap();
        for (i, v) in values.into_iter().enumerate() {
            let (got, relative) = (chunk.sample("layer/fc", i)[0], recording.epsilon() as f32);
            assert!((got - v).abs() <= v * relative, "{name}: {got} for {v}");
        }
        assert!(recording.epsilon() > 1e-4);
    }
}

#[test]
fn shards_are_read_in_the_order_of_their_samples() {
    let folder = tempfile::tempdir().unwrap();
    let mut weight_map = serde_json::Map::new();
    for (first, file) in [(0usize, "net-00001-of-00002.safetensors"), (1, "net-00002-of-00002.safetensors")] {
        let half = |(name, dtype, mut shape, bytes): Entry| {
            shape[0] = 1;
            let each = bytes.len() / 2;
            let name = format!("{name}@{first}");
            weight_map.insert(name.clone(), file.into());
            (name, dtype, shape, bytes[first * each..(first + 1) * each].to_vec())
        };
        let entries: Vec<Entry> = entries().into_iter().map(half).collect();
        write(&folder, file, &serialize(&entries, None));
    }
    let index = |map: &serde_json::Map<_, _>| {
        json!({"metadata": {"mote_recording": manifest("float32").to_string()}, "weight_map": map}).to_string()
    };
    let path = write(&folder, "net.safetensors.index.json", index(&weight_map).as_bytes());
    let recording = Recording::open(&path).unwrap();
    assert_eq!((recording.len(), recording.labels()), (2, Some(&[1, 0][..])));
    let inputs: Vec<f32> = recording.chunks().flat_map(|c| c.unwrap().sample("input/x", 0).to_vec()).collect();
    assert_eq!(inputs, [1.0, 2.0, 3.0, 4.0]);

    weight_map.insert("input/x@1".into(), "../elsewhere.safetensors".into());
    let path = write(&folder, "net.safetensors.index.json", index(&weight_map).as_bytes());
    assert!(matches!(Recording::open(&path), Err(RecordingError::Outside { .. })));
}

#[test]
fn each_fault_has_its_own_message() {
    assert!(error(|e| drop(e.remove(1))).contains("names tensor `layer/fc`, which no file holds"));
    assert!(error(|e| e[1].2 = vec![1, 2]).contains("has shape [1, 2], the manifest says [2, 1]"));
    let nan = error(|e| e[1].3[4..].copy_from_slice(&f32::NAN.to_le_bytes()));
    assert!(nan.contains("`layer/fc` holds NaN in sample 1"), "{nan}");
    let infinite = error(|e| e[0].3[..4].copy_from_slice(&f32::INFINITY.to_le_bytes()));
    assert!(infinite.contains("`input/x` holds infinity in sample 0"), "{infinite}");
    assert!(error(|e| e[3].3[..8].copy_from_slice(&(-1i64).to_le_bytes())).contains("label -1 of sample 0"));
    let wrong_type = open(&entries(), Some(&manifest("float16"))).unwrap_err().to_string();
    assert!(wrong_type.contains("has type float32, the manifest says float16"), "{wrong_type}");
    assert!(open(&entries(), None).unwrap_err().to_string().contains("no entry `mote_recording`"));
    let mut newer = manifest("float32");
    newer["format"] = json!(2);
    assert!(open(&entries(), Some(&newer)).unwrap_err().to_string().contains("format 2"));
}

#[test]
fn every_truncation_is_refused() {
    let whole = serialize(&entries(), Some(&manifest("float32")));
    let folder = tempfile::tempdir().unwrap();
    for length in 0..whole.len() {
        let path = write(&folder, "net.safetensors", &whole[..length]);
        let error = Recording::open(&path).unwrap_err();
        assert!(matches!(error, RecordingError::Damaged { .. }), "{length} bytes: {error}");
    }
}
