use super::*;
use crate::data::{DataLayout, LabelColumn, Normalization, write_npy};
use npyz::WriterBuilder;
use tempfile::TempDir;

fn input(name: &str, shape: &[usize], channel_axis: usize) -> InputSpec {
    InputSpec { name: name.into(), shape: shape.to_vec(), channel_axis: Some(channel_axis) }
}

/// 2 channels, 1 row, 3 columns.
fn nchw() -> Vec<InputSpec> {
    vec![input("x", &[1, 2, 1, 3], 1)]
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn save<T: npyz::AutoSerialize + npyz::Serialize + Clone>(
    dir: &TempDir,
    name: &str,
    shape: &[usize],
    rows: &[Vec<T>],
) -> PathBuf {
    let path = dir.path().join(name);
    write_npy(&path, shape, rows).unwrap();
    path
}

fn ramp(n: usize) -> Vec<f32> {
    (0..n).map(|v| v as f32).collect()
}

fn error(result: Result<Dataset, DataError>) -> (String, String) {
    let e = result.unwrap_err();
    (e.to_string(), e.hint().unwrap_or_default())
}

fn load_default(path: &Path, inputs: &[InputSpec]) -> Result<Dataset, DataError> {
    load(path, inputs, &LoadOptions::default())
}

#[test]
fn array_in_source_shape_loads_as_it_is() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[2, 1, 3], &[ramp(6), ramp(6)]);
    let data = load_default(&path, &nchw()).unwrap();
    assert_eq!(data.samples, vec![vec![ramp(6)], vec![ramp(6)]]);
    assert!(data.labels.is_none());
}

#[test]
fn axes_of_size_one_may_differ() {
    let dir = folder();
    for shape in [&[1, 2, 1, 3][..], &[2, 3], &[2, 1, 3, 1]] {
        let path = save(&dir, "x.npy", shape, &[ramp(6)]);
        assert_eq!(load_default(&path, &nchw()).unwrap().samples, vec![vec![ramp(6)]], "{shape:?}");
    }
}

#[test]
fn other_shapes_name_both_sides() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[28, 28], &[ramp(784)]);
    let (text, hint) = error(load_default(&path, &nchw()));
    assert!(text.contains("input `x` expects shape [1, 2, 1, 3], got 1 samples of shape [28, 28]"), "{text}");
    assert!(hint.contains("[n, 2, 1, 3]"), "{hint}");
}

#[test]
fn channels_last_data_are_permuted_only_when_told() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[1, 3, 2], &[ramp(6)]);
    let (_, hint) = error(load_default(&path, &nchw()));
    assert!(hint.contains("--data-layout nhwc"), "{hint}");
    let options = LoadOptions { layout: DataLayout::Nhwc, ..LoadOptions::default() };
    let data = load(&path, &nchw(), &options).unwrap();
    assert_eq!(data.samples, vec![vec![vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0]]]);
}

#[test]
fn channels_first_data_feed_a_channels_last_model() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[2, 1, 3], &[ramp(6)]);
    let options = LoadOptions { layout: DataLayout::Nchw, ..LoadOptions::default() };
    let data = load(&path, &[input("x", &[1, 1, 3, 2], 3)], &options).unwrap();
    assert_eq!(data.samples, vec![vec![vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]]]);
}

#[test]
fn a_lone_sample_without_sample_axis_gets_the_right_hint() {
    let dir = folder();
    // [2, 1, 3] read as two samples of [1, 3].
    let path = save(&dir, "x.npy", &[1, 3], &[ramp(3), ramp(3)]);
    let (_, hint) = error(load_default(&path, &nchw()));
    assert!(hint.contains("x[None]"), "{hint}");
}

#[test]
fn every_element_type_loads() {
    let dir = folder();
    let spec = [input("x", &[1, 3], 1)];
    let expected = vec![vec![vec![0.0, 1.0, 2.0]]];
    macro_rules! check {
        ($($t:ty),*) => {$(
            let rows = [vec![0 as $t, 1 as $t, 2 as $t]];
            let path = save(&dir, "x.npy", &[3], &rows);
            assert_eq!(load_default(&path, &spec).unwrap().samples, expected, stringify!($t));
        )*};
    }
    check!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);
    let half = [vec![half::f16::from_f32(0.0), half::f16::from_f32(1.0), half::f16::from_f32(2.0)]];
    let path = save(&dir, "x.npy", &[3], &half);
    assert_eq!(load_default(&path, &spec).unwrap().samples, expected);
}

