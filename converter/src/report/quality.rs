//! How far each layer is from the full-precision run.

use super::chart::{Series, bars};
use super::{Figure, ReportError, TableData};
use crate::validate::reference::Validation;

/// Bars of signal-to-noise ratios; layers that are equal to the reference have none.
pub(super) fn sqnr(id: &str, validation: &Validation, reference: &str) -> Result<Figure, ReportError> {
    let mut table = TableData::new(&[
        "#",
        "op",
        "node",
        "recorded layer",
        ">SQNR dB",
        ">max error",
        ">mean error",
        ">cosine",
        ">saturated",
        ">own error",
    ]);
    for l in &validation.layers {
        let s = &l.similarity;
        table.row(vec![
            l.instruction.to_string(),
            l.op.clone(),
            l.node.clone(),
            l.layer.clone().unwrap_or_else(|| "-".into()),
            if s.sqnr_db.is_finite() { format!("{:.1}", s.sqnr_db) } else { "equal".into() },
            format!("{:.4}", s.max_abs),
            format!("{:.5}", s.mean_abs),
            format!("{:.5}", s.cosine),
            format!("{:.2} %", l.saturated * 100.0),
            l.own_share.map_or_else(|| "-".into(), |share| format!("{:.0} %", share * 100.0)),
        ]);
    }
    let labels: Vec<String> = validation.layers.iter().map(|l| format!("{} {}", l.instruction, l.node)).collect();
    let values = validation.layers.iter().map(|l| Some(l.similarity.sqnr_db).filter(|db| db.is_finite())).collect();
    let by_db = |a: &&crate::validate::reference::LayerReport, b: &&crate::validate::reference::LayerReport| {
        a.similarity.sqnr_db.total_cmp(&b.similarity.sqnr_db)
    };
    let worst = validation.layers.iter().min_by(by_db);
    let worst =
        worst.map_or_else(String::new, |l| format!(" The lowest is {}: {:.1} dB.", l.node, l.similarity.sqnr_db));
    Ok(Figure {
        id: format!("{id}-sqnr"),
        title: "Accuracy per layer".into(),
        note: format!(
            "Signal-to-quantization-noise ratio against {reference}, over {} samples; 6 dB are one bit. Below some 10 dB a \
             layer loses much of its information.{worst}",
            validation.whole.samples
        ),
        alt: format!("Bars: signal-to-noise ratio of {} layers in decibel.{worst}", labels.len()),
        svg: Some(bars("SQNR, dB", &labels, &[Series { name: "SQNR".into(), values }], Some((10.0, "line: 10 dB")))?),
        table,
        open: false,
    })
}
