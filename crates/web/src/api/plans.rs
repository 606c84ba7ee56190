//! Call plans: what happens to calls, in named steps. A plan is only ever added to: each change is a version of its own.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::tz::TimeZone;
use ringfence_model::{Account, Actor, E164, PlanId};
use ringfence_platform::arrangement::{ArrangementError, Names, written_steps};
use ringfence_platform::now;
use ringfence_platform::plan_edit::{PlanDraft, PlanEditError, PlanVersion, text_of};
use ringfence_platform::plan_trial::{TriedStage, TriedTarget, instant};
use ringfence_platform::plans::{Finding, PlanRow, PlanStudy, PlanTrial};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, Matching};
use super::guard::Asker;
use super::parts::{TRIES, Tagged};
use super::problem::{ApiProblem, Mistake, ProblemDocument};

/// A plan in the list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanEntry {
    id: Uuid,
    name: String,
    /// The version that holds, from 1.
    version: u32,
    /// Since when it holds.
    #[schema(format = DateTime)]
    changed_at: Option<String>,
    /// The tracking numbers whose calls it leads (E.164).
    numbers: Vec<String>,
}

impl From<PlanRow> for PlanEntry {
    fn from(row: PlanRow) -> Self {
        let numbers = row.numbers.iter().map(|number| number.as_str().to_owned());
        Self {
            id: row.plan.id.0,
            name: row.plan.name,
            version: row.version,
            changed_at: row.changed_at.map(|at| at.to_string()),
            numbers: numbers.collect(),
        }
    }
}

/// Something that was found in a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FindingView {
    /// The step that it is about; `null` when it is about the plan.
    step: Option<String>,
    /// What it is, in words.
    detail: String,
    /// Whether calls would suffer by it; otherwise it is allowed and probably not meant.
    is_problem: bool,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            step: finding.step,
            detail: finding.text,
            is_problem: finding.is_problem,
        }
    }
}

/// A call plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanView {
    #[serde(flatten)]
    entry: PlanEntry,
    /// The name of the first step.
    start: String,
    /// Steps by name, with groups and trunks by their names, as docs/call-plans.md has them.
    #[schema(value_type = BTreeMap<String, Object>)]
    steps: BTreeMap<String, Value>,
    /// What is wrong with it as things stand, and what is probably not meant.
    findings: Vec<FindingView>,
}

impl From<PlanStudy> for PlanView {
    fn from(study: PlanStudy) -> Self {
        let document = &study.row.plan.document;
        Self {
            start: document.start.clone(),
            steps: written_steps(document, &study.own.names),
            findings: study.findings.into_iter().map(Into::into).collect(),
            entry: study.row.into(),
        }
    }
}

/// The `ETag` of a version.
fn tag_of(version: u32) -> String {
    format!("\"{version}\"")
}

async fn study(api: &Api, account: &Account, id: PlanId) -> Result<PlanStudy, ApiProblem> {
    let study = api.platform.plan_study(account, id).await?;
    study.ok_or(ApiProblem::NotFound)
}

async fn told(api: &Api, account: &Account, id: PlanId) -> Result<Tagged<PlanView>, ApiProblem> {
    let study = study(api, account, id).await?;
    Ok(Tagged(tag_of(study.row.version), study.into()))
}

/// The account's call plans, by name
#[utoipa::path(get, path = "/plans", operation_id = "list_plans", tag = "plans", responses(
    (status = 200, body = Vec<PlanEntry>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<PlanEntry>>, ApiProblem> {
    let rows = api.platform.plan_rows(&program.account).await?;
    Ok(Json(rows.into_iter().map(PlanEntry::from).collect()))
}

/// What a plan is to say: named steps, or groups that ring one after the other.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PlanDocument {
    /// 1 to 100 characters, of no other plan; a plan that is changed keeps its own unless said.
    name: Option<String>,
    /// The name of the first step.
    start: Option<String>,
    /// Steps by name, with groups and trunks by their names, as docs/call-plans.md has them.
    #[schema(value_type = BTreeMap<String, Object>)]
    steps: BTreeMap<String, Value>,
    /// In the place of steps: groups by their names; when nobody of one answers, the next one rings.
    ring: Vec<String>,
    /// With `ring`: the SIP status code for when nobody answered at all.
    otherwise_reject: Option<u16>,
}

