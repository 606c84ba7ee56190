//! The editor of call plans: the plan as a text with its flow, steps in forms, and a call tried on what is not saved yet.
//!
//! The text travels with every form, so that nothing is kept on the server until it is saved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::PlanId;
use ringfence_platform::arrangement::ArrangementError;
use ringfence_platform::now;
use ringfence_platform::plan_edit::{PlanDraft, PlanEditError, PlanVersion, SavedPlan};
use ringfence_platform::plan_templates::PlanTemplate;
use ringfence_platform::plan_trial::TriedStage;
use ringfence_platform::plans::{Finding, plan_text};
use serde::Deserialize;

use super::App;
use super::difference::{Line, difference};
use super::flow::Flow;
use super::page::{Problem, Shell, render, zone};
use super::plan::{StepView, state, step_views, who, wrong_steps};
use super::session::{Posted, Reader};
use super::step_form::{KINDS, StepForm};
use super::trial::{Asked, Field, walked, wish};
use super::words::{Moment, Show, counted};

/// Lines of the text that are seen at once.
const ROWS: std::ops::RangeInclusive<usize> = 14..=36;

/// A form of the editor, field by field.
type Sent = BTreeMap<String, String>;

struct TemplateView {
    word: &'static str,
    meaning: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "plan_new.html")]
struct NewPage {
    shell: Shell,
    templates: Vec<TemplateView>,
    groups: Vec<String>,
    name: String,
}

#[derive(Template)]
#[template(path = "plan_edit.html")]
struct EditPage {
    shell: Shell,
    /// Of the plan; empty for a new one.
    id: String,
    title: String,
    /// Where a draft is looked at, and where it is saved.
    look: String,
    save: String,
    base: u32,
    state: super::words::State,
    /// Why it was not saved.
    refused: Option<String>,
    unreadable: Option<String>,
    findings: Vec<Finding>,
    text: String,
    rows: usize,
    summary: String,
    flow: Option<Flow>,
    fields: Vec<Field>,
    stages: Option<Vec<TriedStage>>,
    steps: Vec<StepView>,
    kinds: &'static [(&'static str, &'static str)],
    form: Option<StepForm>,
    lines: Vec<Line>,
}

/// What a new plan begins from.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Begun {
    template: String,
    group: String,
    name: String,
}

pub(super) async fn begin(
    State(app): State<App>,
    Query(begun): Query<Begun>,
    reader: Reader,
) -> Result<Response, Problem> {
    let account = &reader.viewer.account;
    let (_, own) = app.platform.targets_and_trunks(account).await?;
    let template = PlanTemplate::from_word(&begun.template);
    let Some(template) = template.filter(|_| own.names.groups.contains_key(&begun.group)) else {
        let chosen = template.unwrap_or(PlanTemplate::Ring);
        return render(&NewPage {
            shell: Shell::new(&app, &reader, "routing"),
            templates: PlanTemplate::ALL
                .iter()
                .map(|each| TemplateView {
                    word: each.as_str(),
                    meaning: each.meaning(),
                    is_chosen: *each == chosen,
                })
                .collect(),
            groups: own.names.groups.into_keys().collect(),
            name: begun.name,
        });
    };
    let name = begun.name.trim();
    let name = if name.is_empty() { "New plan" } else { name };
    let text = template.text(name, &begun.group, &account.time_zone);
    let sent = [("text".to_owned(), text)].into();
    Editor::new(app, reader, None).looked_at(sent).await
}

/// A new plan that is not saved yet.
pub(super) async fn look_at_new(
    State(app): State<App>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    Editor::new(app, reader, None).looked_at(form).await
}

pub(super) async fn add(State(app): State<App>, posted: Posted<Sent>) -> Result<Response, Problem> {
    let Posted { reader, form } = posted;
    Editor::new(app, reader, None).saved(form).await
}

pub(super) async fn show(
    State(app): State<App>,
    Path(plan): Path<String>,
    reader: Reader,
) -> Result<Response, Problem> {
    let id: PlanId = plan.parse().map_err(|_| Problem::NotFound)?;
    let account = &reader.viewer.account;
    let study = app.platform.plan_study(account, id).await;
    let study = study.map_err(unread)?.ok_or(Problem::NotFound)?;
    let plan = &study.row.plan;
    let text = plan_text(&plan.name, &plan.document, &study.own.names);
    let sent = [("text".to_owned(), text)].into();
    Editor::new(app, reader, Some(id)).looked_at(sent).await
}

/// A change that is not saved yet.
pub(super) async fn look_at(
    State(app): State<App>,
    Path(plan): Path<String>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let id = plan.parse().map_err(|_| Problem::NotFound)?;
    let Posted { reader, form } = posted;
    Editor::new(app, reader, Some(id)).looked_at(form).await
}