#[test]
fn big_endian_and_fortran_order_load() {
    let dir = folder();
    let path = dir.path().join("x.npy");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{:<117}\n", "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2, 3), }");
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    // Element [n, i, j] has the value 100 n + 10 i + j; the first axis varies fastest.
    for j in 0..3i16 {
        for i in 0..2i16 {
            for n in 0..2i16 {
                bytes.extend((100 * n + 10 * i + j).to_be_bytes());
            }
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let data = load_default(&path, &[input("x", &[1, 2, 3], 2)]).unwrap();
    assert_eq!(data.samples[1], vec![vec![100.0, 101.0, 102.0, 110.0, 111.0, 112.0]]);
}

#[test]
fn skip_and_limit_take_disjoint_parts_with_their_labels() {
    let dir = folder();
    let rows: Vec<Vec<f32>> = (0..10).map(|i| vec![i as f32]).collect();
    let path = save(&dir, "x.npy", &[1], &rows);
    let labels = save(&dir, "y.npy", &[], &(0..10).map(|i| vec![i as u8]).collect::<Vec<_>>());
    let options = LoadOptions { labels: Some(labels), skip: 4, limit: Some(3), ..LoadOptions::default() };
    let data = load(&path, &[input("x", &[1, 1], 1)], &options).unwrap();
    assert_eq!(data.samples.concat(), vec![vec![4.0], vec![5.0], vec![6.0]]);
    assert_eq!(data.labels, Some(vec![4, 5, 6]));
    let (text, _) = error(load(&path, &[input("x", &[1, 1], 1)], &LoadOptions { skip: 10, ..options }));
    assert!(text.contains("holds 10 samples, and 10 are to be skipped"), "{text}");
}

#[test]
fn dequantization_comes_before_normalization() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[2], &[vec![-128i8, 127]]);
    let normalization = Normalization::new(2.0, vec![1.0], vec![1.0]).unwrap();
    let options = LoadOptions { dequantize: Some((0.5, -128)), normalization, ..LoadOptions::default() };
    let data = load(&path, &[input("x", &[1, 2], 1)], &options).unwrap();
    assert_eq!(data.samples, vec![vec![vec![-1.0, 254.0]]]);
}

#[test]
fn per_channel_values_must_fit_the_channels() {
    let options = LoadOptions { normalization: "imagenet".parse().unwrap(), ..LoadOptions::default() };
    let (text, hint) = error(load(Path::new("x.npy"), &nchw(), &options));
    assert!(text.contains("2 channels, but --mean gives 3 values"), "{text}");
    assert!(hint.contains("one per channel"), "{hint}");
}

#[test]
fn values_that_are_not_finite_name_sample_and_element() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[2], &[vec![0.0f32, 1.0], vec![2.0, f32::NAN]]);
    let (text, _) = error(load_default(&path, &[input("x", &[1, 2], 1)]));
    assert!(text.contains("sample 1") && text.contains("element 1 is NaN"), "{text}");
}

#[test]
fn empty_and_broken_arrays_are_refused() {
    let dir = folder();
    let spec = [input("x", &[1, 2], 1)];
    let path = save::<f32>(&dir, "x.npy", &[2], &[]);
    assert!(matches!(load_default(&path, &spec), Err(DataError::Empty { .. })));

    let whole = std::fs::read(save(&dir, "x.npy", &[2], &[vec![0.0f32, 1.0]])).unwrap();
    let path = dir.path().join("cut.npy");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(load_default(&path, &spec), Err(DataError::Format { .. })), "{length}");
    }
    std::fs::write(&path, b"\x93NUMPY\x02\x00\xff\xff\xff\xff").unwrap();
    assert!(matches!(load_default(&path, &spec), Err(DataError::Format { .. })));
    let nested = format!("\u{0093}NUMPY\u{1}\u{0}{}", "((((((((((((((((((((((");
    std::fs::write(&path, nested).unwrap();
    assert!(load_default(&path, &spec).is_err());
}

#[test]
fn a_shape_that_no_memory_holds_is_refused_before_reading() {
    let dir = folder();
    let path = dir.path().join("x.npy");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{:<117}\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 2), }");
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    std::fs::write(&path, bytes).unwrap();
    let (text, hint) = error(load_default(&path, &[input("x", &[1, 2], 1)]));
    assert!(text.contains("GiB") && hint.contains("--limit"), "{text} {hint}");
}

