//! One page about model files, for people who were not there: self-contained HTML with charts, and a table beside each.
//!
//! [`ModelPage::new`] gathers what is known of a file, [`render`] writes the page. Nothing is loaded from anywhere: pictures
//! are part of the page, and it has no scripts.

mod chart;
mod error;
mod evaluation;
mod figure;
mod graph;
mod history;
mod latency;
mod memory;
mod page;
mod pictures;
mod quality;

pub use error::ReportError;
pub use evaluation::Evaluated;
pub use figure::{Figure, TableData};
pub use history::History;
pub use latency::Latency;
pub use page::{ModelPage, Sources};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

/// The page of one or more files.
pub fn render(title: &str, models: &[ModelPage]) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page.html", include_str!("page.html"))?;
    let template = environment.get_template("page.html")?;
    let comparison = (models.len() > 1).then(|| page::comparison(models));
    let version = env!("CARGO_PKG_VERSION");
    let (models, comparison) = (Value::from(Serde(models)), Value::from(Serde(&comparison)));
    Ok(template.render(context! { title, models, comparison, version })?)
}
