//! Opening what the user names: a `.mote` file, or a float network.

use super::{Hinted, Progress};
use crate::data::InputSpec;
use crate::import::{self, ImportOptions, Network};
use crate::inspect::{PortSummary, Summary};
use crate::ir::{DType, Graph};
use crate::passes;
use crate::validate::Session;
use anyhow::Context;
use std::path::Path;

/// A model file, ready to run.
pub(super) struct ModelFile {
    pub session: Session,
    pub summary: Summary,
    pub inputs: Vec<InputSpec>,
}

/// One output as the source network declares it.
pub(super) struct OutputSpec {
    pub name: String,
    /// Sizes per axis without the batch axis.
    pub shape: Vec<usize>,
    pub dtype: DType,
}

/// Reads a file whole.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path)
        .with_context(|| Hinted::new(format!("cannot read `{}`", path.display()), "check the path and its permissions"))
}

/// True if the bytes are those of a `.mote` file.
pub(super) fn is_model_file(bytes: &[u8]) -> bool {
    bytes.starts_with(&mote_runtime::format::MAGIC)
}

impl ModelFile {
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let bytes = read(path)?;
        let what = format!("`{}`", path.display());
        if !is_model_file(&bytes) {
            let hint = "make one with `mote convert MODEL --calibrate DATA -o OUT`";
            return Err(Hinted::new(format!("{what} is not a .mote file"), hint).into());
        }
        Self::of_bytes(bytes, &what)
    }

    /// The bytes of a .mote file; `what` names them in errors.
    pub fn of_bytes(bytes: Vec<u8>, what: &str) -> anyhow::Result<Self> {
        let damaged = || {
            let hint = "the file is damaged, or another version of mote made it: convert the network again";
            Hinted::new(format!("cannot load {what}"), hint)
        };
        let summary = Summary::from_blob(&bytes).with_context(damaged)?;
        let session = Session::load(bytes).with_context(damaged)?;
        let model = session.model()?;
        let spec = |(port, s): (&_, &PortSummary)| InputSpec::of_port(&s.name, port);
        let inputs = model.inputs().iter().zip(&summary.inputs).map(spec).collect();
        Ok(Self { session, summary, inputs })
    }

    /// Class names, or nothing.
    pub fn labels(&self) -> &[String] {
        &self.summary.provenance.labels
    }

    pub fn outputs(&self) -> anyhow::Result<Vec<OutputSpec>> {
        let model = self.session.model()?;
        let spec = |(port, s): (&mote_runtime::format::Port, &PortSummary)| OutputSpec {
            name: s.name.clone(),
            shape: s.source_shape.iter().skip(1).map(|&d| d as usize).collect(),
            dtype: port.source_dtype,
        };
        Ok(model.outputs().iter().zip(&self.summary.outputs).map(spec).collect())
    }

    /// Refuses a float network whose inputs are not those of the file.
    pub fn check_same_inputs(&self, network: &Graph, path: &Path) -> anyhow::Result<()> {
        let theirs = InputSpec::of_graph(network);
        let shapes = |specs: &[InputSpec]| specs.iter().map(|s| s.shape.clone()).collect::<Vec<_>>();
        if shapes(&theirs) == shapes(&self.inputs) {
            return Ok(());
        }
        let what = format!(
            "`{}` takes inputs of shape {:?}, the model file {:?}",
            path.display(),
            shapes(&theirs),
            shapes(&self.inputs)
        );
        Err(Hinted::new(what, "give the network that the file was converted from").into())
    }
}

/// Imports a network and runs the passes, as conversion does. One that came quantized gives its real numbers.
pub(super) fn float_network(path: &Path, options: &ImportOptions, progress: &Progress) -> anyhow::Result<Graph> {
    let cannot = || format!("cannot import `{}`", path.display());
    let imported = import::import(&read(path)?, options).with_context(cannot)?;
    for warning in &imported.info.warnings {
        progress.warn(warning);
    }
    let came_quantized = matches!(imported.network, Network::Quantized { .. });
    let mut graph = imported.network.into_float();
    // The nodes of a network that came quantized are those of its model file already.
    if !came_quantized {
        passes::run_default(&mut graph).with_context(cannot)?;
    }
    Ok(graph)
}

/// `NAME=1,3,32,32`.
pub(super) fn parse_input_shape(text: &str) -> Result<(String, Vec<usize>), String> {
    let wrong = || format!("`{text}` is not NAME=SIZES, as in image=1,3,32,32");
    let (name, sizes) = text.rsplit_once('=').ok_or_else(wrong)?;
    let sizes: Result<Vec<usize>, _> = sizes.split([',', 'x']).map(|s| s.trim().parse::<usize>()).collect();
    match sizes {
        Ok(sizes) if !name.is_empty() && !sizes.contains(&0) => Ok((name.into(), sizes)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_shapes_parse() {
        assert_eq!(parse_input_shape("x=1,3,32,32"), Ok(("x".into(), vec![1, 3, 32, 32])));
        assert_eq!(parse_input_shape("a=b=1x2"), Ok(("a=b".into(), vec![1, 2])));
        assert!(parse_input_shape("x").is_err());
        assert!(parse_input_shape("=1").is_err());
        assert!(parse_input_shape("x=0").is_err());
    }
}
