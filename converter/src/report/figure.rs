//! A chart and the same figures as a table.

use serde::Serialize;

/// What the page shows in one place.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Unique in the page.
    pub id: String,
    /// Heading.
    pub title: String,
    /// What to see in it, in a sentence or two.
    pub note: String,
    /// For those who do not see it.
    pub alt: String,
    /// The chart; none where only a table serves.
    pub svg: Option<String>,
    /// The same in numbers.
    pub table: TableData,
    /// The table is what people look for, so that it is open.
    pub open: bool,
}

/// A table of text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TableData {
    /// Of the columns; those that start with `>` hold numbers.
    headings: Vec<Heading>,
    rows: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Serialize)]
struct Heading {
    text: String,
    number: bool,
}

impl TableData {
    /// A table without rows; columns whose heading starts with `>` are aligned to the right.
    pub fn new(headings: &[&str]) -> Self {
        let heading = |h: &&str| Heading { text: h.trim_start_matches('>').into(), number: h.starts_with('>') };
        Self { headings: headings.iter().map(heading).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
