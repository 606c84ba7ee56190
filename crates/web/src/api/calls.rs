//! Calls: the log, one call with its story, those under way, and recordings.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use ringfence_model::{
    CallEvent, CallId, Disposition, E164, Erased, Lead, Leg, LegOutcome, Money, NumberId, Source,
    TargetId,
};
use ringfence_platform::board::{BoardCall, BoardState};
use ringfence_platform::call_log::{
    CallCursor, CallFilter, CallRow, CallStory, RecordingError, can_be_played,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::asking::{ApiPath, ApiQuery};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};
use super::visits::VisitView;
use super::worth::WorthView;
use crate::sound;

/// Calls on a page unless the request says.
const PAGE: u32 = 50;
/// Calls on a page at most.
const LONGEST_PAGE: u32 = 1000;

/// Which calls to show; every part that is set must fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CallQuery {
    /// Calls that started at or after this (RFC 3339).
    #[param(format = DateTime)]
    pub(super) from: Option<String>,
    /// Calls that started before this (RFC 3339).
    #[param(format = DateTime)]
    pub(super) to: Option<String>,
    /// `answered`, `missed`, `abandoned`, `voicemail`, `rejected` or `failed`.
    disposition: Option<String>,
    /// The name of the source.
    source: Option<String>,
    /// The tracking number that was dialled, by its identifier.
    number: Option<Uuid>,
    /// The target that answered, by its identifier.
    target: Option<Uuid>,
    /// Digits that stand anywhere in the caller's number.
    caller: Option<String>,
    /// The tracking number that was dialled (E.164).
    dialled: Option<String>,
    /// `true` for calls with a recording only.
    recorded: Option<bool>,
    /// Letters that stand anywhere in the caller, the dialled number, the source, the campaign, the keyword or the reason.
    q: Option<String>,
    /// What was said to have come of them: `unqualified`, `qualified` or `converted`.
    lead: Option<String>,
    /// A tag that they have.
    tag: Option<String>,
    /// Where the page before this one ended: its `next`.
    after: Option<String>,
    /// Calls on a page, 1 to 1,000; 50 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl CallQuery {
    pub(super) fn filter(&self) -> Result<CallFilter, ApiProblem> {
        let disposition = self.disposition.as_deref().map(disposition_of);
        let lead = self.lead.as_deref().map(lead_of).transpose()?;
        Ok(CallFilter {
            from: read::<jiff::Timestamp>("from", self.from.as_deref())?.map(Into::into),
            to: read::<jiff::Timestamp>("to", self.to.as_deref())?.map(Into::into),
            disposition: disposition.transpose()?,
            source: self.source.clone(),
            number: self.number.map(NumberId),
            target: self.target.map(TargetId),
            caller_contains: self.caller.clone(),
            dialled: self
                .dialled
                .as_deref()
                .map(|text| {
                    E164::parse(text, None)
                        .map_err(|error| ApiProblem::BadRequest(format!("dialled: {error}")))
                })
                .transpose()?,
            only_recorded: self.recorded.unwrap_or(false),
            text: self.q.clone(),
            lead,
            tag: self.tag.clone(),
        })
    }

    fn place(&self) -> Result<Option<CallCursor>, ApiProblem> {
        read("after", self.after.as_deref())
    }

    fn limit(&self) -> Result<u32, ApiProblem> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=LONGEST_PAGE => Ok(limit),
            other => Err(ApiProblem::BadRequest(format!(
                "limit: expected 1 to {LONGEST_PAGE}, got {other}"
            ))),
        }
    }
}

/// How a call ended, by its word.
pub(super) fn disposition_of(word: &str) -> Result<Disposition, ApiProblem> {
    Disposition::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Disposition::ALL.iter().map(|one| one.as_str()).collect();
        let expected = words.join(", ");
        ApiProblem::BadRequest(format!(
            "disposition: expected one of {expected}, got {word:?}"
        ))
    })
}

/// What a word says to have come of a call.
pub(super) fn lead_of(word: &str) -> Result<Lead, ApiProblem> {
    Lead::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Lead::ALL.iter().map(|one| one.as_str()).collect();
        let expected = words.join(", ");
        ApiProblem::BadRequest(format!("lead: expected one of {expected}, got {word:?}"))
    })
}

fn read<T: FromStr>(name: &str, text: Option<&str>) -> Result<Option<T>, ApiProblem>
where
    T::Err: std::fmt::Display,
{
    text.map(str::parse)
        .transpose()
        .map_err(|error| ApiProblem::BadRequest(format!("{name}: {error}")))
}

/// Where a visit or call came from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceView {
    /// `paid`, `search`, `social`, `mail`, `assistant`, `referral`, `campaign`, `direct` and others.
    kind: &'static str,
    /// What people call it: `Google Ads`.
    name: String,
    campaign: Option<String>,
    keyword: Option<String>,
}

