//! The call log as a file: CSV (RFC 4180).

use axum::extract::State;
use axum::response::Response;

use super::Api;
use super::asking::ApiQuery;
use super::calls::CallQuery;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};
use crate::call_table;

/// Calls as CSV, newest first, however many there are; `after` and `limit` are not used
#[utoipa::path(get, path = "/calls.csv", operation_id = "export_calls", tag = "calls", params(CallQuery), responses(
    (status = 200, content_type = "text/csv", body = String),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn calls(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiQuery(query): ApiQuery<CallQuery>,
) -> Result<Response, ApiProblem> {
    let filter = query.filter()?;
    Ok(call_table::answer(api.platform, &program.account, filter))
}
