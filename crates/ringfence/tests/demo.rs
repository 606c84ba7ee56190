//! The demo as a new user runs it.

mod support;

use std::collections::HashMap;

#[test]
fn thirty_seconds_of_demo_show_the_whole_path() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let arguments = [
        "demo",
        "--for",
        "30s",
        "--json",
        "--port",
        "0",
        "--site-port",
        "0",
        "--sip-port",
        "0",
        "--data",
        data.to_str().unwrap(),
    ];
    let (code, said, complained) = support::run(&arguments, folder.path());
    let line = said.lines().last().unwrap_or_default();
    let summary: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said}\n{complained}"));
    assert_eq!(code, Some(0), "{summary}\n{complained}");

    let figures: HashMap<&str, u64> = [
        ("visits", "/visits"),
        ("leases", "/leases"),
        ("calls", "/calls/total"),
        ("answered", "/calls/answered"),
        ("failed", "/calls/failed"),
        ("failed_over", "/calls/failed_over"),
        ("attributed", "/attributed"),
        ("recordings", "/recordings/total"),
        ("verified", "/recordings/verified"),
    ]
    .into_iter()
    .map(|(name, pointer)| {
        (
            name,
            summary
                .pointer(pointer)
                .and_then(serde_json::Value::as_u64)
                .unwrap_or(0),
        )
    })
    .collect();
    assert!(figures["visits"] >= 20, "{summary}");
    assert!(figures["leases"] >= 20, "{summary}");
    assert!(figures["calls"] >= 10, "{summary}");
    assert!(figures["failed_over"] >= 1, "{summary}");
    assert_eq!(figures["failed"], 0, "{summary}");
    assert_eq!(figures["attributed"], figures["calls"], "{summary}");
    assert_eq!(figures["recordings"], figures["answered"], "{summary}");
    assert_eq!(figures["verified"], figures["answered"], "{summary}");
}