impl PlanDocument {
    fn text(self) -> Result<String, ApiProblem> {
        let mut whole = json!({
            "name": self.name,
            "start": self.start,
            "otherwise_reject": self.otherwise_reject,
        });
        if !self.ring.is_empty() {
            whole["ring"] = json!(self.ring);
        }
        if !self.steps.is_empty() {
            whole["steps"] = json!(self.steps);
        }
        text_of(whole).map_err(ApiProblem::BadRequest)
    }

    /// The same with what it leaves out as the plan has it.
    fn over(mut self, known: &PlanStudy) -> Self {
        let plan = &known.row.plan;
        self.name.get_or_insert_with(|| plan.name.clone());
        if self.ring.is_empty() {
            self.start
                .get_or_insert_with(|| plan.document.start.clone());
            if self.steps.is_empty() {
                self.steps = written_steps(&plan.document, &known.own.names);
            }
        }
        self
    }
}

/// Adds a call plan
///
/// When something is wrong nothing is added, and `errors` of the problem tells all of it, each with its `step`.
#[utoipa::path(post, path = "/plans", operation_id = "add_plan", tag = "plans", request_body = PlanDocument, responses(
    (status = 201, body = PlanView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<PlanDocument>,
) -> Result<(StatusCode, Tagged<PlanView>), ApiProblem> {
    let account = &program.account;
    let text = new.text()?;
    let saved = api.platform.save_plan(account, None, &text, now()).await?;
    Ok((StatusCode::CREATED, told(&api, account, saved.id).await?))
}

/// One call plan: the version that holds
#[utoipa::path(get, path = "/plans/{plan}", operation_id = "show_plan", tag = "plans", params(("plan" = Uuid, Path,)), responses(
    (status = 200, body = PlanView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
) -> Result<Tagged<PlanView>, ApiProblem> {
    told(&api, &program.account, PlanId(id)).await
}

/// Saves the next version of a call plan, which holds from then on
///
/// Steps are replaced as a whole. When something is wrong nothing is saved, and `errors` of the problem tells all of it, each
/// with its `step`. What the plan says already makes no version.
#[utoipa::path(patch, path = "/plans/{plan}", operation_id = "change_plan", tag = "plans", params(("plan" = Uuid, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), request_body = PlanDocument, responses(
    (status = 200, body = PlanView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
    matching: Matching,
    ApiBody(new): ApiBody<PlanDocument>,
) -> Result<Tagged<PlanView>, ApiProblem> {
    let (account, id) = (&program.account, PlanId(id));
    for _ in 0..TRIES {
        let known = study(&api, account, id).await?;
        let version = known.row.version;
        matching.check(&tag_of(version))?;
        let text = new.clone().over(&known).text()?;
        let known = Some((id, version));
        match api.platform.save_plan(account, known, &text, now()).await {
            Ok(_) => return told(&api, account, id).await,
            Err(error) => matching.again(error.into())?,
        }
    }
    Err(ApiProblem::Overtaken)
}

/// Who made a version, as it was known then.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MakerView {
    /// `user`, `key`, or `program` for a command on the server.
    kind: &'static str,
    id: Option<Uuid>,
    /// A mail address, the key's name, or the command.
    name: String,
}

impl From<Actor> for MakerView {
    fn from(actor: Actor) -> Self {
        Self {
            kind: actor.kind.as_str(),
            id: actor.id,
            name: actor.name,
        }
    }
}

/// A version of a call plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionView {
    version: u32,
    /// The plan's name then.
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it; `null` where that was not written down yet.
    by: Option<MakerView>,
    /// The name of the first step.
    start: String,
    /// Steps by name; what is there no longer stands as its identifier.
    #[schema(value_type = BTreeMap<String, Object>)]
    steps: BTreeMap<String, Value>,
}

