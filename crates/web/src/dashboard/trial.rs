//! A call that is tried on a plan: the form that asks for it, and the steps that it takes.

use std::collections::BTreeMap;

use ringfence_model::E164;
use ringfence_platform::now;
use ringfence_platform::plan_trial::{TriedStage, instant};
use ringfence_platform::plans::PlanTrial;
use serde::Deserialize;

use super::page::zone;
use super::session::Reader;

/// Characters of a field of the trial.
const LONGEST: usize = 80;

/// A call to try, as the URL or a form says it.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "try")]
    pub(super) tried: Option<String>,
    #[serde(default)]
    caller: String,
    #[serde(default)]
    dialled: String,
    #[serde(default)]
    at: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    keys: String,
}

/// A field of the form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) word: &'static str,
    pub(super) hint: &'static str,
    pub(super) value: String,
    pub(super) wrong: Option<String>,
}

impl Asked {
    /// The same from a form that holds more than a trial.
    pub(super) fn of(sent: &BTreeMap<String, String>) -> Self {
        let field = |name: &str| sent.get(name).cloned().unwrap_or_default();
        Self {
            tried: sent.get("try").cloned(),
            caller: field("caller"),
            dialled: field("dialled"),
            at: field("at"),
            language: field("language"),
            source: field("source"),
            keys: field("keys"),
        }
    }
}

/// The call that the URL asks for, and the form with what was wrong in it; no call when something was.
pub(super) fn wish(asked: &Asked, reader: &Reader) -> (Option<PlanTrial>, Vec<Field>) {
    let cut = |text: &String| text.trim().chars().take(LONGEST).collect::<String>();
    let country = reader.viewer.account.country.as_str();
    let number = |text: &str| match text {
        "" => Ok(None),
        text => E164::parse(text, Some(country))
            .map(Some)
            .map_err(|error| error.to_string()),
    };
    let (caller, dialled, at) = (cut(&asked.caller), cut(&asked.dialled), cut(&asked.at));
    let (language, source, keys) = (cut(&asked.language), cut(&asked.source), cut(&asked.keys));
    let calls = number(&caller);
    let number_called = number(&dialled);
    let when = match at.as_str() {
        "" => Ok(now()),
        text => instant(text, &zone(reader)),
    };
    let field = |name, word, hint, value: String, wrong: Option<&String>| Field {
        name,
        word,
        hint,
        value,
        wrong: wrong.cloned(),
    };
    let fields = vec![
        field(
            "caller",
            "Caller",
            "empty: withheld",
            caller,
            calls.as_ref().err(),
        ),
        field(
            "dialled",
            "Dialled number",
            "empty: not known",
            dialled,
            number_called.as_ref().err(),
        ),
        field(
            "at",
            "Time",
            "2026-12-24T10:00; empty: now",
            at,
            when.as_ref().err(),
        ),
        field(
            "language",
            "Languages",
            "such as de-AT, en; the best first",
            language.clone(),
            None,
        ),
        field(
            "source",
            "Source",
            "such as Google Ads or paid",
            source.clone(),
            None,
        ),
        field(
            "keys",
            "Keys",
            "pressed at menus, such as 2",
            keys.clone(),
            None,
        ),
    ];
    let (Ok(caller), Ok(dialled), Ok(at)) = (calls, number_called, when) else {
        return (None, fields);
    };
    let languages = language.split([',', ' ']).filter(|part| !part.is_empty());
    let trial = PlanTrial {
        caller,
        dialled,
        at,
        languages: languages.map(str::to_owned).collect(),
        source: (!source.is_empty()).then_some(source),
        presses: keys,
    };
    (Some(trial), fields)
}

/// The steps of a trial in order; one that says two things stands once.
pub(super) fn walked(stages: &[TriedStage]) -> Vec<String> {
    let mut walked: Vec<String> = stages
        .iter()
        .flat_map(|stage| stage.path.iter().map(|(step, _)| step.clone()))
        .collect();
    walked.dedup();
    walked
}
