//! Webhooks: where an account's programs are told what happens, what they were told, and telling them again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{
    Delivery, DeliveryAttempt, DeliveryId, DeliveryState, Timestamp, Webhook, WebhookEvent,
    WebhookId,
};
use ringfence_platform::now;
use ringfence_platform::webhooks::WebhookChange;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath, ApiQuery};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Deliveries on a page unless the request says.
const PAGE: u32 = 50;

/// Where messages are posted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookView {
    id: Uuid,
    url: String,
    /// `call.started`, `call.answered`, `call.ended`, `recording.ready`.
    events: Vec<&'static str>,
    enabled: bool,
    /// Since when nothing was delivered although something should have been.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// Why the server switched it off; `null` when it is on or somebody switched it off.
    off_reason: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.0,
            url: webhook.url,
            events: webhook.events.iter().map(|event| event.as_str()).collect(),
            enabled: webhook.enabled,
            failing_since: webhook.failing_since.map(|at| at.to_string()),
            off_reason: webhook.off_reason,
            created_at: webhook.created_at.to_string(),
        }
    }
}

/// A webhook that was added, with what its messages are signed with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AddedWebhook {
    webhook: WebhookView,
    /// `whsec_` and 32 octets in base64. It is shown this once.
    secret: String,
}

/// The account's webhooks, the oldest first
#[utoipa::path(get, path = "/webhooks", operation_id = "list_webhooks", tag = "webhooks", responses(
    (status = 200, body = Vec<WebhookView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<WebhookView>>, ApiProblem> {
    let webhooks = api.platform.webhooks(program.account.id).await?;
    Ok(Json(webhooks.into_iter().map(WebhookView::from).collect()))
}

/// A webhook to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhook {
    /// `https://…`, at most 4,096 octets, at a public address.
    url: String,
    /// `call.started`, `call.answered`, `call.ended`, `recording.ready`; at least one.
    #[schema(value_type = Vec<String>)]
    events: Vec<WebhookEvent>,
}

/// Adds a webhook and tells its secret, this once
#[utoipa::path(post, path = "/webhooks", operation_id = "add_webhook", tag = "webhooks", request_body = NewWebhook, responses(
    (status = 201, body = AddedWebhook),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<NewWebhook>,
) -> Result<(StatusCode, Json<AddedWebhook>), ApiProblem> {
    let added = api
        .platform
        .add_webhook(program.account.id, &new.url, &new.events, now());
    let (webhook, secret) = added.await?;
    let webhook = webhook.into();
    Ok((StatusCode::CREATED, Json(AddedWebhook { webhook, secret })))
}

/// One webhook
#[utoipa::path(get, path = "/webhooks/{webhook}", operation_id = "show_webhook", tag = "webhooks", params(("webhook" = Uuid, Path,)), responses(
    (status = 200, body = WebhookView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(webhook): ApiPath<Uuid>,
) -> Result<Json<WebhookView>, ApiProblem> {
    let webhook = api
        .platform
        .webhook(program.account.id, WebhookId(webhook))
        .await?;
    Ok(Json(webhook.into()))
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ChangedWebhook {
    /// `https://…`, at most 4,096 octets, at a public address.
    url: Option<String>,
    /// `call.started`, `call.answered`, `call.ended`, `recording.ready`; at least one.
    #[schema(value_type = Option<Vec<String>>)]
    events: Option<Vec<WebhookEvent>>,
    /// Off, it is told nothing of what happens then; what waits is sent when it is on again.
    enabled: Option<bool>,
}

/// Changes a webhook
#[utoipa::path(patch, path = "/webhooks/{webhook}", operation_id = "change_webhook", tag = "webhooks", params(("webhook" = Uuid, Path,)), request_body = ChangedWebhook, responses(
    (status = 200, body = WebhookView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(webhook): ApiPath<Uuid>,
    ApiBody(changed): ApiBody<ChangedWebhook>,
) -> Result<Json<WebhookView>, ApiProblem> {
    let change = WebhookChange {
        url: changed.url,
        events: changed.events,
        enabled: changed.enabled,
    };
    let webhook = api
        .platform
        .change_webhook(program.account.id, WebhookId(webhook), change);
    Ok(Json(webhook.await?.into()))
}

/// Deletes a webhook, its log, and what waits for it
#[utoipa::path(delete, path = "/webhooks/{webhook}", operation_id = "remove_webhook", tag = "webhooks", params(("webhook" = Uuid, Path,)), responses(
    (status = 204),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(webhook): ApiPath<Uuid>,
) -> Result<StatusCode, ApiProblem> {
    api.platform
        .remove_webhook(program.account.id, WebhookId(webhook))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One message for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryView {
    /// Its digits after `msg_` are the message's `webhook-id`.
    id: Uuid,
    event: &'static str,
    call_id: Uuid,
    #[schema(format = DateTime)]
    happened_at: String,
    /// `pending`, `delivered` or `failed`: given up.
    state: &'static str,
    attempts: u32,
    /// When the next attempt is due; `null` when none is.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    #[schema(format = DateTime)]
    delivered_at: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.0,
            event: delivery.event.as_str(),
            call_id: delivery.call.0,
            happened_at: delivery.happened_at.to_string(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_at: waits.then(|| delivery.next_at.to_string()),
            delivered_at: delivery.delivered_at.map(|at| at.to_string()),
        }
    }
}

