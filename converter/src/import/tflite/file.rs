//! The parts of a file that the importer works on: indices checked, sizes bounded, data still in place.

use super::ImportError;
use super::schema::tflite as fb;
use planus::ReadAsRoot;

/// A file may not have more tensors or operators: more do not fit a model file either.
const MOST: usize = 8192;
/// Most operands and results of one operator.
const MOST_OPERANDS: usize = 512;
/// Most axes of a tensor.
const MOST_AXES: usize = 8;
/// Names are cut to this many characters.
const NAME_CHARS: usize = 120;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    F32,
    F16,
    I32,
    U8,
    I64,
    Bool,
    I16,
    I8,
    Other(i8),
}

impl ElementType {
    fn of(code: i8) -> Self {
        match code {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::I32,
            3 => Self::U8,
            4 => Self::I64,
            6 => Self::Bool,
            7 => Self::I16,
            9 => Self::I8,
            other => Self::Other(other),
        }
    }

    /// Bytes of one element, if the type is known.
    pub fn bytes(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::F16 | Self::I16 => Some(2),
            Self::F32 | Self::I32 => Some(4),
            Self::I64 => Some(8),
            Self::Other(_) => None,
        }
    }

    /// As TensorFlow spells it.
    pub fn name(self) -> String {
        match self {
            Self::F32 => "float32".into(),
            Self::F16 => "float16".into(),
            Self::I32 => "int32".into(),
            Self::U8 => "uint8".into(),
            Self::I64 => "int64".into(),
            Self::Bool => "bool".into(),
            Self::I16 => "int16".into(),
            Self::I8 => "int8".into(),
            Self::Other(code) => format!("type {code}"),
        }
    }
}

/// Scales and zero points as the file has them. Some files carry an axis that does not exist beside one scale.
#[derive(Clone, Copy)]
pub(super) struct Affine<'a> {
    pub scales: planus::Vector<'a, f32>,
    pub zero_points: Option<planus::Vector<'a, i64>>,
    pub axis: i32,
}

/// A tensor. `data` is as long as its shape says.
pub(super) struct TensorInfo<'a> {
    pub index: usize,
    pub name: String,
    pub shape: Vec<usize>,
    pub dtype: ElementType,
    pub quantization: Option<Affine<'a>>,
    pub data: Option<&'a [u8]>,
    pub is_variable: bool,
}

impl TensorInfo<'_> {
    /// An error about this tensor.
    pub fn error(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Tensor { index: self.index, name: self.name.clone(), reason: reason.into() }
    }

    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One operator. Operands index [`File::tensors`].
pub(super) struct Operator<'a> {
    pub index: usize,
    /// Number in TensorFlow Lite's list of operators.
    pub code: i32,
    /// Name of a custom operator.
    pub custom: Option<String>,
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    pub intermediates: Vec<Option<usize>>,
    pub proto: fb::OperatorRef<'a>,
}

/// A decoded file.
pub(super) struct File<'a> {
    pub name: String,
    pub description: String,
    pub tensors: Vec<TensorInfo<'a>>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Bytes of the file.
    pub bytes: usize,
}

fn text(text: &str) -> String {
    text.chars().take(NAME_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn bounded(what: &'static str, got: usize, limit: usize) -> Result<(), ImportError> {
    if got > limit { Err(ImportError::TooMany { what, got, limit }) } else { Ok(()) }
}

fn broken(reason: impl Into<String>) -> ImportError {
    ImportError::Broken { reason: reason.into() }
}

impl<'a> File<'a> {
    /// Reads the one subgraph and the tables that it refers to.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let model = fb::ModelRef::read_as_root(bytes)?;
        if model.version()? != 3 {
            return Err(ImportError::Version { found: model.version()? });
        }
        let subgraphs = model.subgraphs()?.ok_or_else(|| broken("it holds no graph"))?;
        if subgraphs.len() != 1 {
            return Err(ImportError::Subgraphs { got: subgraphs.len() });
        }
        let graph = subgraphs.get(0).ok_or_else(|| broken("it holds no graph"))??;
        let tensors = tensors(&model, &graph)?;
        let operators = operators(&model, &graph, tensors.len())?;
        let ports = |list: Option<planus::Vector<'a, i32>>, what: &'static str| {
            let list = list.ok_or(ImportError::NoPorts { what })?;
            if list.is_empty() {
                return Err(ImportError::NoPorts { what });
            }
            bounded(what, list.len(), MOST_OPERANDS)?;
            let index = |i: i32| usize::try_from(i).ok().filter(|&i| i < tensors.len());
            let check =
                |i: i32| index(i).ok_or_else(|| broken(format!("the {what} name tensor {i}, which does not exist")));
            list.iter().map(check).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            name: text(graph.name()?.unwrap_or_default()),
            description: text(model.description()?.unwrap_or_default()),
            inputs: ports(graph.inputs()?, "inputs")?,
            outputs: ports(graph.outputs()?, "outputs")?,
            bytes: bytes.len(),
            tensors,
            operators,
        })
    }
}

