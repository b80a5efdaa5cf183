//! Constants of the file: weights, and the integers that exporters compute shapes with.

use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

use super::ImportError;

/// Most elements that one tensor may have, claimed or computed: 1 GiB of float32.
pub(super) const MAX_ELEMENTS: usize = 1 << 28;
/// Most axes; ONNX files in use have up to 6.
const MAX_RANK: usize = 8;

/// Elements. Every float type becomes float32, every integer type and bool an `i64`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    Int(Vec<i64>),
}

/// A constant. `data` holds as many elements as `shape` says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub data: Data,
}

impl Array {
    pub fn ints(values: Vec<i64>) -> Self {
        Self { shape: vec![values.len()], data: Data::Int(values) }
    }

    pub fn scalar(value: i64) -> Self {
        Self { shape: Vec::new(), data: Data::Int(vec![value]) }
    }

    pub fn len(&self) -> usize {
        match &self.data {
            Data::Float(v) => v.len(),
            Data::Int(v) => v.len(),
        }
    }

    pub fn is_float(&self) -> bool {
        matches!(self.data, Data::Float(_))
    }

    /// The elements, if they are floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Float(v) => Some(v),
            Data::Int(_) => None,
        }
    }

    /// The elements, if they are integers.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Int(v) => Some(v),
            Data::Float(_) => None,
        }
    }

    /// The elements as floats, whatever they are.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.data {
            Data::Float(v) => v.clone(),
            Data::Int(v) => v.iter().map(|&i| i as f32).collect(),
        }
    }

    /// The same elements in another shape of the same size.
    pub fn reshaped(&self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.len());
        Self { shape, data: self.data.clone() }
    }

    /// A new array of `shape` whose element at `coords` is element `source(coords)` of this one.
    pub fn pick(&self, shape: Vec<usize>, mut source: impl FnMut(&[usize]) -> usize) -> Self {
        let mut indices = Vec::with_capacity(shape.iter().product());
        for_each_index(&shape, |coords| indices.push(source(coords)));
        let data = match &self.data {
            Data::Float(v) => Data::Float(indices.iter().filter_map(|&i| v.get(i).copied()).collect()),
            Data::Int(v) => Data::Int(indices.iter().filter_map(|&i| v.get(i).copied()).collect()),
        };
        debug_assert_eq!(indices.len(), shape.iter().product::<usize>());
        Self { shape, data }
    }

    /// Axis `i` of the result is axis `perm[i]` of this.
    pub fn transposed(&self, perm: &[usize]) -> Self {
        let strides = strides(&self.shape);
        let shape = perm.iter().map(|&p| self.shape[p]).collect();
        self.pick(shape, |coords| coords.iter().zip(perm).map(|(&c, &p)| c * strides[p]).sum())
    }

    /// The array seen through `shape`, which its own shape broadcasts to.
    pub fn broadcast(&self, shape: &[usize]) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let strides = broadcast_strides(&self.shape, shape);
        self.pick(shape.to_vec(), |coords| coords.iter().zip(&strides).map(|(c, s)| c * s).sum())
    }

    /// The one value that every element has, if so.
    pub fn uniform(&self) -> Option<f32> {
        let values = self.as_floats()?;
        let first = *values.first()?;
        values.iter().all(|&v| v == first).then_some(first)
    }

    /// Reads a tensor of the file. Nothing is allocated that the file does not hold.
    pub fn from_proto(tensor: &pb::TensorProto, name: &str) -> Result<Self, ImportError> {
        let bad = |reason: String| ImportError::Tensor { tensor: name.to_owned(), reason };
        if tensor.data_location == Some(DataLocation::External as i32) || !tensor.external_data.is_empty() {
            let location = tensor.external_data.iter().find(|e| e.key == "location").map(|e| e.value.clone());
            return Err(ImportError::ExternalData {
                tensor: name.to_owned(),
                location: location.unwrap_or_else(|| "an unnamed file".into()),
            });
        }
        if tensor.segment.is_some() {
            return Err(bad("it is stored in segments, which no exporter in use writes".into()));
        }
        let (shape, elements) = checked_shape(&tensor.dims, &format!("tensor `{name}`"))?;
        let kind = DataType::try_from(tensor.data_type)
            .map_err(|_| bad(format!("element type number {} is unknown", tensor.data_type)))?;
        let data = if tensor.raw_data.is_empty() { typed(tensor, kind) } else { raw(&tensor.raw_data, kind, elements) };
        let data = data.map_err(bad)?;
        let array = Self { shape, data };
        if array.len() != elements {
            return Err(bad(format!("shape {:?} needs {elements} elements, it holds {}", array.shape, array.len())));
        }
        Ok(array)
    }
}

