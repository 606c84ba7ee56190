//! Erasing what is known of a caller or a visitor, on request.

use axum::Json;
use axum::extract::State;
use ringfence_model::{E164, VisitId};
use ringfence_platform::erasure::{Erasable, Erasure, Whose};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::ApiBody;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// Whose traces are to go: exactly one of `caller` and `visit_id`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NewErasure {
    /// A caller's number (E.164): all calls from it with their recordings, and the visits that are known to have led to
    /// them.
    caller: Option<String>,
    /// This visit and the others of the same browser, and the calls that are known to have come of them.
    visit_id: Option<Uuid>,
    /// Only say what would go.
    dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasureView {
    /// Nothing was erased: it was only asked what would be.
    dry_run: bool,
    calls: u64,
    /// Recordings and messages whose files are gone.
    recordings: u64,
    /// Recordings and messages that nobody hears any more and whose files are still to go; the server goes on by itself.
    recordings_left: u64,
    visits: u64,
    /// Calls under way, or over for less than a minute, that were left alone: ask again when they are over.
    calls_under_way: u64,
}

/// Erases what is known of a caller or a visitor, for good
///
/// Asking twice does no harm: the second time there is nothing left.
#[utoipa::path(post, path = "/erasures", operation_id = "erase", tag = "erasures", request_body = NewErasure, responses(
    (status = 200, body = ErasureView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(asked): ApiBody<NewErasure>,
) -> Result<Json<ErasureView>, ApiProblem> {
    let account = &program.account;
    let whose = match (&asked.caller, asked.visit_id) {
        (Some(caller), None) => Whose::Caller(
            E164::parse(caller, Some(&account.country))
                .map_err(|error| ApiProblem::BadRequest(format!("caller: {error}")))?,
        ),
        (None, Some(visit)) => Whose::Visit(VisitId(visit)),
        _ => {
            let expected = "expected exactly one of caller and visit_id";
            return Err(ApiProblem::BadRequest(expected.into()));
        }
    };
    if asked.dry_run {
        let Erasable {
            calls,
            under_way,
            recordings,
            visits,
        } = api.platform.erasable(account.id, &whose, now()).await?;
        return Ok(Json(ErasureView {
            dry_run: true,
            calls,
            recordings,
            recordings_left: 0,
            visits,
            calls_under_way: under_way,
        }));
    }
    let Erasure {
        calls,
        visits,
        recordings,
        recordings_left,
        under_way,
    } = api.platform.erase(account.id, whose, now()).await?;
    Ok(Json(ErasureView {
        dry_run: false,
        calls,
        recordings,
        recordings_left,
        visits,
        calls_under_way: under_way,
    }))
}
