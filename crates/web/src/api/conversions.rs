//! Conversions: which advertising platforms are told of calls, what they were told, and trying one out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{
    Conversion, ConversionDestination, ConversionDestinationId, ConversionState, DeliveryId,
};
use ringfence_platform::conversions::{ConversionError, DestinationWish, Verdict};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, ApiQuery};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Conversions on a page unless the request says.
const PAGE: u32 = 50;

/// A place at an advertising platform that is told of calls. Its credentials are never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DestinationView {
    id: Uuid,
    /// `google_analytics`, `google_ads` or `meta`.
    platform: &'static str,
    /// The measurement id, the customer's number (behind its manager's and a slash), the dataset.
    target: String,
    /// The event's name, or the number of the conversion action.
    event: String,
    /// `answered`, `qualified` or `converted`.
    counts: &'static str,
    /// They talked for so many seconds at least.
    seconds: u32,
    /// Only a caller's first call.
    first_only: bool,
    /// `told`: the page says it of each visit; `waited`: the site's tag waits until the visitor has agreed.
    consent: &'static str,
    /// The caller's number goes too, hashed.
    hashed_caller: bool,
    enabled: bool,
    /// Since when nothing was taken although something should have been.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<ConversionDestination> for DestinationView {
    fn from(known: ConversionDestination) -> Self {
        Self {
            id: known.id.0,
            platform: known.platform.as_str(),
            target: known.target,
            event: known.event,
            counts: known.rule.counts.as_str(),
            seconds: known.rule.seconds,
            first_only: known.rule.first_only,
            consent: known.rule.consent.as_str(),
            hashed_caller: known.rule.hashed_caller,
            enabled: known.enabled,
            failing_since: known.failing_since.map(|at| at.to_string()),
            created_at: known.created_at.to_string(),
        }
    }
}

/// The account's destinations of conversions, the oldest first
#[utoipa::path(get, path = "/conversions", operation_id = "list_conversion_destinations", tag = "conversions", responses(
    (status = 200, body = Vec<DestinationView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<DestinationView>>, ApiProblem> {
    let known = api.platform.conversion_destinations(program.account.id);
    let views = known.await?.into_iter().map(DestinationView::from);
    Ok(Json(views.collect()))
}

/// A destination to add, or what is to be changed of one: what is left out stays, or is as usual. Credentials come together or
/// not at all.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Destination {
    /// `google_analytics`, `google_ads` or `meta`; it stays what it was.
    platform: Option<String>,
    /// The measurement id, the customer's number (behind its manager's and a slash), the dataset.
    target: Option<String>,
    /// The event's name, or the number of the conversion action; `""` is the platform's usual event.
    event: Option<String>,
    /// `answered` (unless said), `qualified` or `converted`.
    counts: Option<String>,
    /// They talked for so many seconds at least, to 86400; 0 unless said.
    seconds: Option<u32>,
    /// Only a caller's first call.
    first_only: Option<bool>,
    /// `told` (unless said) or `waited`.
    consent: Option<String>,
    /// The caller's number goes too, hashed; Google Analytics takes none.
    hashed_caller: Option<bool>,
    /// The API secret, the secret of the OAuth client, the access token.
    secret: Option<String>,
    /// Google Ads' OAuth client.
    client: Option<String>,
    /// Its refresh token.
    refresh_token: Option<String>,
    /// Off, it is told nothing of calls that end then; what waits is sent when it is on again. A new one is on.
    enabled: Option<bool>,
}