impl VersionView {
    fn of(version: PlanVersion, names: &Names) -> Self {
        Self {
            version: version.version,
            name: version.name,
            created_at: version.created_at.to_string(),
            by: version.by.map(MakerView::from),
            steps: written_steps(&version.document, names),
            start: version.document.start,
        }
    }
}

/// Every version of a call plan, the newest first
#[utoipa::path(get, path = "/plans/{plan}/versions", operation_id = "list_plan_versions", tag = "plans", params(("plan" = Uuid, Path,)), responses(
    (status = 200, body = Vec<VersionView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn versions(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
) -> Result<Json<Vec<VersionView>>, ApiProblem> {
    let study = study(&api, &program.account, PlanId(id)).await?;
    let names = &study.own.names;
    let versions = study.versions.into_iter();
    Ok(Json(
        versions
            .map(|version| VersionView::of(version, names))
            .collect(),
    ))
}

/// Makes what a call plan said in an older version its next one
#[utoipa::path(post, path = "/plans/{plan}/versions/{version}/bring-back", operation_id = "bring_back_plan", tag = "plans", params(("plan" = Uuid, Path,), ("version" = u32, Path,), ("If-Match" = Option<String>, Header, description = "The `ETag` that was read; 412 when it is another one by now")), responses(
    (status = 200, body = PlanView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn bring_back(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath((id, version)): ApiPath<(Uuid, u32)>,
    matching: Matching,
) -> Result<Tagged<PlanView>, ApiProblem> {
    let (account, id) = (&program.account, PlanId(id));
    for _ in 0..TRIES {
        let holds = study(&api, account, id).await?.row.version;
        matching.check(&tag_of(holds))?;
        let known = (id, holds);
        let brought = api.platform.bring_back_plan(account, known, version, now());
        match brought.await {
            Ok(_) => return told(&api, account, id).await,
            Err(error) => matching.again(error.into())?,
        }
    }
    Err(ApiProblem::Overtaken)
}

/// A call to try on a plan.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewTrial {
    /// Who calls, E.164 or as it is dialled in the account's country; withheld without one.
    caller: Option<String>,
    /// The tracking number.
    dialled: Option<String>,
    /// `2026-12-24T10:00`, by the account's clock, or with a zone: `2026-12-24T10:00Z`, `2026-12-24T10:00[Europe/Berlin]`;
    /// now unless said.
    at: Option<String>,
    /// The languages of the visitor's browser (RFC 5646), the best first.
    languages: Vec<String>,
    /// The name or kind of the source.
    source: Option<String>,
    /// The keys that are pressed at menus, such as `2`.
    keys: String,
    /// Tried in the place of the plan as it is; nothing of it is saved.
    plan: Option<PlanDocument>,
}

impl NewTrial {
    fn wish(&self, account: &Account) -> Result<PlanTrial, ApiProblem> {
        let mut mistakes = Vec::new();
        let mut number = |field: &str, text: Option<&String>| {
            let parsed = text.map(|text| E164::parse(text, Some(&account.country)));
            parsed.transpose().unwrap_or_else(|error| {
                mistakes.push(Mistake::of_field(field, error.to_string()));
                None
            })
        };
        let caller = number("caller", self.caller.as_ref());
        let dialled = number("dialled", self.dialled.as_ref());
        let zone = TimeZone::get(&account.time_zone).unwrap_or(TimeZone::UTC);
        let at = self.at.as_deref().map(|text| instant(text, &zone));
        let at = at.unwrap_or_else(|| Ok(now()));
        match at {
            Ok(at) if mistakes.is_empty() => Ok(PlanTrial {
                caller,
                dialled,
                at,
                languages: self.languages.clone(),
                source: self.source.clone(),
                presses: self.keys.clone(),
            }),
            Ok(_) => Err(ApiProblem::Wrong(mistakes)),
            Err(text) => {
                mistakes.push(Mistake::of_field("at", text));
                Err(ApiProblem::Wrong(mistakes))
            }
        }
    }
}

/// Where a call would go when nobody answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrialView {
    stages: Vec<StageView>,
}