/// Sizes as `usize`, and their product, if both are sane.
pub(super) fn checked_shape(dims: &[i64], what: &str) -> Result<(Vec<usize>, usize), ImportError> {
    let too_large = || ImportError::TooLarge { what: what.to_owned(), shape: dims.to_vec(), limit: MAX_ELEMENTS };
    if dims.len() > MAX_RANK {
        return Err(too_large());
    }
    let shape: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let shape = shape.ok_or_else(|| ImportError::Tensor {
        tensor: what.to_owned(),
        reason: format!("shape {dims:?} has a negative size"),
    })?;
    // A zero must not hide absurd sizes beside it, which later arithmetic would multiply.
    let bound = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d.max(1))).ok_or_else(too_large)?;
    if bound > MAX_ELEMENTS {
        return Err(too_large());
    }
    let elements = if shape.contains(&0) { 0 } else { bound };
    Ok((shape, elements))
}

/// Elements from the field that belongs to the type.
fn typed(tensor: &pb::TensorProto, kind: DataType) -> Result<Data, String> {
    use DataType as T;
    let narrow = || tensor.int32_data.iter().map(|&v| v as u16);
    Ok(match kind {
        T::Float => Data::Float(tensor.float_data.clone()),
        T::Double => Data::Float(tensor.double_data.iter().map(|&v| v as f32).collect()),
        T::Float16 => Data::Float(narrow().map(|v| half::f16::from_bits(v).to_f32()).collect()),
        T::Bfloat16 => Data::Float(narrow().map(|v| half::bf16::from_bits(v).to_f32()).collect()),
        T::Int64 => Data::Int(tensor.int64_data.clone()),
        T::Uint32 | T::Uint64 => Data::Int(tensor.uint64_data.iter().map(|&v| v as i64).collect()),
        T::Int32 | T::Int16 | T::Int8 | T::Uint16 | T::Uint8 | T::Bool => {
            Data::Int(tensor.int32_data.iter().map(|&v| i64::from(v)).collect())
        }
        other => return Err(format!("element type {} is not supported", other.as_str_name())),
    })
}

/// Elements from little-endian bytes.
fn raw(bytes: &[u8], kind: DataType, elements: usize) -> Result<Data, String> {
    use DataType as T;
    let size = match kind {
        T::Float | T::Int32 | T::Uint32 => 4,
        T::Double | T::Int64 | T::Uint64 => 8,
        T::Float16 | T::Bfloat16 | T::Int16 | T::Uint16 => 2,
        T::Int8 | T::Uint8 | T::Bool => 1,
        other => return Err(format!("element type {} is not supported", other.as_str_name())),
    };
    if bytes.len() != elements * size {
        return Err(format!(
            "its shape needs {} bytes of {}, it holds {}",
            elements * size,
            kind.as_str_name(),
            bytes.len()
        ));
    }
    Ok(match kind {
        T::Float => Data::Float(words(bytes, f32::from_le_bytes)),
        T::Double => Data::Float(words(bytes, |b| f64::from_le_bytes(b) as f32)),
        T::Float16 => Data::Float(words(bytes, |b| half::f16::from_le_bytes(b).to_f32())),
        T::Bfloat16 => Data::Float(words(bytes, |b| half::bf16::from_le_bytes(b).to_f32())),
        T::Int64 => Data::Int(words(bytes, i64::from_le_bytes)),
        T::Uint64 => Data::Int(words(bytes, |b| u64::from_le_bytes(b) as i64)),
        T::Int32 => Data::Int(words(bytes, |b| i64::from(i32::from_le_bytes(b)))),
        T::Uint32 => Data::Int(words(bytes, |b| i64::from(u32::from_le_bytes(b)))),
        T::Int16 => Data::Int(words(bytes, |b| i64::from(i16::from_le_bytes(b)))),
        T::Uint16 => Data::Int(words(bytes, |b| i64::from(u16::from_le_bytes(b)))),
        T::Int8 => Data::Int(words(bytes, |b| i64::from(i8::from_le_bytes(b)))),
        _ => Data::Int(bytes.iter().map(|&b| i64::from(b)).collect()),
    })
}

fn words<const N: usize, T>(bytes: &[u8], parse: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|word| parse(*word)).collect()
}

/// Distance in elements between neighbours along each axis, row-major.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Strides with which an array of shape `from` is read as one of shape `to`.
pub(super) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let missing = to.len() - from.len();
    (0..to.len())
        .map(|axis| if axis < missing || from[axis - missing] == 1 { 0 } else { own[axis - missing] })
        .collect()
}