impl From<Source> for SourceView {
    fn from(source: Source) -> Self {
        Self {
            kind: source.kind.as_str(),
            name: source.name,
            campaign: source.campaign,
            keyword: source.keyword,
        }
    }
}

/// A target by its name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetView {
    id: Uuid,
    name: Option<String>,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallView {
    id: Uuid,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    answered_at: Option<String>,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// E.164; `null` when it was withheld or is erased.
    caller: Option<String>,
    /// The tracking number, E.164.
    dialled: String,
    number_id: Uuid,
    /// `answered`, `missed`, `abandoned`, `voicemail`, `rejected` or `failed`; `null` while it is under way.
    disposition: Option<&'static str>,
    /// Why it ended, in words.
    reason: Option<String>,
    /// Who answered.
    target: Option<TargetView>,
    /// More than one target was rung.
    failed_over: bool,
    /// From arrival to answer, or to the end when nobody answered.
    wait_seconds: Option<u64>,
    /// From answer to end.
    talk_seconds: Option<u64>,
    source: Option<SourceView>,
    /// How sure the source is: `certain`, `likely`, `shared` or `unknown`.
    confidence: &'static str,
    visit_id: Option<Uuid>,
    /// What somebody or a program said of it; `null` when nothing was said.
    worth: Option<WorthView>,
}

impl CallView {
    fn of(row: CallRow, money: Money) -> Self {
        let CallRow {
            call,
            target,
            worth,
        } = row;
        let waited = call.answered_at.or(call.ended_at);
        let talked = call.answered_at.zip(call.ended_at);
        Self {
            id: call.id.0,
            started_at: call.started_at.to_string(),
            answered_at: call.answered_at.map(|at| at.to_string()),
            ended_at: call.ended_at.map(|at| at.to_string()),
            caller: call.caller.map(|caller| caller.as_str().to_owned()),
            dialled: call.dialled.as_str().to_owned(),
            number_id: call.number.0,
            disposition: call.disposition.map(Disposition::as_str),
            reason: call.reason,
            target: call.target.map(|id| TargetView {
                id: id.0,
                name: target,
            }),
            failed_over: call.failed_over,
            wait_seconds: waited.map(|at| at.since(call.started_at).as_secs()),
            talk_seconds: talked.map(|(from, to)| to.since(from).as_secs()),
            source: call.source.map(SourceView::from),
            confidence: call.confidence.as_str(),
            visit_id: call.visit.map(|visit| visit.0),
            worth: worth.map(|worth| WorthView::of(worth, money)),
        }
    }
}

/// A page of the call log, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallPageView {
    items: Vec<CallView>,
    /// Hand it back as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// Calls, newest first
#[utoipa::path(get, path = "/calls", operation_id = "list_calls", tag = "calls", params(CallQuery), responses(
    (status = 200, body = CallPageView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiQuery(query): ApiQuery<CallQuery>,
) -> Result<Json<CallPageView>, ApiProblem> {
    let (filter, after) = (query.filter()?, query.place()?);
    let money = Money::of(&program.account);
    let page = api
        .platform
        .call_log(program.account.id, &filter, after, query.limit()?)
        .await?;
    Ok(Json(CallPageView {
        items: page
            .rows
            .into_iter()
            .map(|row| CallView::of(row, money))
            .collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

/// A call under way.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LiveCallView {
    id: Uuid,
    #[schema(format = DateTime)]
    started_at: String,
    caller: Option<String>,
    dialled: String,
    source: Option<SourceView>,
    confidence: &'static str,
    /// `arriving`, `ringing`, `talking` or `held`.
    state: &'static str,
    /// Who is rung or talked to.
    target: Option<String>,
}

impl From<&BoardCall> for LiveCallView {
    fn from(call: &BoardCall) -> Self {
        let (state, target) = match &call.state {
            BoardState::Arriving => ("arriving", None),
            BoardState::Ringing { target, .. } => ("ringing", Some(target.clone())),
            BoardState::Talking { target, .. } => ("talking", Some(target.clone())),
            BoardState::Held { target, .. } => ("held", Some(target.clone())),
        };
        Self {
            id: call.id.0,
            started_at: call.started_at.to_string(),
            caller: call
                .caller
                .as_ref()
                .map(|caller| caller.as_str().to_owned()),
            dialled: call.dialled.as_str().to_owned(),
            source: call.source.clone().map(SourceView::from),
            confidence: call.confidence.as_str(),
            state,
            target,
        }
    }
}

/// Calls under way on this server
#[utoipa::path(get, path = "/calls/live", operation_id = "live_calls", tag = "calls", responses(
    (status = 200, body = Vec<LiveCallView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn under_way(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Json<Vec<LiveCallView>> {
    let calls = api.platform.board.snapshot(program.account.id);
    Json(calls.iter().map(|call| (&**call).into()).collect())
}

/// Something that happened to a call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventView {
    #[schema(format = DateTime)]
    at: String,
    /// `kind` says what happened; what else is there depends on it.
    #[schema(value_type = Object)]
    event: Value,
}

/// A target that was rung.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LegView {
    id: Uuid,
    target: TargetView,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// `answered`, `busy`, `no_answer`, `refused`, `failed` or `cancelled`.
    outcome: Option<&'static str>,
    /// The final SIP status code.
    code: Option<u16>,
}

/// That something was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasedView {
    #[schema(format = DateTime)]
    at: String,
    /// `retention` or `request`.
    by: &'static str,
}

impl From<Erased> for ErasedView {
    fn from(erased: Erased) -> Self {
        Self {
            at: erased.at.to_string(),
            by: erased.by.as_str(),
        }
    }
}

/// A recording.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordingView {
    /// `open`, `closed`, `recovered`, `failed`, or once it cannot be heard any more `erasing` and then `erased`.
    state: &'static str,
    duration_ms: u64,
    size: u64,
    /// Of the whole file, hexadecimal.
    sha256: Option<String>,
    erased: Option<ErasedView>,
}

/// A call and everything that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallStoryView {
    #[serde(flatten)]
    call: CallView,
    plan: Option<String>,
    trunk: Option<String>,
    /// Calls of the same caller before this one, at most 99.
    earlier_calls: u64,
    legs: Vec<LegView>,
    events: Vec<EventView>,
    visit: Option<VisitView>,
    recording: Option<RecordingView>,
    /// When and why what it told of the caller was erased; `null` when it was not.
    erased: Option<ErasedView>,
}