/// Which deliveries to show.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryQuery {
    /// `pending`, `delivered` or `failed`.
    #[param(value_type = Option<String>)]
    state: Option<DeliveryState>,
    /// Where the page before this one ended: its `next`.
    after: Option<String>,
    /// Deliveries on a page, 1 to 1000; 50 unless said.
    limit: Option<u32>,
}

/// A page of the delivery log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    items: Vec<DeliveryView>,
    /// Hand it back as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// The delivery log of a webhook, newest first; what is over is kept for thirty days
#[utoipa::path(get, path = "/webhooks/{webhook}/deliveries", operation_id = "list_deliveries", tag = "webhooks", params(("webhook" = Uuid, Path,), DeliveryQuery), responses(
    (status = 200, body = DeliveryPage),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn deliveries(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(webhook): ApiPath<Uuid>,
    ApiQuery(query): ApiQuery<DeliveryQuery>,
) -> Result<Json<DeliveryPage>, ApiProblem> {
    let after = query.after.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| {
        ApiProblem::BadRequest("after: expected the `next` of an earlier page, got none".into())
    })?;
    let limit = query.limit.unwrap_or(PAGE);
    let page = api.platform.deliveries(
        program.account.id,
        WebhookId(webhook),
        query.state,
        after,
        limit,
    );
    let (deliveries, next) = page.await?;
    Ok(Json(DeliveryPage {
        items: deliveries.into_iter().map(DeliveryView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

/// One try to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptView {
    /// From 1.
    number: u32,
    #[schema(format = DateTime)]
    at: String,
    duration_ms: u64,
    /// The HTTP status code; `null` when no answer came.
    status: Option<u16>,
    /// What came of it, in words.
    outcome: String,
}

impl From<DeliveryAttempt> for AttemptView {
    fn from(attempt: DeliveryAttempt) -> Self {
        Self {
            number: attempt.number,
            at: attempt.at.to_string(),
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            outcome: attempt.outcome,
        }
    }
}

/// What is posted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookMessage {
    /// `call.started`, `call.answered`, `call.ended`, `recording.ready`.
    r#type: String,
    /// When it happened.
    #[schema(format = DateTime)]
    timestamp: String,
    data: WebhookData,
}

/// A call, or a recording.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes what the platform makes")]
pub(super) enum WebhookData {
    /// `call.started`, `call.answered`, `call.ended`.
    Call(Box<CallData>),
    /// `recording.ready`.
    Recording(RecordingData),
}

/// What is known of a call when the event happens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CallData {
    id: Uuid,
    number_id: Uuid,
    /// The tracking number, E.164.
    dialled: String,
    /// E.164; `null` when it is withheld or none.
    caller: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    visit_id: Option<Uuid>,
    source: Option<MessageSource>,
    /// `certain`, `likely`, `shared` or `unknown`.
    confidence: String,
    /// With `call.answered` and `call.ended`; `null` when nobody answered.
    #[schema(format = DateTime, required = false)]
    answered_at: Option<String>,
    /// With `call.answered` and `call.ended`: the target that answered.
    #[schema(required = false)]
    target_id: Option<Uuid>,
    /// With `call.ended`.
    #[schema(format = DateTime, required = false)]
    ended_at: Option<String>,
    /// With `call.ended`: `answered`, `missed`, `abandoned`, `voicemail`, `rejected` or `failed`.
    #[schema(required = false)]
    disposition: Option<String>,
    /// With `call.ended`: why, in words.
    #[schema(required = false)]
    reason: Option<String>,
    /// With `call.ended`: more than one target was rung.
    #[schema(required = false)]
    failed_over: Option<bool>,
}

/// Where the visit came from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageSource {
    kind: String,
    name: String,
    campaign: Option<String>,
    keyword: Option<String>,
}