impl Destination {
    /// What is wished of one that is there, or of none.
    fn wish(self, known: Option<&ConversionDestination>) -> DestinationWish {
        let rule = known.map(|known| known.rule);
        let text = |said: Option<String>, before: Option<&str>, usual: &str| {
            said.unwrap_or_else(|| before.unwrap_or(usual).to_owned())
        };
        let seconds = self.seconds.or(rule.map(|rule| rule.seconds));
        DestinationWish {
            platform: self.platform.unwrap_or_default(),
            target: text(self.target, known.map(|known| known.target.as_str()), ""),
            event: text(self.event, known.map(|known| known.event.as_str()), ""),
            counts: text(
                self.counts,
                rule.map(|rule| rule.counts.as_str()),
                "answered",
            ),
            seconds: seconds.unwrap_or(0).to_string(),
            first_only: self
                .first_only
                .unwrap_or(rule.is_some_and(|rule| rule.first_only)),
            consent: text(self.consent, rule.map(|rule| rule.consent.as_str()), "told"),
            hashed_caller: self
                .hashed_caller
                .unwrap_or(rule.is_some_and(|rule| rule.hashed_caller)),
            secret: self.secret.unwrap_or_default(),
            client: self.client.unwrap_or_default(),
            refresh_token: self.refresh_token.unwrap_or_default(),
            enabled: self
                .enabled
                .unwrap_or(known.is_none_or(|known| known.enabled)),
        }
    }
}

/// Adds a destination; calls that end from then on are told
#[utoipa::path(post, path = "/conversions", operation_id = "add_conversion_destination", tag = "conversions", request_body = Destination, responses(
    (status = 201, body = DestinationView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<Destination>,
) -> Result<(StatusCode, Json<DestinationView>), ApiProblem> {
    let (account, wish) = (program.account.id, new.wish(None));
    let added = api
        .platform
        .add_conversion_destination(account, &wish, now());
    Ok((StatusCode::CREATED, Json(added.await?.into())))
}

/// One destination
#[utoipa::path(get, path = "/conversions/{destination}", operation_id = "show_conversion_destination", tag = "conversions", params(("destination" = Uuid, Path,)), responses(
    (status = 200, body = DestinationView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(destination): ApiPath<Uuid>,
) -> Result<Json<DestinationView>, ApiProblem> {
    let id = ConversionDestinationId(destination);
    let known = api.platform.conversion_destination(program.account.id, id);
    Ok(Json(known.await?.into()))
}

/// Changes a destination
#[utoipa::path(patch, path = "/conversions/{destination}", operation_id = "change_conversion_destination", tag = "conversions", params(("destination" = Uuid, Path,)), request_body = Destination, responses(
    (status = 200, body = DestinationView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(destination): ApiPath<Uuid>,
    ApiBody(changed): ApiBody<Destination>,
) -> Result<Json<DestinationView>, ApiProblem> {
    let (account, id) = (program.account.id, ConversionDestinationId(destination));
    let known = api.platform.conversion_destination(account, id).await?;
    let other = |platform: &&String| platform.as_str() != known.platform.as_str();
    if let Some(other) = changed.platform.as_ref().filter(other) {
        return Err(ApiProblem::BadRequest(format!(
            "platform: expected {}, which a destination keeps, got {other:?}; add another one",
            known.platform.as_str()
        )));
    }
    let wish = changed.wish(Some(&known));
    let changed = api
        .platform
        .change_conversion_destination(account, id, &wish);
    Ok(Json(changed.await?.into()))
}

/// Deletes a destination, its log, and what waits for it
#[utoipa::path(delete, path = "/conversions/{destination}", operation_id = "remove_conversion_destination", tag = "conversions", params(("destination" = Uuid, Path,)), responses(
    (status = 204),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(destination): ApiPath<Uuid>,
) -> Result<StatusCode, ApiProblem> {
    let id = ConversionDestinationId(destination);
    let removed = api
        .platform
        .remove_conversion_destination(program.account.id, id);
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A call for one destination.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversionView {
    id: Uuid,
    call_id: Uuid,
    /// When the call began.
    #[schema(format = DateTime)]
    happened_at: String,
    /// `pending`, `sent`, `passed_over` (it does not count as things stand) or `failed`: given up.
    state: &'static str,
    attempts: u32,
    /// When the next attempt is due; `null` when none is.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    #[schema(format = DateTime)]
    sent_at: Option<String>,
    /// What the platform said last, or why the call does not count.
    said: Option<String>,
    /// What was sent last, without credentials.
    sent: Option<String>,
}

impl From<Conversion> for ConversionView {
    fn from(conversion: Conversion) -> Self {
        let waits = conversion.state == ConversionState::Pending;
        Self {
            id: conversion.id.0,
            call_id: conversion.call.0,
            happened_at: conversion.happened_at.to_string(),
            state: conversion.state.as_str(),
            attempts: conversion.attempts,
            next_at: waits.then(|| conversion.next_at.to_string()),
            sent_at: conversion.sent_at.map(|at| at.to_string()),
            said: conversion.said,
            sent: conversion.sent,
        }
    }
}

/// Which conversions to show.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConversionQuery {
    /// `pending`, `sent`, `passed_over` or `failed`.
    #[param(value_type = Option<String>)]
    state: Option<ConversionState>,
    /// Where the page before this one ended: its `next`.
    after: Option<String>,
    /// Conversions on a page, 1 to 1000; 50 unless said.
    limit: Option<u32>,
}

