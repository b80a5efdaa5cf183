//! What shape an input has in the user's eyes, and how given arrays become it.

use super::DataError;
use crate::ir;
use std::path::Path;

/// One input of a model as its source network declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Name in the source file.
    pub name: String,
    /// Sizes per axis, batch 1 first.
    pub shape: Vec<usize>,
    /// Which axis counts channels: 1 for NCHW, 3 for NHWC.
    pub channel_axis: Option<usize>,
}

/// Order of the axes in given arrays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataLayout {
    /// That of the source network.
    #[default]
    Source,
    /// Batch, rows, columns, channels.
    Nhwc,
    /// Batch, channels, rows, columns.
    Nchw,
}

impl InputSpec {
    /// The inputs of an imported graph.
    pub fn of_graph(graph: &ir::Graph) -> Vec<Self> {
        let spec = |p: &ir::Port| Self {
            name: p.name.clone(),
            shape: p.source_shape.clone(),
            channel_axis: p.source_axes.last().copied(),
        };
        graph.inputs.iter().map(spec).collect()
    }

    /// An input of a model file.
    pub fn of_port(name: &str, port: &mote_runtime::format::Port) -> Self {
        let mut shape = vec![1; port.shape.len()];
        for (&size, &axis) in port.shape.iter().zip(&port.source_axes) {
            if let Some(d) = shape.get_mut(usize::from(axis)) {
                *d = size as usize;
            }
        }
        let mut channel_axis = port.source_axes.last().map(|&a| usize::from(a));
        // A file whose inputs are stored in source order does not say what its axes mean: pictures have few channels.
        let stored_as_source = port.source_axes.is_sorted();
        if let ([_, 1..=4, _, last], true) = (shape.as_slice(), stored_as_source)
            && *last > 4
        {
            channel_axis = Some(1);
        }
        Self { name: name.into(), shape, channel_axis }
    }

    /// Values per sample.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many channels there are, and how many neighbouring values share one.
    pub fn channels(&self) -> (usize, usize) {
        let axis = self.channel_axis.unwrap_or(self.shape.len().saturating_sub(1));
        let channels = self.shape.get(axis).copied().unwrap_or(1);
        (channels, self.shape.get(axis + 1..).unwrap_or_default().iter().product())
    }

    /// True if the source is NCHW: four axes, channels second.
    pub fn is_nchw(&self) -> bool {
        self.shape.len() == 4 && self.channel_axis == Some(1)
    }

    /// Rows, columns and channels, if pictures can be fed.
    pub(crate) fn picture(&self) -> Result<(usize, usize, usize), DataError> {
        let refuse =
            |problem| Err(DataError::NotImages { input: self.name.clone(), shape: self.shape.clone(), problem });
        let (h, w, c) = match (self.shape.as_slice(), self.channel_axis) {
            ([1, c, h, w], Some(1)) => (*h, *w, *c),
            ([1, h, w, c], _) => (*h, *w, *c),
            ([1, h, w], _) => (*h, *w, 1),
            _ => return refuse("it does not have rows and columns"),
        };
        if c == 1 || c == 3 { Ok((h, w, c)) } else { refuse("pictures have 1 or 3 channels") }
    }
}

/// How a sample's values move to the source order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// They are already there.
    AsIs,
    /// `[h, w, c]` to `[c, h, w]`.
    ToChannelsFirst { pixels: usize, channels: usize },
    /// `[c, h, w]` to `[h, w, c]`.
    ToChannelsLast { pixels: usize, channels: usize },
}

impl Fit {
    pub fn apply(&self, values: Vec<f32>) -> Vec<f32> {
        let transpose = |rows: usize, columns: usize| {
            let column = |c: usize| values.iter().skip(c).step_by(columns.max(1)).take(rows).copied();
            (0..columns).flat_map(column).collect()
        };
        match *self {
            Self::AsIs => values,
            Self::ToChannelsFirst { pixels, channels } => transpose(pixels, channels),
            Self::ToChannelsLast { pixels, channels } => transpose(channels, pixels),
        }
    }
}

/// Sizes without the axes of size 1.
fn squeezed(shape: impl IntoIterator<Item = usize>) -> Vec<usize> {
    shape.into_iter().filter(|&d| d != 1).collect()
}

/// Decides how samples of shape `given` (the first axis of the array left out) become `input`.
pub(crate) fn fit(
    path: &Path,
    input: &InputSpec,
    samples: usize,
    given: &[usize],
    layout: DataLayout,
) -> Result<Fit, DataError> {
    let picture = match input.shape.as_slice() {
        [1, c, h, w] if input.is_nchw() => Some((*h, *w, *c)),
        [1, h, w, c] => Some((*h, *w, *c)),
        _ => None,
    };
    let (wanted, fit) = match (layout, picture) {
        (DataLayout::Nhwc, Some((h, w, c))) if input.is_nchw() => {
            (vec![h, w, c], Fit::ToChannelsFirst { pixels: h * w, channels: c })
        }
        (DataLayout::Nchw, Some((h, w, c))) if !input.is_nchw() => {
            (vec![c, h, w], Fit::ToChannelsLast { pixels: h * w, channels: c })
        }
        _ => (input.shape.clone(), Fit::AsIs),
    };
    if squeezed(wanted) == squeezed(given.iter().copied()) {
        return Ok(fit);
    }
    Err(DataError::Shape {
        path: path.into(),
        input: input.name.clone(),
        expected: input.shape.clone(),
        samples,
        got: given.to_vec(),
        layouts: layout == DataLayout::Source && picture.is_some(),
    })
}
