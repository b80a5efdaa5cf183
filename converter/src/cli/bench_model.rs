//! What `mote bench` is given: a model file, or a network that becomes one on the fly.

use super::Progress;
use super::model_file::{ModelFile, is_model_file, read};
use crate::data::{Dataset, InputSpec};
use crate::emit::EmitOptions;
use crate::ir::Graph;
use crate::{BuildOptions, Event, build};
use anyhow::Context;
use std::path::Path;

/// What a file made from a network carries besides the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Names of layers, for a table of them.
    Keep,
    /// Nothing: the file that one would ship.
    Strip,
}

/// Samples that stand in for calibration data where there are none: sizes and speed do not depend on scales.
const NOISE_SAMPLES: usize = 4;

/// Opens a model file, or converts a network.
pub(super) fn open(path: &Path, names: Names, progress: &Progress) -> anyhow::Result<ModelFile> {
    let bytes = read(path)?;
    if is_model_file(&bytes) {
        return ModelFile::open(path);
    }
    let _spinner = progress.spinner(&format!("converting {}", path.display()));
    let default = EmitOptions::default();
    let meta = default.meta.clone().filter(|_| names == Names::Keep);
    let options =
        BuildOptions { self_test_vectors: 0, emit: EmitOptions { meta, ..default }, ..BuildOptions::default() };
    let mut noise = |graph: &Graph| Ok(Dataset::random(&InputSpec::of_graph(graph), NOISE_SAMPLES));
    let mut events = |event: Event| {
        if let Event::Imported(imported) = event {
            imported.info.warnings.iter().for_each(|warning| progress.warn(warning));
        }
    };
    let cannot = || format!("cannot convert `{}`", path.display());
    let mut built = build(&bytes, &options, &mut noise, &mut events).with_context(cannot)?;
    if !built.came_quantized {
        progress.warn(format!(
            "{}: calibrated on noise: sizes and speed are right, results are not; `mote convert` takes real data",
            path.display()
        ));
    }
    if names == Names::Keep {
        built.plan.quant.graph.name = model_name(path);
        built.emitted = crate::emit::emit(&built.plan, &built.emit).with_context(cannot)?;
    }
    ModelFile::of_bytes(built.emitted.bytes, &format!("`{}`", path.display()))
}

/// What to call a model in a table: its file's name, or, for `kws/model.tflite`, its folder's.
pub(super) fn model_name(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    let folder = || text(path.parent().and_then(Path::file_name));
    if stem == "model" { folder().unwrap_or(stem) } else { stem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_called_model_goes_by_its_folder() {
        assert_eq!(model_name(Path::new("a/kws.mote")), "kws");
        assert_eq!(model_name(Path::new("a/kws_int8/model.tflite")), "kws_int8");
        assert_eq!(model_name(Path::new("model.tflite")), "model");
    }
}