fn tensors<'a>(model: &fb::ModelRef<'a>, graph: &fb::SubGraphRef<'a>) -> Result<Vec<TensorInfo<'a>>, ImportError> {
    let Some(list) = graph.tensors()? else { return Ok(Vec::new()) };
    bounded("tensors", list.len(), MOST)?;
    let buffers = model.buffers()?;
    let tensor = |(index, tensor): (usize, planus::Result<fb::TensorRef<'a>>)| {
        let tensor = tensor?;
        let name = text(tensor.name()?.unwrap_or_default());
        let error = |reason: String| ImportError::Tensor { index, name: name.clone(), reason };
        let sizes = tensor.shape()?;
        let axes = sizes.map_or(0, |s| s.len());
        if axes > MOST_AXES {
            return Err(error(format!("has {axes} axes, at most {MOST_AXES} are supported")));
        }
        let size =
            |d: i32| usize::try_from(d).map_err(|_| error(format!("has a size of {d}: give the network fixed shapes")));
        let shape = sizes.into_iter().flatten().map(size).collect::<Result<Vec<_>, _>>()?;
        let elements = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let Some(elements) = elements.filter(|&n| n <= crate::ir::MAX_ELEMENTS) else {
            return Err(error(format!("has shape {shape:?}, more than 2^30 elements")));
        };
        let dtype = ElementType::of(tensor.type_()?);
        let quantization = match tensor.quantization()? {
            Some(q) => q.scale()?.filter(|s| !s.is_empty()).map(|scales| {
                Ok::<_, planus::Error>(Affine { scales, zero_points: q.zero_point()?, axis: q.quantized_dimension()? })
            }),
            None => None,
        };
        let quantization = quantization.transpose()?;
        let mut data = None;
        if tensor.buffer()? != 0 {
            let wanted = tensor.buffer()?;
            let buffer = buffers.and_then(|b| b.get(wanted as usize));
            let buffer = buffer.ok_or_else(|| error(format!("lies in buffer {wanted}, which does not exist")))??;
            if buffer.offset()? > 1 {
                return Err(error(
                    "lies outside of the flatbuffer, which is not supported; files up to 2 GB need not".into(),
                ));
            }
            data = buffer.data()?.filter(|bytes| !bytes.is_empty());
        }
        if let (Some(bytes), Some(element)) = (data, dtype.bytes())
            && elements.checked_mul(element) != Some(bytes.len())
        {
            let (len, dtype) = (bytes.len(), dtype.name());
            return Err(error(format!(
                "of shape {shape:?} and type {dtype} has {len} bytes of data; the file is damaged"
            )));
        }
        if tensor.sparsity()?.is_some() {
            return Err(error("is sparse, which is not supported; convert the network without sparsity".into()));
        }
        let is_variable = tensor.is_variable()?;
        Ok(TensorInfo { index, name, shape, dtype, quantization, data, is_variable })
    };
    list.iter().enumerate().map(tensor).collect()
}

fn operators<'a>(
    model: &fb::ModelRef<'a>,
    graph: &fb::SubGraphRef<'a>,
    tensors: usize,
) -> Result<Vec<Operator<'a>>, ImportError> {
    let Some(list) = graph.operators()? else { return Ok(Vec::new()) };
    bounded("operators", list.len(), MOST)?;
    let codes = model.operator_codes()?;
    let operator = |(index, proto): (usize, planus::Result<fb::OperatorRef<'a>>)| {
        let proto = proto?;
        let code = codes.and_then(|c| c.get(proto.opcode_index().ok()? as usize));
        let code =
            code.ok_or_else(|| broken(format!("operator {index} is of a kind that the file does not list")))??;
        // Newer kinds do not fit the old field, which then holds a placeholder.
        let number = code.builtin_code()?.max(code.deprecated_builtin_code()?.into());
        let error =
            |reason: String| ImportError::Operator { operator: index, op: super::operators::name(number), reason };
        let indices = |list: Option<planus::Vector<'a, i32>>| {
            let list = list.into_iter().flatten();
            let check = |i: i32| match usize::try_from(i) {
                Ok(i) if i < tensors => Ok(Some(i)),
                Err(_) if i == -1 => Ok(None),
                _ => Err(error(format!("names tensor {i}, which does not exist"))),
            };
            list.map(check).collect::<Result<Vec<_>, _>>()
        };
        for list in [proto.inputs()?, proto.outputs()?, proto.intermediates()?].into_iter().flatten() {
            bounded("operands of one operator", list.len(), MOST_OPERANDS)?;
        }
        let outputs = indices(proto.outputs()?)?.into_iter().flatten().collect::<Vec<_>>();
        if outputs.is_empty() {
            return Err(error("has no output".into()));
        }
        Ok(Operator {
            index,
            code: number,
            custom: code.custom_code()?.filter(|_| number == super::operators::CUSTOM).map(text),
            inputs: indices(proto.inputs()?)?,
            outputs,
            intermediates: indices(proto.intermediates()?)?,
            proto,
        })
    };
    list.iter().enumerate().map(operator).collect()
}
