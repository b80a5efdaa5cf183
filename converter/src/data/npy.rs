//! NumPy arrays: the first axis counts samples, whatever follows is one sample.

use super::DataError;
use half::f16;
use npyz::{Endianness, NpyHeader, Order, TypeChar};
use std::io::{self, Read};
use std::path::Path;

/// Longest header that is read. NumPy's own are 128 bytes.
const MAX_HEADER_BYTES: usize = 1 << 16;
/// Most float32 values held at once: 4 GiB.
const MAX_VALUES: usize = 1 << 30;

/// Which samples to take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub skip: usize,
    pub limit: Option<usize>,
}

impl Window {
    /// The positions to take out of `total`; an error if none are left.
    pub fn range(self, path: &Path, total: usize) -> Result<std::ops::Range<usize>, DataError> {
        if total == 0 {
            return Err(DataError::Empty { path: path.into() });
        }
        let end = total.min(self.skip.saturating_add(self.limit.unwrap_or(usize::MAX)));
        if self.skip >= end {
            return Err(DataError::AllSkipped { path: path.into(), total, skip: self.skip });
        }
        Ok(self.skip..end)
    }
}

/// Samples of one input, as they lie in a file.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    /// Sizes of one sample.
    pub shape: Vec<usize>,
    /// Samples in the file, of which `rows` may be a part.
    pub total: usize,
    /// Values per sample, in C order.
    pub rows: Vec<Vec<f32>>,
}

/// Refuses to allocate more than the cap.
pub(crate) fn check_size(path: &Path, rows: usize, per_row: usize) -> Result<(), DataError> {
    match rows.checked_mul(per_row) {
        Some(n) if n <= MAX_VALUES => Ok(()),
        _ => {
            Err(DataError::TooLarge { path: path.into(), gib: rows as f64 * per_row as f64 * 4.0 / f64::from(1 << 30) })
        }
    }
}

/// Element types that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Element {
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Reads whole elements out of `bytes`.
    pub fn decode(self, big_endian: bool, bytes: &[u8]) -> Vec<f32> {
        macro_rules! decode {
            ($t:ty, $to:expr) => {{
                let (chunks, _) = bytes.as_chunks::<{ size_of::<$t>() }>();
                let read = |c: &[u8; size_of::<$t>()]| {
                    if big_endian { <$t>::from_be_bytes(*c) } else { <$t>::from_le_bytes(*c) }
                };
                chunks.iter().map(read).map($to).collect()
            }};
        }
        match self {
            Self::U8 => decode!(u8, f32::from),
            Self::I8 => decode!(i8, f32::from),
            Self::U16 => decode!(u16, f32::from),
            Self::I16 => decode!(i16, f32::from),
            Self::U32 => decode!(u32, |v| v as f32),
            Self::I32 => decode!(i32, |v| v as f32),
            Self::U64 => decode!(u64, |v| v as f32),
            Self::I64 => decode!(i64, |v| v as f32),
            Self::F16 => decode!(f16, f32::from),
            Self::F32 => decode!(f32, |v| v),
            Self::F64 => decode!(f64, |v| v as f32),
        }
    }
}

/// Reads an array. `accept` sees the number of samples and the shape of one before any data are read.
pub(crate) fn read(
    mut reader: impl Read,
    path: &Path,
    window: Window,
    accept: impl FnOnce(usize, &[usize]) -> Result<(), DataError>,
) -> Result<Array, DataError> {
    let read_error = |source| DataError::Read { path: path.into(), source };
    let header = read_header(&mut reader).map_err(|e| bad(path, format!("not a .npy file: {e}")))?;
    let (element, big_endian) = element_type(&header)
        .ok_or_else(|| DataError::ElementType { path: path.into(), dtype: header.dtype().descr() })?;
    let sizes: Option<Vec<usize>> = header.shape().iter().map(|&d| usize::try_from(d).ok()).collect();
    let sizes = sizes.ok_or_else(|| bad(path, "the shape is too large".into()))?;
    let Some((&total, shape)) = sizes.split_first() else {
        return Err(bad(path, "a single number; the first axis must count samples".into()));
    };
    let per_row = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let per_row = per_row.ok_or_else(|| bad(path, "the shape is too large".into()))?;
    let range = window.range(path, total)?;
    if per_row == 0 {
        return Err(DataError::Empty { path: path.into() });
    }
    accept(total, shape)?;
    let fortran = header.order() == Order::Fortran && !shape.is_empty();
    check_size(path, if fortran { total } else { range.len() }, per_row)?;

    let row_bytes = per_row.saturating_mul(element.bytes());
    let mut take = |bytes: usize| -> Result<Vec<u8>, DataError> {
        let mut buffer = Vec::new();
        reader.by_ref().take(bytes as u64).read_to_end(&mut buffer).map_err(read_error)?;
        if buffer.len() == bytes {
            return Ok(buffer);
        }
        let whole = total as u128 * row_bytes as u128;
        Err(bad(path, format!("the file ends early: its header announces {whole} bytes of data")))
    };
    let rows = if fortran {
        let all = element.decode(big_endian, &take(total.saturating_mul(row_bytes))?);
        range.map(|row| fortran_row(&all, &sizes, row)).collect()
    } else {
        skip(&mut take, range.start, row_bytes)?;
        range.map(|_| take(row_bytes).map(|b| element.decode(big_endian, &b))).collect::<Result<_, _>>()?
    };
    Ok(Array { shape: shape.to_vec(), total, rows })
}

