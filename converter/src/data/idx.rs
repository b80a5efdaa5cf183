//! IDX files, the format of MNIST and its relatives: big-endian sizes, then plain values.

use super::DataError;
use super::npy::{Array, Element, Window, check_size};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// True if the file name looks like IDX: `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte`, `x.idx`.
pub(crate) fn is_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    name.ends_with(".idx") || name.contains("-idx") || name.contains(".idx")
}

/// The labels file that belongs to an images file, if it exists.
pub(crate) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let labels = name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1");
    let path = images.with_file_name(&labels);
    (labels != name && path.is_file()).then_some(path)
}

/// The one images file of a folder.
pub(crate) fn images_in(folder: &Path, files: &[PathBuf]) -> Result<Option<PathBuf>, DataError> {
    let is_labels = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().contains("labels");
    let found: Vec<&PathBuf> = files.iter().filter(|p| is_name(p) && !is_labels(p)).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        many => {
            let names: Vec<_> = many.iter().filter_map(|p| p.file_name()).map(|n| n.to_string_lossy()).collect();
            let problem = format!("several IDX sets: {}; give one of these files", names.join(", "));
            Err(DataError::Format { path: folder.into(), problem })
        }
    }
}

pub(crate) fn read(
    path: &Path,
    window: Window,
    accept: impl FnOnce(usize, &[usize]) -> Result<(), DataError>,
) -> Result<Array, DataError> {
    let read_error = |source| DataError::Read { path: path.into(), source };
    let bad = |problem: &str| DataError::Format { path: path.into(), problem: problem.into() };
    let early = || bad("the IDX file ends early");
    let mut reader = BufReader::new(File::open(path).map_err(read_error)?);
    let mut head = [0u8; 4];
    reader.read_exact(&mut head).map_err(|_| early())?;
    let [zero, also_zero, code, rank] = head;
    if (zero, also_zero) == (0x1f, 0x8b) {
        return Err(bad("compressed with gzip; decompress it first (gunzip)"));
    }
    let element = match code {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        _ => return Err(bad("not an IDX file: unknown element type")),
    };
    if (zero, also_zero) != (0, 0) || rank == 0 || rank > 8 {
        return Err(bad("not an IDX file"));
    }
    let mut sizes = Vec::new();
    for _ in 0..rank {
        let mut size = [0u8; 4];
        reader.read_exact(&mut size).map_err(|_| early())?;
        sizes.push(u32::from_be_bytes(size) as usize);
    }
    let (&total, shape) = sizes.split_first().ok_or_else(early)?;
    let per_row =
        shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).ok_or_else(|| bad("the shape is too large"))?;
    let range = window.range(path, total)?;
    if per_row == 0 {
        return Err(DataError::Empty { path: path.into() });
    }
    accept(total, shape)?;
    check_size(path, range.len(), per_row)?;
    let row_bytes = per_row.saturating_mul(element.bytes());
    let mut rows = Vec::new();
    for row in 0..range.end {
        let mut bytes = Vec::new();
        reader.by_ref().take(row_bytes as u64).read_to_end(&mut bytes).map_err(read_error)?;
        if bytes.len() != row_bytes {
            return Err(early());
        }
        if row >= range.start {
            rows.push(element.decode(true, &bytes));
        }
    }
    Ok(Array { shape: shape.to_vec(), total, rows })
}