/// A page of a destination's log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConversionPage {
    items: Vec<ConversionView>,
    /// Hand it back as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// What a destination was told of calls, the newest call first
#[utoipa::path(get, path = "/conversions/{destination}/calls", operation_id = "list_conversions", tag = "conversions", params(("destination" = Uuid, Path,), ConversionQuery), responses(
    (status = 200, body = ConversionPage),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn calls(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(destination): ApiPath<Uuid>,
    ApiQuery(query): ApiQuery<ConversionQuery>,
) -> Result<Json<ConversionPage>, ApiProblem> {
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| {
        ApiProblem::BadRequest("after: expected the `next` of an earlier page, got none".into())
    })?;
    let (account, id) = (program.account.id, ConversionDestinationId(destination));
    let known = api.platform.conversion_destination(account, id).await?;
    let limit = query.limit.unwrap_or(PAGE);
    let page = api
        .platform
        .conversions(account, known.id, query.state, after, limit);
    let (conversions, next) = page.await?;
    Ok(Json(ConversionPage {
        items: conversions.into_iter().map(ConversionView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// Looks at a conversion again that was given up or passed over, and sends it when it counts; what was taken is never sent again
#[utoipa::path(post, path = "/conversions/{destination}/calls/{conversion}/again", operation_id = "replay_conversion", tag = "conversions", params(("destination" = Uuid, Path,), ("conversion" = Uuid, Path,)), responses(
    (status = 202),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn again(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath((destination, conversion)): ApiPath<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiProblem> {
    let replayed = api.platform.replay_conversion(
        program.account.id,
        ConversionDestinationId(destination),
        DeliveryId(conversion),
        now(),
    );
    replayed.await?;
    Ok(StatusCode::ACCEPTED)
}

/// How a platform is tried out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Trial {
    /// The code of Meta's page Test Events; others need none.
    code: String,
}

/// What a platform said to a trial.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrialView {
    taken: bool,
    said: String,
}

/// Tells a destination of nobody, in its platform's own way for trials: nothing is counted
#[utoipa::path(post, path = "/conversions/{destination}/test", operation_id = "try_conversion_destination", tag = "conversions", params(("destination" = Uuid, Path,)), request_body = Trial, responses(
    (status = 200, body = TrialView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn try_out(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(destination): ApiPath<Uuid>,
    ApiBody(trial): ApiBody<Trial>,
) -> Result<Json<TrialView>, ApiProblem> {
    let id = ConversionDestinationId(destination);
    let account = program.account.id;
    let tried = api
        .platform
        .try_conversion_destination(account, id, &trial.code, now());
    let verdict = tried.await?;
    Ok(Json(TrialView {
        taken: matches!(verdict, Verdict::Taken(_)),
        said: verdict.said().to_owned(),
    }))
}

impl From<ConversionError> for ApiProblem {
    fn from(error: ConversionError) -> Self {
        match error {
            ConversionError::Store(error) => error.into(),
            ConversionError::NotFound => Self::NotFound,
            ConversionError::Sealed(_) => Self::Broken(error.to_string()),
            ConversionError::Problems(problems) => {
                let each = problems
                    .iter()
                    .map(|problem| format!("{}: {}", problem.field, problem.text));
                Self::BadRequest(each.collect::<Vec<_>>().join("; "))
            }
        }
    }
}
