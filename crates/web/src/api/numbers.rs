//! Tracking numbers: state, pool, plan, and what each brought.

use axum::Json;
use axum::extract::State;
use ringfence_platform::now;
use ringfence_platform::numbers::NumberRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// A tracking number.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumberView {
    id: Uuid,
    e164: String,
    label: String,
    /// `available`, `assigned`, `quarantined` or `released`.
    state: &'static str,
    /// The pool's name.
    pool: Option<String>,
    /// The call plan's name.
    plan: Option<String>,
    /// It is what its pool shows when every other number is leased.
    overflow: bool,
    /// Calls to it in the last thirty days.
    calls: u64,
    /// Of these, answered.
    answered: u64,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<NumberRow> for NumberView {
    fn from(row: NumberRow) -> Self {
        Self {
            id: row.number.id.0,
            e164: row.number.e164.as_str().to_owned(),
            label: row.number.label,
            state: row.number.state.as_str(),
            pool: row.pool,
            plan: row.plan,
            overflow: row.overflow,
            calls: row.calls,
            answered: row.answered,
            created_at: row.number.created_at.to_string(),
        }
    }
}

/// The account's tracking numbers in the order of their digits
#[utoipa::path(get, path = "/numbers", operation_id = "list_numbers", tag = "numbers", responses(
    (status = 200, body = Vec<NumberView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<NumberView>>, ApiProblem> {
    let rows = api.platform.number_rows(program.account.id, now()).await?;
    Ok(Json(rows.into_iter().map(NumberView::from).collect()))
}
