//! A float tensor of any rank up to [`RANK`].

use burn_tensor::{DType, Device, Tensor, TensorCreationOptions, TensorData};

/// Most axes a value may have.
pub(crate) const RANK: usize = mote_runtime::format::MAX_RANK;

/// Width of the elements during a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// float32: fast.
    #[default]
    Single,
    /// float64. The order in which products are summed differs between machines (vector width, cache sizes); in double
    /// precision that does not show after rounding to float32.
    Double,
}

/// Where tensors live, and how wide their elements are.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which processor.
    pub device: Device,
    /// Element width.
    pub precision: Precision,
}

impl Target {
    /// This machine's processor.
    pub fn cpu(precision: Precision) -> Self {
        Self { device: Device::flex(), precision }
    }

    /// Where training computes: the GPU that a cargo feature chose (`cuda` before `wgpu`), else this machine's processor.
    pub fn accelerator(precision: Precision) -> Self {
        #[cfg(feature = "cuda")]
        let device = Device::cuda(0);
        #[cfg(all(feature = "wgpu", not(feature = "cuda")))]
        let device = Device::wgpu(burn_tensor::DeviceKind::DefaultDevice);
        #[cfg(not(any(feature = "cuda", feature = "wgpu")))]
        let device = Device::flex();
        Self { device, precision }
    }

    /// The same place, where operations are recorded so that gradients can be asked for.
    pub fn recording(self) -> Self {
        Self { device: self.device.autodiff(), ..self }
    }

    pub(super) fn options(&self) -> TensorCreationOptions {
        let dtype = match self.precision {
            Precision::Single => DType::F32,
            Precision::Double => DType::F64,
        };
        TensorCreationOptions::new(self.device.clone()).with_dtype(dtype)
    }
}

/// A float tensor. Values of lower rank have leading axes of size 1, which is also how they broadcast, so that every op
/// is one function for all ranks.
///
/// The elements' order in memory is free: a convolution leaves channels-first data behind a permuted view, and the next
/// one takes it without a copy.
#[derive(Clone, Debug)]
pub struct Array {
    tensor: Tensor<RANK>,
    rank: usize,
}

/// `shape` with leading ones.
fn padded(shape: &[usize]) -> [usize; RANK] {
    let mut full = [1; RANK];
    full[RANK - shape.len()..].copy_from_slice(shape);
    full
}

impl Array {
    /// `data` in row-major order. `shape` has at most [`RANK`] axes, and their product is the number of elements.
    pub fn new(data: Vec<f32>, shape: &[usize], target: &Target) -> Self {
        let data = TensorData::new(data, padded(shape));
        Self { tensor: Tensor::from_data(data, target.options()), rank: shape.len() }
    }

    /// The same elements as a leaf of a new record, whose gradient is kept. The array must live on a recording target.
    pub fn as_parameter(&self) -> Self {
        self.map(|t| t.detach().require_grad())
    }

    /// The elements alone, without a record.
    pub fn without_record(&self) -> Self {
        self.map(Tensor::inner)
    }

    /// The same elements on a recording target.
    pub fn with_record(&self) -> Self {
        self.map(Tensor::from_inner)
    }

    /// Wraps a tensor whose leading axes beyond `rank` have size 1.
    pub(crate) fn from_full(tensor: Tensor<RANK>, rank: usize) -> Self {
        Self { tensor, rank }
    }

    /// The tensor behind, with leading axes of size 1.
    pub(crate) fn full(&self) -> Tensor<RANK> {
        self.tensor.clone()
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Sizes per axis.
    pub fn shape(&self) -> Vec<usize> {
        self.tensor.dims()[RANK - self.rank..].to_vec()
    }

    /// Position of `axis` in [`Self::full`].
    pub(super) fn axis(&self, axis: usize) -> usize {
        axis + RANK - self.rank
    }

    /// The elements in row-major order.
    pub fn to_vec(&self) -> Vec<f32> {
        self.tensor.try_to_vec_as::<f32>().unwrap_or_default()
    }

    /// The same elements in the same order, in another shape.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Self {
        Self { tensor: self.full().reshape(padded(shape)), rank: shape.len() }
    }

    /// The same array after `f` has changed the elements, not the shape.
    pub(crate) fn map(&self, f: impl FnOnce(Tensor<RANK>) -> Tensor<RANK>) -> Self {
        Self { tensor: f(self.full()), rank: self.rank }
    }

    /// A feature map as burn's convolutions and pools take it: `[n, h, w, c] -> [n, c, h, w]`. Permuting comes before
    /// reshaping, because only a reshape of data in memory order is free.
    pub(super) fn channels_first(&self) -> Tensor<4> {
        let [_, _, n, h, w, c] = self.tensor.dims();
        self.full().permute([0, 1, 2, 5, 3, 4]).reshape([n, c, h, w])
    }

    /// Inverse of [`Self::channels_first`].
    pub(super) fn from_channels_first(tensor: Tensor<4>) -> Self {
        let [n, c, h, w] = tensor.dims();
        Self { tensor: tensor.reshape([1, 1, n, c, h, w]).permute([0, 1, 2, 4, 5, 3]), rank: 4 }
    }
}