pub(super) async fn save(
    State(app): State<App>,
    Path(plan): Path<String>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let id = plan.parse().map_err(|_| Problem::NotFound)?;
    let Posted { reader, form } = posted;
    Editor::new(app, reader, Some(id)).saved(form).await
}

pub(super) async fn bring_back(
    State(app): State<App>,
    Path((plan, version)): Path<(String, String)>,
    posted: Posted<Sent>,
) -> Result<Response, Problem> {
    let id: PlanId = plan.parse().map_err(|_| Problem::NotFound)?;
    let version: u32 = version.parse().map_err(|_| Problem::NotFound)?;
    let Posted { reader, form } = posted;
    let account = &reader.viewer.account;
    let base = base(&form);
    let brought = app
        .platform
        .bring_back_plan(account, (id, base), version, now());
    let result = brought.await;
    Editor::new(app, reader, Some(id))
        .answered(result, String::new(), "back")
        .await
}

fn base(sent: &Sent) -> u32 {
    sent.get("base")
        .and_then(|base| base.parse().ok())
        .unwrap_or_default()
}

fn unread(error: ArrangementError) -> Problem {
    match error {
        ArrangementError::Store(error) => error.into(),
        other => Problem::Broken(other.to_string()),
    }
}

/// Who edits which plan.
struct Editor {
    app: App,
    reader: Reader,
    plan: Option<PlanId>,
}

impl Editor {
    const fn new(app: App, reader: Reader, plan: Option<PlanId>) -> Self {
        Self { app, reader, plan }
    }

    async fn draft(&self, text: &str) -> Result<PlanDraft, Problem> {
        let account = &self.reader.viewer.account;
        let draft = self.app.platform.plan_draft(account, self.plan, text).await;
        draft.map_err(unread)?.ok_or(Problem::NotFound)
    }

    /// The page of a text, after what the form's button does to it.
    async fn looked_at(self, sent: Sent) -> Result<Response, Problem> {
        let (draft, put) = self.filled_in(&sent).await?;
        let draft = match changed(&draft, &sent) {
            Some(text) => self.draft(&text).await?,
            None => draft,
        };
        let base = sent.get("base").map_or(draft.version, |_| base(&sent));
        let zone = &self.reader.viewer.account.time_zone;
        let form = match opened(&sent) {
            Some((old, kind)) => StepForm::of(&draft, old, kind, zone),
            // A step stays open while something is wrong with it.
            None => put
                .and_then(|name| StepForm::of(&draft, &name, "", zone))
                .filter(StepForm::is_wrong),
        };
        let lines = match &draft.plan {
            Some(plan) => {
                let saved = plan_text(&plan.name, &plan.document, &draft.own.names);
                difference(&saved, &draft.text)
            }
            None => Vec::new(),
        };
        let page = self.page(draft, &sent, base, None);
        render(&EditPage {
            form,
            lines,
            ..page
        })
    }

    /// The text that was sent, with the step whose form was open as it was filled in, and the name of that step.
    async fn filled_in(&self, sent: &Sent) -> Result<(PlanDraft, Option<String>), Problem> {
        let text = sent.get("text").map_or("", String::as_str);
        let draft = self.draft(&text.replace("\r\n", "\n")).await?;
        match put(&draft, sent) {
            Some((text, name)) => Ok((self.draft(&text).await?, Some(name))),
            None => Ok((draft, None)),
        }
    }

    async fn saved(self, sent: Sent) -> Result<Response, Problem> {
        let (draft, _) = self.filled_in(&sent).await?;
        let text = draft.text;
        let known = self.plan.map(|plan| (plan, base(&sent)));
        let account = &self.reader.viewer.account;
        let platform = &self.app.platform;
        let result = platform.save_plan(account, known, &text, now()).await;
        self.answered(result, text, "saved").await
    }

    /// The plan's page when it was saved, otherwise the text with why not.
    async fn answered(
        self,
        result: Result<SavedPlan, PlanEditError>,
        text: String,
        done: &str,
    ) -> Result<Response, Problem> {
        let (draft, base, refused, status) = match result {
            Ok(SavedPlan { id, is_new }) => {
                let done = if is_new { done } else { "same" };
                return Ok(Redirect::to(&format!("/plans/{id}?done={done}")).into_response());
            }
            Err(PlanEditError::Refused(draft)) => {
                let base = draft.version;
                let refused = "Nothing was saved: the plan has mistakes.".to_owned();
                (*draft, base, refused, StatusCode::UNPROCESSABLE_ENTITY)
            }
            Err(PlanEditError::Newer(newest)) => {
                let draft = self.draft(&text).await?;
                let refused = self.overtaken(&newest);
                (draft, newest.version, refused, StatusCode::CONFLICT)
            }
            Err(PlanEditError::NotFound) => return Err(Problem::NotFound),
            Err(PlanEditError::Own(error)) => return Err(unread(error)),
            Err(PlanEditError::Store(error)) => return Err(error.into()),
        };
        let saved = draft.plan.as_ref();
        let saved = saved.map(|plan| plan_text(&plan.name, &plan.document, &draft.own.names));
        // Somebody who brings an older version back has no text of their own.
        let draft = match saved.clone().filter(|_| draft.text.is_empty()) {
            Some(saved) => self.draft(&saved).await?,
            None => draft,
        };
        let lines = saved.map_or_else(Vec::new, |saved| difference(&saved, &draft.text));
        let page = self.page(draft, &Sent::new(), base, Some(refused));
        let mut response = render(&EditPage { lines, ..page })?;
        *response.status_mut() = status;
        Ok(response)
    }