/// The sound of a call, to be had at `/v1/calls/{call}/recording`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordingData {
    id: Uuid,
    call_id: Uuid,
    #[schema(format = DateTime)]
    started_at: String,
    duration_ms: u64,
    /// Octets.
    size: u64,
}

/// A delivery with its attempts and its message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryStory {
    delivery: DeliveryView,
    attempts: Vec<AttemptView>,
    #[schema(value_type = WebhookMessage)]
    message: serde_json::Value,
}

/// One delivery: its attempts, in order, and the message
#[utoipa::path(get, path = "/webhooks/{webhook}/deliveries/{delivery}", operation_id = "show_delivery", tag = "webhooks", params(("webhook" = Uuid, Path,), ("delivery" = Uuid, Path,)), responses(
    (status = 200, body = DeliveryStory),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn delivery(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath((webhook, delivery)): ApiPath<(Uuid, Uuid)>,
) -> Result<Json<DeliveryStory>, ApiProblem> {
    let story = api
        .platform
        .delivery(program.account.id, WebhookId(webhook), DeliveryId(delivery));
    let (delivery, attempts, message) = story.await?;
    Ok(Json(DeliveryStory {
        delivery: delivery.into(),
        attempts: attempts.into_iter().map(AttemptView::from).collect(),
        message,
    }))
}

/// Sends a delivery again, whatever became of it, with the same `webhook-id`
#[utoipa::path(post, path = "/webhooks/{webhook}/deliveries/{delivery}/replay", operation_id = "replay_delivery", tag = "webhooks", params(("webhook" = Uuid, Path,), ("delivery" = Uuid, Path,)), responses(
    (status = 202),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn replay(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath((webhook, delivery)): ApiPath<(Uuid, Uuid)>,
) -> Result<StatusCode, ApiProblem> {
    let replayed = api.platform.replay_delivery(
        program.account.id,
        WebhookId(webhook),
        DeliveryId(delivery),
        now(),
    );
    replayed.await?;
    Ok(StatusCode::ACCEPTED)
}

/// What is to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayWish {
    /// What happened at or after this (RFC 3339).
    #[schema(format = DateTime)]
    since: String,
}

/// How much is sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    deliveries: u64,
}

/// Sends everything again that was given up
#[utoipa::path(post, path = "/webhooks/{webhook}/replay", operation_id = "replay_failed_deliveries", tag = "webhooks", params(("webhook" = Uuid, Path,)), request_body = ReplayWish, responses(
    (status = 202, body = Replayed),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn replay_failed(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(webhook): ApiPath<Uuid>,
    ApiBody(wish): ApiBody<ReplayWish>,
) -> Result<(StatusCode, Json<Replayed>), ApiProblem> {
    let since: jiff::Timestamp = wish.since.parse().map_err(|_| {
        ApiProblem::BadRequest(format!(
            "since: expected a time such as 2026-11-26T09:00:00Z, got {:?}",
            wish.since.chars().take(40).collect::<String>()
        ))
    })?;
    let replayed = api.platform.replay_failed_deliveries(
        program.account.id,
        WebhookId(webhook),
        Timestamp::from(since),
        now(),
    );
    let deliveries = replayed.await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { deliveries })))
}
