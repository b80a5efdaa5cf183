//! Writing results as NumPy arrays.

use super::DataError;
use npyz::WriterBuilder;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

/// Writes an array of shape `[rows, shape...]` in C order.
pub fn write_npy<T>(path: &Path, shape: &[usize], rows: &[Vec<T>]) -> Result<(), DataError>
where
    T: npyz::AutoSerialize + npyz::Serialize + Clone,
{
    let sizes: Vec<u64> = std::iter::once(rows.len()).chain(shape.iter().copied()).map(|d| d as u64).collect();
    let write = || -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&sizes).writer(file).begin_nd()?;
        writer.extend(rows.iter().flatten().cloned())?;
        writer.finish()
    };
    write().map_err(|source| DataError::Write { path: path.into(), source })
}
