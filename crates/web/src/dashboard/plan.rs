//! A call plan: drawn as a flow, with what is wrong at each step, a call tried on it, and what it said before.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use ringfence_model::{Actor, ActorKind, PlanDocument};
use ringfence_platform::arrangement::{ArrangementError, Names};
use ringfence_platform::plan_trial::TriedStage;
use ringfence_platform::plans::{Finding, PlanStudy, plan_text, step_text};
use serde::Deserialize;

use super::App;
use super::difference::{Line, difference};
use super::flow::{Flow, exits, order};
use super::page::{Problem, Shell, render, zone};
use super::plans::numbers;
use super::session::Reader;
use super::trial::{Asked, Field, walked, wish};
use super::words::{Moment, Show, counted};

/// Versions that the page lists.
const MOST_VERSIONS: usize = 30;
/// What the URL asks for beside a trial.
#[derive(Default, Deserialize)]
pub(super) struct Done {
    done: Option<String>,
}

pub(super) struct ExitView {
    pub(super) label: String,
    pub(super) to: Option<(String, Option<usize>)>,
}

/// A step as the list below the flow has it.
pub(super) struct StepView {
    pub(super) anchor: usize,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) is_first: bool,
    pub(super) turn: Option<usize>,
    pub(super) exits: Vec<ExitView>,
    pub(super) findings: Vec<Finding>,
    pub(super) text: String,
}

struct VersionView {
    version: u32,
    at: Moment,
    by: String,
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
    notice: Option<&'static str>,
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
    Query(Done { done }): Query<Done>,
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
    let wrong = wrong_steps(&study.findings);
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
        notice: match done.as_deref() {
            Some("saved") => Some(
                "Saved. Calls that begin from now on go by it, within two seconds; calls under way go on as they began.",
            ),
            Some("same") => Some("Nothing was saved: the plan says this already."),
            Some("back") => {
                Some("That version holds again, as a new one. Calls under way go on as they began.")
            }
            _ => None,
        },
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
        steps: step_views(document, &study.findings, &study.own.names, &walked),
        text: plan_text(&study.row.plan.name, document, &study.own.names),
        versions: versions(&study, &reader),
        left_out: study.versions.len().saturating_sub(MOST_VERSIONS),
    })
}

/// The names of steps with a mistake.
pub(super) fn wrong_steps(findings: &[Finding]) -> BTreeSet<&str> {
    findings
        .iter()
        .filter(|finding| finding.is_problem)
        .filter_map(|finding| finding.step.as_deref())
        .collect()
}

/// How a plan stands.
pub(super) fn state(findings: &[Finding]) -> super::words::State {
    let (class, icon, word) = if findings.iter().any(|finding| finding.is_problem) {
        ("failed", "cross", "Has mistakes")
    } else if findings.is_empty() {
        ("answered", "check", "Sound")
    } else {
        ("missed", "warn", "Sound, with remarks")
    };
    super::words::State { class, icon, word }
}

/// The steps of a plan in the order of its flow.
pub(super) fn step_views(
    document: &PlanDocument,
    findings: &[Finding],
    names: &Names,
    walked: &[String],
) -> Vec<StepView> {
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
            findings: findings
                .iter()
                .filter(|finding| finding.step.as_deref() == Some(name))
                .cloned()
                .collect(),
            text: step_text(name, document, names),
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
            by: version.by.as_ref().map(who).unwrap_or_default(),
            is_current: nth == 0,
            change: if version.version == 1 {
                "the first one".into()
            } else {
                let added = counted(of('+') as u64, "line", "lines");
                format!("{added} added, {} removed", of('−'))
            },
            lines,
        }
    })
    .collect()
}

/// Who made a version, in words.
pub(super) fn who(actor: &Actor) -> String {
    match actor.kind {
        ActorKind::User => actor.name.clone(),
        ActorKind::Key => format!("the API key {}", actor.name),
        ActorKind::Program if actor.name == "arrangement" => "an arrangement".into(),
        ActorKind::Program => "a command on the server".into(),
    }
}
