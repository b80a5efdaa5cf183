//! Arrays of samples as raw bytes.

use std::path::Path;

/// An array whose first axis is the sample.
pub struct Array {
    shape: Vec<u64>,
    element: usize,
    bytes: Vec<u8>,
}

impl Array {
    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.shape.first().map_or(0, |&n| n as usize)
    }

    /// The bytes of one sample.
    pub fn sample(&self, index: usize) -> &[u8] {
        let len = self.shape.iter().skip(1).product::<u64>() as usize * self.element;
        &self.bytes[index * len..][..len]
    }
}

/// Reads a little-endian, row-major NumPy file.
pub fn read(path: &Path) -> Array {
    let file = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let header = npyz::NpyHeader::from_reader(&file[..]).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let shape = header.shape().to_vec();
    let elements = shape.iter().product::<u64>() as usize;
    let element = match header.dtype() {
        npyz::DType::Plain(kind) => kind.size_field() as usize,
        other => panic!("{}: {other:?}", path.display()),
    };
    let bytes = file[file.len() - elements * element..].to_vec();
    Array { shape, element, bytes }
}
