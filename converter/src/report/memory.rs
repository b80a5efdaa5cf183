//! RAM over time, and flash.

use super::chart::{Series, bars, occupancy};
use super::{Figure, ReportError, TableData};
use crate::cli::{count, kib};
use crate::inspect::{Occupant, Summary, Use, in_use};

/// Who occupies the arena when.
pub(super) fn ram(id: &str, summary: &Summary, occupants: &[Occupant]) -> Result<Figure, ReportError> {
    let used = in_use(occupants, summary.instructions.len());
    let fullest = used.iter().enumerate().max_by_key(|(at, (end, sum))| (*end, *sum, std::cmp::Reverse(*at)));
    let fullest = fullest.map_or(0, |(at, _)| at);
    let mut table = TableData::new(&["what", "use", ">first byte", ">bytes", ">first instruction", ">last"]);
    for o in occupants {
        table.row(vec![
            o.name.clone(),
            use_name(o.kind).into(),
            count(o.bytes[0].into()),
            count(o.size().into()),
            o.instructions[0].to_string(),
            o.instructions[1].to_string(),
        ]);
    }
    let node = summary.instructions.get(fullest).map_or("", |i| i.node.as_str());
    let arena = u64::from(summary.arena_bytes);
    Ok(Figure {
        id: format!("{id}-ram"),
        title: "RAM over time".into(),
        note: format!(
            "The arena takes {} bytes ({}). It is fullest at instruction {fullest}{}.",
            count(arena),
            kib(arena),
            if node.is_empty() { String::new() } else { format!(", {node}") }
        ),
        alt: format!(
            "Rectangles over instructions and addresses: each is a value, input or scratch memory in the arena of {} bytes.",
            count(arena)
        ),
        svg: Some(occupancy(occupants, summary.instructions.len(), summary.arena_bytes)?),
        table,
        open: false,
    })
}

fn use_name(kind: Use) -> &'static str {
    match kind {
        Use::Input => "input",
        Use::Value => "value",
        Use::Scratch => "scratch",
        Use::State => "state",
    }
}

/// Flash by section of the file, and the code where a benchmark says it.
pub(super) fn flash(id: &str, summary: &Summary, code: &[(String, u64)]) -> Result<Figure, ReportError> {
    let mut parts: Vec<(String, u64)> =
        summary.sections.iter().map(|s| (s.name.replace('_', "-"), u64::from(s.bytes))).collect();
    let known: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    let file = u64::from(summary.file_bytes);
    parts.push(("header, padding".into(), file.saturating_sub(known)));
    parts.extend(code.iter().map(|(target, bytes)| (format!("code on {target}"), *bytes)));
    let mut table = TableData::new(&["section", ">bytes", ">share of the file"]);
    for (at, (name, bytes)) in parts.iter().enumerate() {
        let in_file = at <= summary.sections.len();
        let share = if in_file { format!("{:.1} %", *bytes as f64 / file.max(1) as f64 * 100.0) } else { "-".into() };
        table.row(vec![name.clone(), count(*bytes), share]);
    }
    let labels: Vec<String> = parts.iter().map(|(name, _)| name.clone()).collect();
    let values = parts.iter().map(|(_, bytes)| Some(*bytes as f64)).collect();
    Ok(Figure {
        id: format!("{id}-flash"),
        title: "Flash by section".into(),
        note: format!(
            "The file takes {} bytes ({}). A device needs neither names (meta) nor self-test vectors to run it: the \
             options --strip and --self-test 0 of mote convert leave them out.",
            count(file),
            kib(file)
        ),
        alt: format!("Bars: bytes of each section of the file of {} bytes.", count(file)),
        svg: Some(bars("bytes", &labels, &[Series { name: "bytes".into(), values }], None)?),
        table,
        open: false,
    })
}
