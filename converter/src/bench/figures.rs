//! What models cost on cores, in the one form that our own figures and those of other programs have.

use super::{BenchError, Measurement};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Costs of many models on many cores, measured with one program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Version of this object's layout.
    pub schema: u32,
    /// The program, short enough for a heading.
    pub name: String,
    /// Versions, flags, and what the figures mean; a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// In any order.
    pub costs: Vec<Cost>,
}

/// What one model costs on one core; what is not known is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Name of the model; the same for every program.
    pub model: String,
    /// Short name of the core: `m4`.
    pub core: String,
    /// Multiply-accumulates of one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macs: Option<u64>,
    /// Instructions of one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// Instructions per multiply-accumulate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions_per_mac: Option<f64>,
    /// Cycles of one run; the notes tell whether estimated or measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// RAM for activations, scratch and whatever else the program keeps per model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arena_bytes: Option<u64>,
    /// Flash bytes of code and constants without the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_bytes: Option<u64>,
    /// Flash bytes of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_bytes: Option<u64>,
    /// Instructions until the first run can start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_instructions: Option<u64>,
}

impl Figures {
    /// Version of the layout.
    pub const SCHEMA: u32 = 1;

    /// Reads a file that [`Figures`] was written to.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let bytes = std::fs::read(path).map_err(|error| BenchError::Unreadable { path: path.to_owned(), error })?;
        serde_json::from_slice(&bytes).map_err(|error| BenchError::Figures { path: path.to_owned(), error })
    }

    /// What is known of a model on a core.
    pub fn find(&self, model: &str, core: &str) -> Option<&Cost> {
        self.costs.iter().find(|cost| cost.model == model && cost.core == core)
    }

    /// Each model once, in order.
    pub fn models(&self) -> Vec<&str> {
        distinct(self.costs.iter().map(|cost| cost.model.as_str()))
    }

    /// Each core once, in order.
    pub fn cores(&self) -> Vec<&str> {
        distinct(self.costs.iter().map(|cost| cost.core.as_str()))
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    names.for_each(|name| {
        if !seen.contains(&name) {
            seen.push(name);
        }
    });
    seen
}

impl Cost {
    /// The short form of a measurement.
    pub fn of(model: &str, core: &str, measured: &Measurement) -> Self {
        let per_mac = measured.instructions as f64 / measured.macs.max(1) as f64;
        Self {
            model: model.to_owned(),
            core: core.to_owned(),
            macs: Some(measured.macs),
            instructions: Some(measured.instructions),
            instructions_per_mac: (measured.macs > 0).then(|| (per_mac * 1000.0).round() / 1000.0),
            cycles: None,
            arena_bytes: Some(measured.arena_high_water_bytes.into()),
            code_bytes: Some(measured.code_bytes),
            model_bytes: Some(measured.model_bytes.into()),
            load_instructions: Some(measured.load_instructions + measured.new_instructions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(model: &str, core: &str) -> Cost {
        Cost { model: model.into(), core: core.into(), instructions: Some(7), ..Cost::default() }
    }

    #[test]
    fn figures_are_found_by_model_and_core_and_read_back() {
        let costs = vec![cost("kws", "m4"), cost("kws", "m7"), cost("ad", "m4")];
        let figures = Figures { schema: Figures::SCHEMA, name: "x".into(), notes: vec!["y".into()], costs };
        assert_eq!(figures.find("kws", "m7"), Some(&figures.costs[1]));
        assert_eq!(figures.find("ad", "m7"), None);
        assert_eq!((figures.models(), figures.cores()), (vec!["kws", "ad"], vec!["m4", "m7"]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, serde_json::to_vec(&figures).unwrap()).unwrap();
        assert_eq!(Figures::read(&path).unwrap(), figures);
    }

    #[test]
    fn what_is_not_figures_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"schema\": 1}").unwrap();
        let text = Figures::read(&path).unwrap_err().to_string();
        assert!(text.contains("x.json") && text.contains("name"), "{text}");
    }
}