fn save_npz(path: &Path, arrays: &[(&str, &[usize], Vec<f32>)]) {
    let mut archive = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, shape, values) in arrays {
        archive.start_file(format!("{name}.npy"), options).unwrap();
        let shape: Vec<u64> = shape.iter().map(|&d| d as u64).collect();
        let array = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut archive);
        let mut writer = array.begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn archive_feeds_inputs_by_name_and_labels_by_custom() {
    let dir = folder();
    let path = dir.path().join("x.npz");
    save_npz(&path, &[("b", &[2, 1], vec![5.0, 6.0]), ("a", &[2, 2], ramp(4)), ("y", &[2], vec![1.0, 0.0])]);
    let data = load_default(&path, &[input("a", &[1, 2], 1), input("b", &[1, 1], 1)]).unwrap();
    assert_eq!(data.samples, vec![vec![vec![0.0, 1.0], vec![5.0]], vec![vec![2.0, 3.0], vec![6.0]]]);
    assert_eq!(data.labels, Some(vec![1, 0]));
    let (text, _) = error(load_default(&path, &[input("a", &[1, 2], 1), input("c", &[1, 1], 1)]));
    assert!(text.contains("no array for input `c`; it holds a, b, y"), "{text}");
}

#[test]
fn archive_with_x_feeds_the_only_input() {
    let dir = folder();
    let path = dir.path().join("x.npz");
    save_npz(&path, &[("x", &[2, 2], ramp(4))]);
    let data = load_default(&path, &[input("image", &[1, 2], 1)]).unwrap();
    assert_eq!(data.len(), 2);
    save_npz(&path, &[("a", &[2, 2], ramp(4)), ("b", &[3, 2], ramp(6))]);
    let uneven = load_default(&path, &[input("a", &[1, 2], 1), input("b", &[1, 2], 1)]);
    assert!(error(uneven).0.contains("different numbers of samples"));
}

#[test]
fn one_file_per_input_loads_by_name() {
    let dir = folder();
    let a = save(&dir, "a.npy", &[2], &[ramp(2), ramp(2)]);
    let b = save(&dir, "b.npy", &[1], &[vec![7.0f32], vec![8.0]]);
    let inputs = [input("a", &[1, 2], 1), input("b", &[1, 1], 1)];
    let options = LoadOptions::default();
    let given = [(Some("b".into()), b.clone()), (Some("a".into()), a.clone())];
    let data = load_each(&given, &inputs, &options).unwrap();
    assert_eq!(data.samples[1], vec![vec![0.0, 1.0], vec![8.0]]);
    let (text, hint) = error(load_each(&given[..1], &inputs, &options));
    assert!(text.contains("no data given for input `a`") && hint.contains("--input a="), "{text}");
    let (text, _) = error(load_each(&[(Some("c".into()), a)], &inputs, &options));
    assert!(text.contains("no input `c`; it has a, b"), "{text}");
    let (text, _) = error(load_each(&[(None, b)], &inputs, &options));
    assert!(text.contains("feeds one input, the model has 2: a, b"), "{text}");
}

