//! NumPy archives: one array per input, and maybe labels.

use super::npy::{self, Array, Window};
use super::{DataError, InputSpec};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use zip::ZipArchive;

/// Names under which the one input of a model may be found.
const INPUT_NAMES: [&str; 6] = ["x", "X", "data", "images", "inputs", "arr_0"];
/// Names under which labels may be found.
const LABEL_NAMES: [&str; 5] = ["y", "Y", "labels", "targets", "label"];

/// An open archive and the names of its arrays.
pub(crate) struct Archive<'a> {
    path: &'a Path,
    archive: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    pub fn open(path: &'a Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        let archive = ZipArchive::new(BufReader::new(file))
            .map_err(|e| DataError::Format { path: path.into(), problem: format!("not a .npz file: {e}") })?;
        let mut names: Vec<String> =
            archive.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_string)).collect();
        names.sort();
        Ok(Self { path, archive, names })
    }

    /// The array that feeds `input`: the one of its name, else for a model with one input a customary name, else the
    /// only array that is not labels.
    pub fn input_name(&self, input: &InputSpec, only_input: bool) -> Result<String, DataError> {
        let has = |name: &&str| self.names.iter().any(|n| n == name);
        if has(&input.name.as_str()) {
            return Ok(input.name.clone());
        }
        let others = || self.names.iter().filter(|n| !LABEL_NAMES.contains(&n.as_str())).collect::<Vec<_>>();
        let customary = INPUT_NAMES.into_iter().find(has).map(str::to_string);
        let found = customary.or_else(|| <[&String; 1]>::try_from(others()).ok().map(|[n]| n.clone()));
        found.filter(|_| only_input).ok_or_else(|| DataError::MissingArray {
            path: self.path.into(),
            input: input.name.clone(),
            found: self.names.clone(),
        })
    }

    /// The array that holds labels, unless it feeds an input.
    pub fn label_name(&self, used: &[String]) -> Option<String> {
        let free = |n: &&str| self.names.iter().any(|m| m == n) && !used.iter().any(|u| u == n);
        LABEL_NAMES.into_iter().find(free).map(str::to_string)
    }

    pub fn read(
        &mut self,
        name: &str,
        window: Window,
        accept: impl FnOnce(usize, &[usize]) -> Result<(), DataError>,
    ) -> Result<Array, DataError> {
        let bad = |problem| DataError::Format { path: self.path.into(), problem };
        let file = format!("{name}.npy");
        let entry = self.archive.by_name(&file).map_err(|e| bad(format!("array `{name}`: {e}")))?;
        npy::read(entry, self.path, window, accept)
    }
}
