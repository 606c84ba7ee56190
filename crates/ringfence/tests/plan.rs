//! `ringfence plan`: plans are checked and tried without a database.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/call-centre.toml")
}

/// What the program says, and whether it was content.
fn plan(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .arg("plan")
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn tried(more: &[&str]) -> Value {
    let file = example();
    let arguments = [&["try", file.to_str().unwrap(), "--json"], more].concat();
    let (success, said) = plan(&arguments);
    assert!(success, "{said}");
    serde_json::from_str(&said).unwrap()
}

fn candidates(tried: &Value) -> Vec<&str> {
    let of_first = tried["stages"][0]["candidates"].as_array();
    let names = of_first.into_iter().flatten();
    names.map(|one| one["target"].as_str().unwrap()).collect()
}

const MONDAY: &str = "2026-12-21T10:00[Europe/London]";

#[test]
fn the_example_is_sound() {
    let (success, said) = plan(&["check", example().to_str().unwrap()]);
    assert!(success, "{said}");
    assert!(said.contains("plan \"Main\" is sound: 7 steps"), "{said}");
}

#[test]
fn who_speaks_the_visitors_language_comes_first_then_everyone() {
    let german = tried(&["--language", "de-AT", "--at", MONDAY]);
    assert_eq!(candidates(&german), ["Ann", "Bernd", "Claire"]);
    let busy = ["--busy", "Ann", "--busy", "Bernd"];
    let busy = [&["--language", "de-AT", "--at", MONDAY], &busy[..]].concat();
    let next_best = tried(&[&busy[..], &["--language", "fr"]].concat());
    assert_eq!(candidates(&next_best), ["Claire"]);
    let passed = &next_best["stages"][0]["passed"];
    assert_eq!(passed[0]["target"], "Ann", "{passed}");
    assert_eq!(passed[0]["reason"], "full: 1 of 1 calls", "{passed}");
}

#[test]
fn a_full_group_flows_over_and_a_closed_shop_refuses() {
    let all = ["--busy", "Ann", "--busy", "Bernd", "--busy", "Claire"];
    let full = tried(&[&["--at", MONDAY], &all[..]].concat());
    assert_eq!(candidates(&full), ["Mobile of the owner"]);
    let closed = tried(&["--at", "2026-12-25T10:00[Europe/London]"]);
    assert_eq!(closed["stages"][0]["code"], 480, "{closed}");
    let path = closed["stages"][0]["path"].as_array().unwrap();
    assert!(
        path[0]["reason"].as_str().unwrap().contains("closed"),
        "{path:?}"
    );
}

#[test]
fn every_mistake_is_told_at_once_with_its_step_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wrong.toml");
    let text = std::fs::read_to_string(example()).unwrap();
    let text = text
        .replace("step = \"owner\"\nwhen", "step = \"nobody\"\nwhen")
        .replace("group = \"Sales\"\noth", "group = \"Sails\"\noth")
        .replace("timeout = 25", "timeout = \"long\"")
        .replace("code = 480", "code = 200")
        .replace("+442079460789", "+12125550123");
    std::fs::write(&file, text).unwrap();
    let (success, said) = plan(&["check", file.to_str().unwrap()]);
    assert!(!success, "{said}");
    for part in [
        "step \"who\"",
        "\"nobody\"",
        "step \"sales\": `ring.group` expected the name of a group, got \"Sails\"",
        "step \"owner\": `ring.timeout`",
        "step \"closed\": expected a SIP status code from 400 to 699, got 200",
        "step \"partner\": `forward.number` +12125550123: numbers of US may not be dialled",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn a_plan_alone_is_checked_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("evening");
    let text = r#"{"start": "ring", "steps": {"ring": {"ring": {"group": "Night", "otherwise": "no"}},
        "no": {"reject": {"code": 486}}}}"#;
    std::fs::write(&file, text).unwrap();
    let (success, said) = plan(&["check", file.to_str().unwrap()]);
    assert!(
        success && said.contains("plan \"evening\" is sound"),
        "{said}"
    );
    let (success, said) = plan(&["try", file.to_str().unwrap()]);
    assert!(success && said.contains("somebody of Night"), "{said}");
    assert!(said.contains("refuses the call with 486"), "{said}");
}