fn write(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn table_takes_one_more_column_as_the_label() {
    let dir = folder();
    let spec = [input("x", &[1, 3], 1)];
    let last = load_default(&write(&dir, "a.csv", "0,1,2,7\n3, 4,5 ,8\n"), &spec).unwrap();
    assert_eq!(last.samples, vec![vec![vec![0.0, 1.0, 2.0]], vec![vec![3.0, 4.0, 5.0]]]);
    assert_eq!(last.labels, Some(vec![7, 8]));
    let first = load_default(&write(&dir, "b.csv", "label;p0;p1;p2\n7;0;1;2\n"), &spec).unwrap();
    assert_eq!((first.samples, first.labels), (vec![vec![vec![0.0, 1.0, 2.0]]], Some(vec![7])));
    let none = load_default(&write(&dir, "c.csv", "a,b,c\r\n0,1,2\r\n"), &spec).unwrap();
    assert_eq!((none.len(), none.labels), (1, None));
    let forced = LoadOptions { label_column: Some(LabelColumn::First), ..LoadOptions::default() };
    let forced = load(&write(&dir, "d.csv", "9,0,1,2\n"), &spec, &forced).unwrap();
    assert_eq!((forced.samples, forced.labels), (vec![vec![vec![0.0, 1.0, 2.0]]], Some(vec![9])));
}

#[test]
fn table_errors_name_the_line() {
    let dir = folder();
    let spec = [input("x", &[1, 3], 1)];
    let (text, hint) = error(load_default(&write(&dir, "a.csv", "0,1,2\n0,1\n"), &spec));
    assert!(text.contains("expects 3 values per sample; line 2") && text.contains("has 2"), "{text}");
    assert!(hint.contains("--label-column"), "{hint}");
    let (text, _) = error(load_default(&write(&dir, "a.csv", "0,1,2\n0,x,2\n"), &spec));
    assert!(text.contains("line 2: `x` is not a number"), "{text}");
    assert!(matches!(load_default(&write(&dir, "a.csv", ""), &spec), Err(DataError::Empty { .. })));
    assert!(matches!(load_default(&write(&dir, "a.csv", [0xff, 0xfe, b'\n']), &spec), Err(DataError::Format { .. })));
}

#[test]
fn labels_as_text_are_names_of_classes() {
    let dir = folder();
    let path = write(&dir, "a.csv", "0,1,2,dog\n0,1,2,cat\n");
    let options = LoadOptions { class_names: vec!["cat".into(), "dog".into()], ..LoadOptions::default() };
    let data = load(&path, &[input("x", &[1, 3], 1)], &options).unwrap();
    assert_eq!(data.labels, Some(vec![1, 0]));
    let (text, _) = error(load_default(&path, &[input("x", &[1, 3], 1)]));
    assert!(text.contains("label 0 is `dog`"), "{text}");
}

#[test]
fn labels_of_their_own_must_be_as_many_as_samples() {
    let dir = folder();
    let path = save(&dir, "x.npy", &[1], &[vec![0.0f32], vec![1.0]]);
    let spec = [input("x", &[1, 1], 1)];
    let with = |labels: PathBuf| LoadOptions { labels: Some(labels), ..LoadOptions::default() };
    let csv = write(&dir, "y.csv", "label\n1\n0\n");
    assert_eq!(load(&path, &spec, &with(csv)).unwrap().labels, Some(vec![1, 0]));
    let (text, _) = error(load(&path, &spec, &with(write(&dir, "y.csv", "1\n"))));
    assert!(text.contains("1 labels for 2 samples"), "{text}");
    let (text, _) = error(load(&path, &spec, &with(save(&dir, "y.npy", &[], &[vec![0.5f32], vec![1.0]]))));
    assert!(text.contains("label 0 is `0.5`"), "{text}");
    let data = load(&path, &spec, &with(save(&dir, "y.npy", &[], &[vec![0u8], vec![9]]))).unwrap();
    assert!(data.check_labels(2).unwrap_err().to_string().contains("sample 1 has label 9, but the model has 2"));
}

fn idx(code: u8, sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|s| s.to_be_bytes()));
    bytes.extend(values);
    bytes
}

#[test]
fn idx_images_find_their_labels() {
    let dir = folder();
    let images = write(&dir, "t10k-images-idx3-ubyte", idx(8, &[2, 1, 3], &[0, 1, 2, 3, 4, 5]));
    write(&dir, "t10k-labels-idx1-ubyte", idx(8, &[2], &[7, 3]));
    let spec = [input("x", &[1, 1, 1, 3], 1)];
    for path in [images.as_path(), dir.path()] {
        let data = load_default(path, &spec).unwrap();
        assert_eq!(data.samples, vec![vec![vec![0.0, 1.0, 2.0]], vec![vec![3.0, 4.0, 5.0]]]);
        assert_eq!(data.labels, Some(vec![7, 3]));
    }
    write(&dir, "train-images.idx3-ubyte", idx(8, &[1, 1, 3], &[0, 1, 2]));
    let (text, _) = error(load_default(dir.path(), &spec));
    assert!(text.contains("several IDX sets"), "{text}");
}

#[test]
fn broken_idx_files_are_refused() {
    let dir = folder();
    let spec = [input("x", &[1, 3], 1)];
    for bytes in [&b"\x1f\x8b\x08\x00"[..], b"", b"\0\0\x08\x00", b"\0\0\x07\x01\0\0\0\x01\0", b"\0\0\x08\x01\0\0"] {
        let path = write(&dir, "a.idx", bytes);
        assert!(matches!(load_default(&path, &spec), Err(DataError::Format { .. })), "{bytes:?}");
    }
    let path = write(&dir, "a.idx", idx(8, &[2, 3], &[0, 1, 2, 3]));
    assert!(error(load_default(&path, &spec)).0.contains("ends early"));
    let path = write(&dir, "a.idx", idx(8, &[u32::MAX, u32::MAX, u32::MAX], &[]));
    assert!(load_default(&path, &spec).is_err());
}

