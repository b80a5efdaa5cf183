//! Running and measuring on a device.

use crate::emulator::{digits, stdout, with_digits};
use serde_json::Value;

#[test]
fn a_bench_has_every_layer_with_its_spread() {
    let Some(device) = with_digits() else { return };
    let report = device.held(&["bench", "digits.mote", "--repeat", "7"]);
    assert_eq!(report["runs"].as_array().unwrap().len(), 7);
    assert_eq!(report["ticks_per_second"], 25_000_000);
    let in_order = |of: &Value| {
        let [min, median, max] = ["min", "median", "max"].map(|key| of[key].as_u64().unwrap());
        assert!(min <= median && median <= max, "{of}");
        median
    };
    assert!(in_order(&report) > 0 && report["ticks_per_mac"].as_f64().unwrap() > 0.0);
    let layers = report["per_instruction"].as_array().unwrap();
    assert_eq!(layers.len() as u64, device.held(&["device", "info"])["model"]["instructions"].as_u64().unwrap());
    layers.iter().map(in_order).for_each(drop);
    let shares: f64 = layers.iter().map(|layer| layer["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let text = stdout(&device.mote(&["bench", "digits.mote", "--repeat", "3"]).success());
    assert!(text.contains("conv2d") && text.contains("median of 3 runs") && text.contains("spread"), "{text}");
}

#[test]
fn samples_give_the_hosts_bytes_and_a_monitor_shows_them() {
    let Some(device) = with_digits() else { return };
    let (_, samples) = digits();
    let data = ["--input", samples.to_str().unwrap(), "--limit", "8"];
    let report = device.held(&[&["device", "run", "digits.mote"][..], &data].concat());
    assert_eq!((&report["samples"], &report["device"]["same_bytes"]), (&8.into(), &true.into()));
    assert_eq!(report["device"]["ticks"].as_array().unwrap().len(), 8);

    let words = [&["monitor", "digits.mote", "--json", "--count", "3", "--interval", "1"][..], &data].concat();
    let text = stdout(&device.mote(&words).success());
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let runs: Vec<&Value> = lines.iter().filter(|line| line["ticks"].is_u64()).collect();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run["same_bytes"] == true));
    assert_eq!(
        runs[0]["values"],
        report["outputs"][0]["values"]
            .as_object()
            .unwrap()
            .values()
            .collect::<Vec<_>>()
            .into_iter()
            .cloned()
            .collect::<Value>()
    );
    assert!(lines.iter().any(|line| line["log"].as_str().is_some_and(|log| log.starts_with("confirmed"))));
}