impl CallStoryView {
    fn of(mut story: CallStory, money: Money) -> Result<Self, ApiProblem> {
        let targets = std::mem::take(&mut story.targets);
        let name = |id: TargetId| targets.get(&id).cloned();
        let leg = |leg: &Leg| LegView {
            id: leg.id.0,
            target: TargetView {
                id: leg.target.0,
                name: name(leg.target),
            },
            started_at: leg.started_at.to_string(),
            ended_at: leg.ended_at.map(|at| at.to_string()),
            outcome: leg.outcome.map(LegOutcome::as_str),
            code: leg.code,
        };
        let event = |event: &CallEvent| {
            Ok(EventView {
                at: event.at.to_string(),
                event: serde_json::to_value(&event.kind)
                    .map_err(|error| ApiProblem::Broken(error.to_string()))?,
            })
        };
        Ok(Self {
            legs: story.legs.iter().map(leg).collect(),
            events: story
                .events
                .iter()
                .map(event)
                .collect::<Result<_, ApiProblem>>()?,
            earlier_calls: story.earlier_calls,
            recording: story.recording.map(|recording| RecordingView {
                state: recording.state.as_str(),
                duration_ms: recording.duration_ms,
                size: recording.size,
                sha256: recording.sha256.map(|hash| hexadecimal(&hash)),
                erased: story.recording_erased.map(ErasedView::from),
            }),
            erased: story.erased.map(ErasedView::from),
            call: CallView::of(
                CallRow {
                    target: story.call.target.and_then(name),
                    worth: story.worth,
                    call: story.call,
                },
                money,
            ),
            plan: story.plan,
            trunk: story.trunk,
            visit: story.visit.map(VisitView::from),
        })
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// One call: its legs, its timeline, its visit and its recording
#[utoipa::path(get, path = "/calls/{call}", operation_id = "show_call", tag = "calls", params(("call" = Uuid, Path,)), responses(
    (status = 200, body = CallStoryView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(call): ApiPath<Uuid>,
) -> Result<Json<CallStoryView>, ApiProblem> {
    let story = api
        .platform
        .call_story(program.account.id, CallId(call))
        .await?;
    let story = story.ok_or(ApiProblem::NotFound)?;
    CallStoryView::of(story, Money::of(&program.account)).map(Json)
}

/// The sound of a call: stereo WAV, caller left and callee right; byte ranges are understood
#[utoipa::path(get, path = "/calls/{call}/recording", operation_id = "hear_call", tag = "calls", params(("call" = Uuid, Path,)), responses(
    (status = 200, content_type = "audio/wav"),
    (status = 206, content_type = "audio/wav"),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn recording(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(call): ApiPath<Uuid>,
    headers: HeaderMap,
) -> Result<Response, ApiProblem> {
    let call = CallId(call);
    let recording = api.platform.recording(program.account.id, call).await?;
    let recording = recording
        .filter(can_be_played)
        .ok_or(ApiProblem::NotFound)?;
    let path = api.platform.recording_path(&recording)?;
    if sound::begins(&headers) {
        tracing::info!(key = %program.key.id, recording = %recording.id, "recording opened");
    }
    let answer = sound::answer(&path, call, &headers).await;
    Ok(answer.map_err(RecordingError::File)?)
}
