//! The audit log: who changed what.

use axum::Json;
use axum::extract::State;
use ringfence_model::{AuditEntry, AuditFilter, AuditId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Api;
use super::asking::ApiQuery;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Entries on a page unless the request says.
const PAGE: u32 = 50;
/// Entries on a page at most.
const LONGEST_PAGE: u32 = 1000;

/// Which entries to show; every part that is set must fit.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// The user or key that made the change, by its identifier.
    actor: Option<Uuid>,
    /// What was changed, by its identifier.
    object: Option<Uuid>,
    /// What was done: `site.add`, `user.role`, …
    action: Option<String>,
    /// Where the page before this one ended: its `next`.
    after: Option<Uuid>,
    /// Entries on a page, 1 to 1,000; 50 without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A change. Entries are only ever added.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditView {
    id: Uuid,
    #[schema(format = DateTime)]
    at: String,
    /// `user`, `key`, or `program` for a command on the server.
    actor_kind: &'static str,
    actor_id: Option<Uuid>,
    /// A mail address, the key's name, or the command, as it was then.
    actor_name: String,
    /// What was done: `site.add`, `user.role`, …
    action: String,
    /// `site`, `host`, `user`, `invitation`, `webhook`, `api_key`.
    object_kind: String,
    object_id: Uuid,
    /// What it was called then.
    object_name: String,
    /// What was there before, without secrets.
    before: Option<Value>,
    /// What is there since, without secrets.
    after: Option<Value>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let read = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            id: entry.id.0,
            at: entry.at.to_string(),
            actor_kind: entry.actor.kind.as_str(),
            actor_id: entry.actor.id,
            actor_name: entry.actor.name,
            action: entry.action,
            object_kind: entry.object.kind,
            object_id: entry.object.id,
            object_name: entry.object.name,
            before: read(entry.before),
            after: read(entry.after),
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditPage {
    items: Vec<AuditView>,
    /// What the next page is asked for with; `null` on the last one.
    next: Option<Uuid>,
}

/// Who changed what, newest first
#[utoipa::path(get, path = "/audit", operation_id = "list_audit_log", tag = "audit", params(AuditQuery), responses(
    (status = 200, body = AuditPage),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiQuery(query): ApiQuery<AuditQuery>,
) -> Result<Json<AuditPage>, ApiProblem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return Err(ApiProblem::BadRequest(format!(
            "limit: expected 1 to {LONGEST_PAGE}, got {limit}"
        )));
    }
    let filter = AuditFilter {
        actor: query.actor,
        object: query.object,
        action: query.action,
        before: query.after.map(AuditId),
    };
    let page = api.platform.audit_log(program.account.id, &filter, limit);
    let (entries, more) = page.await?;
    let next = entries.last().filter(|_| more).map(|last| last.id.0);
    Ok(Json(AuditPage {
        items: entries.into_iter().map(AuditView::from).collect(),
        next,
    }))
}