fn picture(path: &Path, size: (u32, u32), rgb: [u8; 3]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(size.0, size.1, image::Rgb(rgb)).save(path).unwrap();
}

#[test]
fn folders_are_classes_in_turn_and_pixels_take_the_models_order() {
    let dir = folder();
    for (file, value) in [("b/1.png", 1), ("b/2.png", 2), ("a/3.png", 3), ("a/.hidden.png", 9)] {
        picture(&dir.path().join(file), (2, 1), [value, 10, 20]);
    }
    let data = load_default(dir.path(), &[input("x", &[1, 3, 1, 2], 1)]).unwrap();
    assert_eq!(data.sample_names, ["a/3.png", "b/1.png", "b/2.png"]);
    assert_eq!(data.labels, Some(vec![0, 1, 1]));
    assert_eq!(data.class_names, ["a", "b"]);
    assert_eq!(data.samples[0], vec![vec![3.0, 3.0, 10.0, 10.0, 20.0, 20.0]]);
    let nhwc = load_default(dir.path(), &[input("x", &[1, 1, 2, 3], 3)]).unwrap();
    assert_eq!(nhwc.samples[0], vec![vec![3.0, 10.0, 20.0, 3.0, 10.0, 20.0]]);
    let named = LoadOptions { class_names: vec!["b".into(), "c".into(), "a".into()], ..LoadOptions::default() };
    let data = load(dir.path(), &[input("x", &[1, 1, 2, 3], 3)], &named).unwrap();
    assert_eq!(data.labels, Some(vec![2, 0, 0]));
}

#[test]
fn pictures_of_another_size_are_scaled_only_when_told() {
    let dir = folder();
    picture(&dir.path().join("1.png"), (4, 2), [50, 50, 50]);
    let spec = [input("x", &[1, 1, 2, 2], 1)];
    let (text, hint) = error(load_default(dir.path(), &spec));
    assert!(text.contains("4 x 2 pixels, input `x` expects 2 x 2"), "{text}");
    assert!(hint.contains("--resize"), "{hint}");
    let data = load(dir.path(), &spec, &LoadOptions { resize: true, ..LoadOptions::default() }).unwrap();
    assert_eq!(data.samples, vec![vec![vec![50.0; 4]]]);
    assert_eq!(data.labels, None);
}

#[test]
fn broken_pictures_and_strange_folders_are_refused() {
    let dir = folder();
    let spec = [input("x", &[1, 1, 2, 2], 1)];
    let (text, _) = error(load_default(dir.path(), &spec));
    assert!(text.contains("an empty folder"), "{text}");
    write(&dir, "notes.md", "x");
    assert!(error(load_default(dir.path(), &spec)).0.contains("notes.md"));
    write(&dir, "1.png", "not a picture");
    assert!(matches!(load_default(dir.path(), &spec), Err(DataError::Format { .. })));
    let (text, _) = error(load_default(dir.path(), &[input("x", &[1, 2, 2, 2], 1)]));
    assert!(text.contains("1 or 3 channels"), "{text}");
}

#[test]
fn missing_and_unknown_files_are_told_apart() {
    let dir = folder();
    let spec = [input("x", &[1, 2], 1)];
    for name in ["none.npy", "none.npz", "none.csv", "none.idx", "none.dat", "none"] {
        assert!(matches!(load_default(&dir.path().join(name), &spec), Err(DataError::Read { .. })), "{name}");
    }
    assert!(error(load_default(&write(&dir, "a.dat", ""), &spec)).0.contains("a .dat file"));
    assert!(matches!(load_default(&write(&dir, "a.npz", "PK"), &spec), Err(DataError::Format { .. })));
}

#[test]
fn structures_and_text_are_not_numbers() {
    let dir = folder();
    let path = dir.path().join("x.npy");
    for descr in ["'<U4'", "'|O'", "'<c8'", "[('a', '<f4')]"] {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1, 2), }}\n");
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        std::fs::write(&path, bytes).unwrap();
        let (text, _) = error(load_default(&path, &[input("x", &[1, 2], 1)]));
        assert!(text.contains("not supported"), "{descr}: {text}");
    }
}