    fn overtaken(&self, newest: &PlanVersion) -> String {
        let by = newest
            .by
            .as_ref()
            .map_or_else(|| "Somebody".to_owned(), who);
        let at = Moment::new(newest.created_at, &zone(&self.reader), Show::Moment);
        format!(
            "Nothing was saved: {by} saved version {} on {} while you were at it. Your text stands below, with what it would change in that version; save again to put it in its place.",
            newest.version,
            at.text()
        )
    }

    fn page(self, draft: PlanDraft, sent: &Sent, base: u32, refused: Option<String>) -> EditPage {
        let Self { app, reader, plan } = self;
        let asked = Asked::of(sent);
        let (trial, fields) = wish(&asked, &reader);
        let stages = trial
            .filter(|_| asked.tried.is_some())
            .and_then(|trial| draft.tried(&trial));
        let walked = walked(stages.as_deref().unwrap_or(&[]));
        let id = plan.map(|id| id.to_string()).unwrap_or_default();
        let edit = if id.is_empty() {
            "/plans/new".to_owned()
        } else {
            format!("/plans/{id}/edit")
        };
        // A page that a form was sent to has the form's address: the navigation goes to one that can be asked for.
        let mut shell = Shell::new(&app, &reader, "routing");
        shell.here.clone_from(&edit);
        let mut page = EditPage {
            shell,
            title: match &draft.plan {
                Some(plan) => format!("Change {}", plan.name),
                None => "New plan".into(),
            },
            look: edit,
            save: if id.is_empty() {
                "/plans".into()
            } else {
                format!("/plans/{id}")
            },
            id,
            base,
            state: state(&draft.findings),
            refused,
            unreadable: None,
            findings: Vec::new(),
            rows: draft.text.lines().count().clamp(*ROWS.start(), *ROWS.end()),
            text: draft.text,
            summary: String::new(),
            flow: None,
            fields,
            stages,
            steps: Vec::new(),
            kinds: KINDS,
            form: None,
            lines: Vec::new(),
        };
        match &draft.read {
            Err(why) => {
                page.unreadable = Some(why.clone());
                page.state = super::words::State {
                    class: "failed",
                    icon: "cross",
                    word: "Cannot be read",
                };
            }
            Ok(read) => {
                let document = &read.document;
                let wrong = wrong_steps(&draft.findings);
                let steps = counted(document.steps.len() as u64, "step", "steps");
                page.summary = steps;
                let _ = write!(page.summary, "; it begins at {}", document.start);
                page.flow = Some(Flow::of(document, &wrong, &walked));
                page.steps = step_views(document, &draft.findings, &draft.own.names, &walked);
            }
        }
        page.findings = draft.findings;
        page
    }
}

/// The step whose form a button opens, and for one that is added its kind.
fn opened(sent: &Sent) -> Option<(&str, &str)> {
    match sent.get("open") {
        Some(step) => Some((step, "")),
        None => sent
            .get("add")
            .and_then(|_| Some(("", sent.get("kind")?.as_str()))),
    }
}

/// The text with the step whose form was open, and its name. What was typed there counts whatever button is pressed, but
/// for the one that leaves the step as it is; a step that is added waits for its own button.
fn put(draft: &PlanDraft, sent: &Sent) -> Option<(String, String)> {
    let field = |name: &str| sent.get(name).map_or("", |text| text.trim());
    let old = sent.get("step.old").map(String::as_str);
    let old = old.filter(|old| !old.is_empty());
    if sent.contains_key("leave") || (old.is_none() && !sent.contains_key("put")) {
        return None;
    }
    let (name, step) = super::step_form::step(draft, old, field("step.kind"), sent)?;
    Some((draft.with_step(old, &name, step)?, name))
}

/// The text after a button that changes it otherwise.
fn changed(draft: &PlanDraft, sent: &Sent) -> Option<String> {
    match (sent.get("remove"), sent.get("first")) {
        (Some(step), _) => draft.without_step(step),
        (None, Some(step)) => draft.beginning_at(step),
        (None, None) => None,
    }
}
