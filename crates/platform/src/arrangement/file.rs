//! Files that hold an arrangement or a single plan, in TOML or JSON: read into one form, whatever they are.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Arrangement, GroupPart, PlanPart, TargetPart, TrunkPart};

/// The most octets of such a file; the longest plan anybody has a use for is far shorter.
const MOST_OCTETS: usize = 4 << 20;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// More than anybody writes.
    #[error("expected at most 4 MB, got {0} octets")]
    TooLong(usize),
    /// It is no TOML, or says what nobody knows.
    #[error("expected TOML as docs/arrangement.md and docs/call-plans.md show it")]
    Toml(#[from] toml::de::Error),
    /// It is no JSON, or says what nobody knows.
    #[error("expected JSON with the fields of docs/arrangement.md and docs/call-plans.md")]
    Json(#[from] serde_json::Error),
}

/// What a file with plans holds.
#[derive(Debug, Clone)]
pub struct PlanFile {
    /// Its plans, with what they may name.
    pub arrangement: Arrangement,
    /// The file was a plan alone: what it names is taken for granted, a target stands for each group.
    pub alone: bool,
}

/// A plan by itself.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alone {
    #[serde(default)]
    name: Option<String>,
    start: String,
    steps: std::collections::BTreeMap<String, Value>,
}

/// Reads an arrangement.
///
/// # Errors
/// [`FileError`].
pub fn read_arrangement(text: &str, path: &Path) -> Result<Arrangement, FileError> {
    let arrangement = read(text, path)?;
    Ok(beside(arrangement, path))
}

/// Files of prompts and passwords are beside the file that names them.
fn beside(mut arrangement: Arrangement, path: &Path) -> Arrangement {
    if let Some(folder) = path.parent() {
        super::logins::beside(&mut arrangement, folder);
    }
    for prompt in &mut arrangement.prompt {
        if let Some(folder) = path.parent() {
            prompt.file = folder.join(&prompt.file);
        }
    }
    arrangement
}

/// Reads a plan, or an arrangement with plans. A plan without a name has that of its file.
///
/// # Errors
/// [`FileError`].
pub fn read_plan_file(text: &str, path: &Path) -> Result<PlanFile, FileError> {
    let any: Value = read(text, path)?;
    if any.get("steps").is_none() && any.get("start").is_none() {
        return Ok(PlanFile {
            arrangement: beside(read(text, path)?, path),
            alone: false,
        });
    }
    let alone: Alone = read(text, path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plan = PlanPart {
        name: alone.name.unwrap_or_else(|| stem.into_owned()),
        start: Some(alone.start),
        steps: alone.steps,
        ..PlanPart::default()
    };
    let arrangement = Arrangement {
        plan: vec![plan],
        ..Arrangement::default()
    };
    Ok(PlanFile {
        arrangement,
        alone: true,
    })
}

impl PlanFile {
    /// Puts a group, with one target of its name, and a trunk where a plan that is alone names one.
    pub fn stand_in(&mut self) {
        let mut groups = BTreeSet::new();
        let mut trunks = BTreeSet::new();
        let steps = self
            .arrangement
            .plan
            .iter()
            .flat_map(|plan| plan.steps.values());
        for step in steps {
            for (kind, field) in [("ring", "group"), ("queue", "group"), ("forward", "trunk")] {
                if let Some(Value::String(name)) = step.get(kind).and_then(|step| step.get(field)) {
                    let names = if field == "trunk" {
                        &mut trunks
                    } else {
                        &mut groups
                    };
                    names.insert(name.clone());
                }
            }
        }
        self.arrangement.trunk = trunks
            .into_iter()
            .map(|name| TrunkPart {
                name,
                ..TrunkPart::default()
            })
            .collect();
        self.arrangement.target = groups
            .iter()
            .map(|group| TargetPart {
                name: format!("somebody of {group}"),
                uri: "sip:somebody@localhost".into(),
                ..TargetPart::default()
            })
            .collect();
        self.arrangement.group = groups
            .into_iter()
            .map(|name| GroupPart {
                targets: vec![format!("somebody of {name}")],
                name,
                ring_seconds: 20,
                ..GroupPart::default()
            })
            .collect();
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str, path: &Path) -> Result<T, FileError> {
    if text.len() > MOST_OCTETS {
        return Err(FileError::TooLong(text.len()));
    }
    let named_json = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let named_toml = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    if named_json || (!named_toml && text.trim_start().starts_with('{')) {
        Ok(serde_json::from_str(text)?)
    } else {
        Ok(toml::from_str(text)?)
    }
}
