//! Saved reports: questions that an account keeps under names.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ringfence_model::{SavedReport, SavedReportId};
use ringfence_platform::now;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::{ApiBody, ApiPath};
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// A report that is kept under a name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SavedReportView {
    id: Uuid,
    name: String,
    /// What it asks, as the query string of the page Reports: `by=source&span=last_7_days`.
    query: String,
    /// Who saved it: the address of a user, the name of a key.
    made_by: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<SavedReport> for SavedReportView {
    fn from(report: SavedReport) -> Self {
        Self {
            id: report.id.0,
            query: report.question.query(),
            name: report.name,
            made_by: report.made_by,
            created_at: report.created_at.to_string(),
        }
    }
}

/// The account's saved reports, by name
#[utoipa::path(get, path = "/reports/saved", operation_id = "list_saved_reports", tag = "reports", responses(
    (status = 200, body = Vec<SavedReportView>),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(api): State<Api>,
    Asker(program): Asker,
) -> Result<Json<Vec<SavedReportView>>, ApiProblem> {
    let reports = api.platform.saved_reports(program.account.id).await?;
    Ok(Json(reports.into_iter().map(Into::into).collect()))
}

/// A report to save.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSavedReport {
    /// 1 to 100 characters; no two reports of an account have the same name.
    name: String,
    /// The query string of the page Reports, without its question mark: `by` and `and` as `/v1/reports/calls` has them; `span`
    /// (`yesterday`, `last_7_days`, `last_30_days`, `last_90_days`, `last_week`, `this_month`, `last_month`) or `from` and
    /// `to`; `outcome`; `source`; `number`. Without it: calls of the last thirty days by source.
    #[serde(default)]
    query: String,
}

/// Saves a report
#[utoipa::path(post, path = "/reports/saved", operation_id = "add_saved_report", tag = "reports", request_body = NewSavedReport, responses(
    (status = 201, body = SavedReportView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn add(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiBody(new): ApiBody<NewSavedReport>,
) -> Result<(StatusCode, Json<SavedReportView>), ApiProblem> {
    let saved = api
        .platform
        .save_report(program.account.id, &new.name, &new.query, now());
    Ok((StatusCode::CREATED, Json(saved.await?.into())))
}

/// Removes a saved report; calls stay as they are
#[utoipa::path(delete, path = "/reports/saved/{report}", operation_id = "remove_saved_report", tag = "reports", params(("report" = Uuid, Path,)), responses(
    (status = 204),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn remove(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(report): ApiPath<Uuid>,
) -> Result<StatusCode, ApiProblem> {
    let removed = api
        .platform
        .remove_saved_report(program.account.id, SavedReportId(report));
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}