fn skip(
    take: &mut impl FnMut(usize) -> Result<Vec<u8>, DataError>,
    rows: usize,
    row_bytes: usize,
) -> Result<(), DataError> {
    (0..rows).try_for_each(|_| take(row_bytes).map(drop))
}

fn bad(path: &Path, problem: String) -> DataError {
    DataError::Format { path: path.into(), problem }
}

/// Reads the header through a guard: lengths and nesting that no array needs are refused before they are parsed.
fn read_header(reader: &mut impl Read) -> io::Result<NpyHeader> {
    let invalid = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut head = vec![0u8; 8];
    reader.read_exact(&mut head)?;
    if !head.starts_with(b"\x93NUMPY") {
        return Err(invalid("it does not start with the NumPy mark"));
    }
    let wide = head.get(6).is_some_and(|&major| major >= 2);
    let mut length = [0u8; 4];
    let used = length.get_mut(..if wide { 4 } else { 2 }).unwrap_or_default();
    reader.read_exact(used)?;
    head.extend_from_slice(used);
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_HEADER_BYTES {
        return Err(invalid("its header is too long"));
    }
    let mut text = vec![0u8; length];
    reader.read_exact(&mut text)?;
    if text.iter().filter(|b| b"([{".contains(b)).count() > 8 {
        return Err(invalid("its element type is a structure"));
    }
    NpyHeader::from_reader(head.as_slice().chain(text.as_slice()))
}

fn element_type(header: &NpyHeader) -> Option<(Element, bool)> {
    let npyz::DType::Plain(text) = header.dtype() else { return None };
    let element = match (text.type_char(), text.size_field()) {
        (TypeChar::Bool, 1) | (TypeChar::Uint, 1) => Element::U8,
        (TypeChar::Int, 1) => Element::I8,
        (TypeChar::Uint, 2) => Element::U16,
        (TypeChar::Int, 2) => Element::I16,
        (TypeChar::Uint, 4) => Element::U32,
        (TypeChar::Int, 4) => Element::I32,
        (TypeChar::Uint, 8) => Element::U64,
        (TypeChar::Int, 8) => Element::I64,
        (TypeChar::Float, 2) => Element::F16,
        (TypeChar::Float, 4) => Element::F32,
        (TypeChar::Float, 8) => Element::F64,
        _ => return None,
    };
    Some((element, text.endianness() == Endianness::Big))
}

/// Sample `row` of an array whose first axis varies fastest.
fn fortran_row(all: &[f32], sizes: &[usize], row: usize) -> Vec<f32> {
    let strides: Vec<usize> = sizes.iter().scan(1usize, |s, &d| Some(std::mem::replace(s, *s * d))).collect();
    let (Some(shape), Some(strides)) = (sizes.get(1..), strides.get(1..)) else { return Vec::new() };
    let value = |flat: usize| {
        let axes = shape.iter().zip(strides).rev();
        let (offset, _) = axes.fold((row, flat), |(at, rest), (&d, &s)| (at + rest % d * s, rest / d));
        all.get(offset).copied().unwrap_or_default()
    };
    (0..shape.iter().product()).map(value).collect()
}
