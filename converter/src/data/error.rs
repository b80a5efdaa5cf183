//! What can be wrong with data, and what to do about it.

use std::path::PathBuf;

/// Why a data set could not be loaded.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum DataError {
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write `{path}`")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("`{path}`: {problem}")]
    Format { path: PathBuf, problem: String },
    #[error("`{path}`: not a kind of data that is understood ({found})")]
    Unknown { path: PathBuf, found: String },
    #[error("`{path}` holds no samples")]
    Empty { path: PathBuf },
    #[error("`{path}` holds {total} samples, and {skip} are to be skipped")]
    AllSkipped { path: PathBuf, total: usize, skip: usize },
    #[error("`{path}`: element type {dtype} is not supported")]
    ElementType { path: PathBuf, dtype: String },
    #[error("input `{input}` expects shape {}, got {} samples of shape {} in `{path}`",
        shape_text(.expected), .samples, shape_text(.got))]
    Shape { path: PathBuf, input: String, expected: Vec<usize>, samples: usize, got: Vec<usize>, layouts: bool },
    #[error("input `{input}` expects {expected} values per sample; line {line} of `{path}` has {got}")]
    Columns { path: PathBuf, line: u64, input: String, expected: usize, got: usize },
    #[error("`{path}` is {got_w} x {got_h} pixels, input `{input}` expects {width} x {height}")]
    ImageSize { path: PathBuf, input: String, width: usize, height: usize, got_w: usize, got_h: usize },
    #[error("input `{input}` of shape {} cannot take pictures: {problem}", shape_text(.shape))]
    NotImages { input: String, shape: Vec<usize>, problem: &'static str },
    #[error("`{path}` feeds one input, the model has {}: {}", .inputs.len(), .inputs.join(", "))]
    OneInput { path: PathBuf, inputs: Vec<String> },
    #[error("`{path}` has no array for input `{input}`; it holds {}", .found.join(", "))]
    MissingArray { path: PathBuf, input: String, found: Vec<String> },
    #[error("the model has no input `{name}`; it has {}", .inputs.join(", "))]
    NoSuchInput { name: String, inputs: Vec<String> },
    #[error("no data given for input `{input}`")]
    NotGiven { input: String },
    #[error("inputs have different numbers of samples: `{a}` {a_samples}, `{b}` {b_samples}")]
    UnequalSamples { a: String, a_samples: usize, b: String, b_samples: usize },
    #[error("`{path}` holds {labels} labels for {samples} samples")]
    LabelCount { path: PathBuf, labels: usize, samples: usize },
    #[error("`{path}`: label {index} is `{label}`, which is neither a number nor one of the model's classes")]
    Label { path: PathBuf, index: usize, label: String },
    #[error("{sample} has label {label}, but the model has {classes} classes")]
    LabelRange { sample: String, label: usize, classes: usize },
    #[error("{origin} has no labels")]
    NoLabels { origin: String },
    #[error("{sample} of `{path}`, input `{input}`: element {element} is {value}")]
    NotFinite { path: PathBuf, sample: String, input: String, element: usize, value: f32 },
    #[error("input `{input}` has {channels} channels, but --{option} gives {given} values")]
    Channels { input: String, channels: usize, option: &'static str, given: usize },
    #[error("`{path}` would take {gib:.1} GiB of memory")]
    TooLarge { path: PathBuf, gib: f64 },
}

/// `[1, 28, 28]`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    format!("[{}]", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "))
}

impl DataError {
    /// The next thing to try.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "check the path and its permissions".into(),
            Self::Unknown { .. } => {
                "give a .npy, .npz or .csv file, an IDX file, or a folder of PNG or JPEG pictures".into()
            }
            Self::Empty { .. } => "give at least one sample; the first axis of an array counts the samples".into(),
            Self::AllSkipped { .. } => "lower --skip".into(),
            Self::ElementType { .. } => {
                "save it as uint8, int8, int16, int32, int64, float16, float32 or float64 (numpy: x.astype('float32'))"
                    .into()
            }
            Self::Shape { expected, got, layouts, .. } => shape_hint(expected, got, *layouts),
            Self::Columns { .. } => {
                "one line is one sample; say which column is the label with --label-column first|last|none".into()
            }
            Self::ImageSize { .. } => "scale the pictures with --resize, or give pictures of that size".into(),
            Self::NotImages { .. } => "save the data as .npy with the model's own shape instead".into(),
            Self::OneInput { .. } | Self::MissingArray { .. } => {
                "save one array per input in a .npz file, named as the inputs".into()
            }
            Self::NotGiven { input } => format!("add --input {input}=FILE.npy"),
            Self::NoLabels { .. } => "give them with --labels FILE (.npy, .csv or IDX)".into(),
            Self::Label { .. } => "name the classes at conversion with --labels-file, one per line".into(),
            Self::LabelRange { .. } => "labels count from 0; check that the data belong to this model".into(),
            Self::NotFinite { .. } => "remove or repair that sample".into(),
            Self::Channels { .. } => "give one value, or one per channel, separated by commas".into(),
            Self::TooLarge { .. } => "take a part of it with --limit N (and --skip N)".into(),
            Self::Write { .. }
            | Self::Format { .. }
            | Self::NoSuchInput { .. }
            | Self::UnequalSamples { .. }
            | Self::LabelCount { .. } => return None,
        })
    }
}

fn shape_hint(expected: &[usize], got: &[usize], layouts: bool) -> String {
    let sorted = |s: &[usize]| {
        let mut s: Vec<usize> = s.iter().copied().filter(|&d| d != 1).collect();
        s.sort_unstable();
        s
    };
    if layouts && sorted(expected) == sorted(got) {
        let channels_last = expected.len() == 4 && expected.get(1) < expected.get(3);
        let layout = if channels_last { "nhwc" } else { "nchw" };
        return format!(
            "the axes are in another order: if the data are {0}, add --data-layout {layout}",
            layout.to_uppercase()
        );
    }
    let per_sample: Vec<usize> = expected.get(1..).unwrap_or_default().to_vec();
    if got == per_sample.get(1..).unwrap_or_default() && !per_sample.is_empty() {
        return "the first axis counts the samples: for a single sample, save x[None]".into();
    }
    let with_samples = std::iter::once("n".to_string()).chain(per_sample.iter().map(usize::to_string));
    format!(
        "save an array of shape [{}], the first axis counting the samples",
        with_samples.collect::<Vec<_>>().join(", ")
    )
}
