//! A call plan: drawn as a flow, with what is wrong at each step, a call tried on it, and what it said before.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ringfence_model::{E164, PlanDocument};
use ringfence_platform::arrangement::ArrangementError;
use ringfence_platform::now;
use ringfence_platform::plan_trial::{TriedStage, instant};
use ringfence_platform::plans::{Finding, PlanStudy, PlanTrial, plan_text, step_text};
use serde::Deserialize;

use super::App;
use super::difference::{Line, difference};
use super::flow::{Flow, exits, order};
use super::page::{Problem, Shell, render, zone};
use super::plans::numbers;
use super::session::Reader;
use super::words::{Moment, Show, counted};

/// Versions that the page lists.
const MOST_VERSIONS: usize = 30;
/// Characters of a field of the trial.
const LONGEST: usize = 80;

/// A call to try, as the URL says it.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "try")]
    tried: Option<String>,
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

struct Field {
    name: &'static str,
    word: &'static str,
    hint: &'static str,
    value: String,
    wrong: Option<String>,
}

struct ExitView {
    label: String,
    to: Option<(String, Option<usize>)>,
}

struct StepView {
    anchor: usize,
    name: String,
    kind: &'static str,
    is_first: bool,
    turn: Option<usize>,
    exits: Vec<ExitView>,
    findings: Vec<Finding>,
    text: String,
}

struct VersionView {
    version: u32,
    at: Moment,
    is_current: bool,
    change: String,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanPage {
    shell: Shell,
    id: String,
    name: String,
    lead: String,
    state: super::words::State,
    version: u32,
    findings: Vec<Finding>,
    flow: Flow,
    summary: String,
    fields: Vec<Field>,
    stages: Option<Vec<TriedStage>>,
    steps: Vec<StepView>,
    text: String,
    versions: Vec<VersionView>,
    left_out: usize,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(plan): Path<String>,
    Query(asked): Query<Asked>,
    reader: Reader,
) -> Result<Response, Problem> {
    let plan = plan.parse().map_err(|_| Problem::NotFound)?;
    let study = app
        .platform
        .plan_study(&reader.viewer.account, plan)
        .await
        .map_err(|error| match error {
            ArrangementError::Store(error) => error.into(),
            other => Problem::Broken(other.to_string()),
        })?
        .ok_or(Problem::NotFound)?;
    let (trial, fields) = wish(&asked, &reader);
    let is_sound = study.findings.iter().all(|finding| !finding.is_problem);
    let stages = trial
        .filter(|_| asked.tried.is_some() && is_sound)
        .map(|trial| study.tried(&trial));
    let walked = walked(stages.as_deref().unwrap_or(&[]));
    let document = &study.row.plan.document;
    let wrong: BTreeSet<&str> = study
        .findings
        .iter()
        .filter(|finding| finding.is_problem)
        .filter_map(|finding| finding.step.as_deref())
        .collect();
    let steps = counted(document.steps.len() as u64, "step", "steps");
    let numbers = numbers(&study.row, &reader);
    render(&PlanPage {
        shell: Shell::new(&app, &reader, "routing"),
        id: study.row.plan.id.to_string(),
        name: study.row.plan.name.clone(),
        lead: if numbers.is_empty() {
            "No number's calls go through it.".into()
        } else {
            format!("What happens to calls to {numbers}.")
        },
        state: state(&study.findings),
        version: study.row.version,
        findings: study
            .findings
            .iter()
            .filter(|finding| finding.step.is_none())
            .cloned()
            .collect(),
        flow: Flow::of(document, &wrong, &walked),
        summary: format!("{steps}; it begins at {}", document.start),
        fields,
        stages,
        steps: step_views(&study, &walked),
        text: plan_text(&study.row.plan.name, document, &study.own.names),
        versions: versions(&study, &reader),
        left_out: study.versions.len().saturating_sub(MOST_VERSIONS),
    })
}

fn state(findings: &[Finding]) -> super::words::State {
    let (class, icon, word) = if findings.iter().any(|finding| finding.is_problem) {
        ("failed", "cross", "Has mistakes")
    } else if findings.is_empty() {
        ("answered", "check", "Sound")
    } else {
        ("missed", "warn", "Sound, with remarks")
    };
    super::words::State { class, icon, word }
}

/// The call that the URL asks for, and the form with what was wrong in it; no call when something was.
fn wish(asked: &Asked, reader: &Reader) -> (Option<PlanTrial>, Vec<Field>) {
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
fn walked(stages: &[TriedStage]) -> Vec<String> {
    let mut walked: Vec<String> = stages
        .iter()
        .flat_map(|stage| stage.path.iter().map(|(step, _)| step.clone()))
        .collect();
    walked.dedup();
    walked
}

fn step_views(study: &PlanStudy, walked: &[String]) -> Vec<StepView> {
    let document: &PlanDocument = &study.row.plan.document;
    let order = order(document);
    let anchor_of = |name: &str| order.iter().position(|known| *known == name);
    let view = |(anchor, name): (usize, &&str)| {
        let name = *name;
        let step = &document.steps[name];
        StepView {
            anchor,
            name: name.to_owned(),
            kind: step.kind(),
            is_first: document.start == name,
            turn: walked
                .iter()
                .position(|walked| walked == name)
                .map(|turn| turn + 1),
            exits: exits(step)
                .into_iter()
                .map(|(label, to)| ExitView {
                    label,
                    to: to.map(|to| {
                        let anchor = anchor_of(&to);
                        (to, anchor)
                    }),
                })
                .collect(),
            findings: study
                .findings
                .iter()
                .filter(|finding| finding.step.as_deref() == Some(name))
                .cloned()
                .collect(),
            text: step_text(name, document, &study.own.names),
        }
    };
    order.iter().enumerate().map(view).collect()
}

fn versions(study: &PlanStudy, reader: &Reader) -> Vec<VersionView> {
    let names = &study.own.names;
    let texts: Vec<String> = study
        .versions
        .iter()
        .take(MOST_VERSIONS + 1)
        .map(|version| plan_text(&version.name, &version.document, names))
        .collect();
    let each = study.versions.iter().take(MOST_VERSIONS).enumerate();
    each.map(|(nth, version)| {
        let lines = texts
            .get(nth + 1)
            .map_or_else(Vec::new, |before| difference(before, &texts[nth]));
        let of = |sign: char| lines.iter().filter(|line| line.sign == sign).count();
        VersionView {
            version: version.version,
            at: Moment::new(version.created_at, &zone(reader), Show::Moment),
            is_current: nth == 0,
            change: if version.version == 1 {
                "the first one".into()
            } else {
                format!("{} lines added, {} removed", of('+'), of('−'))
            },
            lines,
        }
    })
    .collect()
}