/// What stands after one decision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StageView {
    /// The steps that led there.
    path: Vec<ReasonView>,
    /// What would be done, in words.
    says: String,
    /// Whom the call would ring, in order.
    rings: Vec<RungView>,
    /// Who is passed over.
    passed_over: Vec<ReasonView>,
}

/// A step or a target, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReasonView {
    name: String,
    reason: String,
}

/// A target that would ring.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RungView {
    name: String,
    /// How long it rings.
    seconds: u64,
    /// Why it stands at this place.
    reason: String,
}

impl From<TriedStage> for StageView {
    fn from(stage: TriedStage) -> Self {
        let told = |told: Vec<(String, String)>| {
            let told = told.into_iter();
            told.map(|(name, reason)| ReasonView { name, reason })
                .collect()
        };
        let rung = |target: TriedTarget| RungView {
            name: target.name,
            seconds: target.seconds,
            reason: target.reason,
        };
        Self {
            path: told(stage.path),
            says: stage.says,
            rings: stage.candidates.into_iter().map(rung).collect(),
            passed_over: told(stage.passed),
        }
    }
}

/// Tries a call on a plan: where it would go when nobody answers. Nothing is changed and nobody is rung
#[utoipa::path(post, path = "/plans/{plan}/try", operation_id = "try_plan", tag = "plans", params(("plan" = Uuid, Path,)), request_body = NewTrial, responses(
    (status = 200, body = TrialView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn try_out(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(id): ApiPath<Uuid>,
    ApiBody(asked): ApiBody<NewTrial>,
) -> Result<Json<TrialView>, ApiProblem> {
    let (account, id) = (&program.account, PlanId(id));
    let study = study(&api, account, id).await?;
    let wish = asked.wish(account)?;
    let stages = match asked.plan {
        None => {
            let problems = study.findings.iter().filter(|finding| finding.is_problem);
            let problems: Vec<Finding> = problems.cloned().collect();
            if !problems.is_empty() {
                return Err(wrong(problems));
            }
            study.tried(&wish)
        }
        Some(plan) => {
            let text = plan.over(&study).text()?;
            let draft = api.platform.plan_draft(account, Some(id), &text).await?;
            let draft = draft.ok_or(ApiProblem::NotFound)?;
            match draft.tried(&wish) {
                Some(stages) => stages,
                None => return Err(refused(draft)),
            }
        }
    };
    Ok(Json(TrialView {
        stages: stages.into_iter().map(StageView::from).collect(),
    }))
}

/// Why a text is no plan.
fn refused(draft: PlanDraft) -> ApiProblem {
    match draft.read {
        Err(why) => ApiProblem::BadRequest(why),
        Ok(_) => wrong(draft.findings),
    }
}

/// Everything that is wrong, by step.
fn wrong(findings: Vec<Finding>) -> ApiProblem {
    let problems = findings.into_iter().filter(|finding| finding.is_problem);
    let mistakes = problems.map(|finding| Mistake::at_step(finding.step, finding.text));
    ApiProblem::Wrong(mistakes.collect())
}

impl From<PlanEditError> for ApiProblem {
    fn from(error: PlanEditError) -> Self {
        match error {
            PlanEditError::Refused(draft) => refused(*draft),
            PlanEditError::Newer(_) => Self::Overtaken,
            PlanEditError::NotFound => Self::NotFound,
            PlanEditError::Own(error) => error.into(),
            PlanEditError::Store(error) => error.into(),
        }
    }
}

impl From<ArrangementError> for ApiProblem {
    fn from(error: ArrangementError) -> Self {
        match error {
            ArrangementError::Store(error) => error.into(),
            other => Self::Broken(other.to_string()),
        }
    }
}