/// The shape that both broadcast to, if there is one.
pub(super) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| {
        let missing = rank - shape.len();
        if axis < missing { 1 } else { shape[axis - missing] }
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Visits every coordinate of `shape` in row-major order.
pub(super) fn for_each_index(shape: &[usize], mut visit: impl FnMut(&[usize])) {
    if shape.contains(&0) {
        return;
    }
    let mut coords = vec![0; shape.len()];
    loop {
        visit(&coords);
        let Some(axis) = (0..shape.len()).rev().find(|&axis| coords[axis] + 1 < shape[axis]) else { return };
        coords[axis] += 1;
        coords[axis + 1..].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: DataType, dims: &[i64]) -> pb::TensorProto {
        pb::TensorProto { data_type: kind as i32, dims: dims.to_vec(), ..Default::default() }
    }

    #[test]
    fn every_common_element_type_is_read_from_raw_bytes() {
        let cases: [(DataType, Vec<u8>, Data); 8] = [
            (DataType::Float, 1.5f32.to_le_bytes().to_vec(), Data::Float(vec![1.5])),
            (DataType::Double, 1.5f64.to_le_bytes().to_vec(), Data::Float(vec![1.5])),
            (DataType::Float16, half::f16::from_f32(1.5).to_le_bytes().to_vec(), Data::Float(vec![1.5])),
            (DataType::Int64, (-7i64).to_le_bytes().to_vec(), Data::Int(vec![-7])),
            (DataType::Int32, (-7i32).to_le_bytes().to_vec(), Data::Int(vec![-7])),
            (DataType::Int8, vec![0xf9], Data::Int(vec![-7])),
            (DataType::Uint8, vec![0xf9], Data::Int(vec![249])),
            (DataType::Bool, vec![1], Data::Int(vec![1])),
        ];
        for (kind, bytes, expected) in cases {
            let proto = pb::TensorProto { raw_data: bytes, ..tensor(kind, &[1]) };
            assert_eq!(Array::from_proto(&proto, "t").unwrap().data, expected, "{kind:?}");
        }
    }

    #[test]
    fn bytes_that_do_not_fit_the_shape_are_refused() {
        let proto = pb::TensorProto { raw_data: vec![0; 12], ..tensor(DataType::Float, &[2, 5]) };
        let message = Array::from_proto(&proto, "w").unwrap_err().to_string();
        assert!(message.contains("tensor `w`: its shape needs 40 bytes of FLOAT, it holds 12"), "{message}");
        let proto = pb::TensorProto { float_data: vec![0.0; 3], ..tensor(DataType::Float, &[2, 5]) };
        let message = Array::from_proto(&proto, "w").unwrap_err().to_string();
        assert!(message.contains("needs 10 elements, it holds 3"), "{message}");
    }

    #[test]
    fn absurd_shapes_are_refused_without_allocating() {
        for dims in [vec![i64::MAX, i64::MAX], vec![1 << 40], vec![1 << 20, 1 << 20], vec![0, i64::MAX], vec![1; 9]] {
            let error = Array::from_proto(&tensor(DataType::Float, &dims), "w").unwrap_err();
            assert!(matches!(error, ImportError::TooLarge { .. }), "{dims:?}: {error}");
        }
        assert!(Array::from_proto(&tensor(DataType::Float, &[-1]), "w").is_err());
    }

    #[test]
    fn external_data_is_refused_by_name() {
        let entry = pb::StringStringEntryProto { key: "location".into(), value: "w.bin".into() };
        let proto = pb::TensorProto { external_data: vec![entry], ..tensor(DataType::Float, &[1]) };
        let message = Array::from_proto(&proto, "w").unwrap_err().to_string();
        assert!(message.contains("`w`") && message.contains("w.bin") && message.contains("save_as_external_data"));
    }

    #[test]
    fn transposing_and_broadcasting_follow_numpy() {
        let a = Array { shape: vec![2, 3], data: Data::Int((0..6).collect()) };
        assert_eq!(a.transposed(&[1, 0]).as_ints().unwrap(), [0, 3, 1, 4, 2, 5]);
        let row = Array::ints(vec![1, 2, 3]);
        assert_eq!(row.broadcast(&[2, 3]).as_ints().unwrap(), [1, 2, 3, 1, 2, 3]);
        assert_eq!(broadcast_shape(&[2, 1, 3], &[4, 1]), Some(vec![2, 4, 3]));
        assert_eq!(broadcast_shape(&[2], &[3]), None);
    }
}
