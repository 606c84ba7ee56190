//! Visits: where a caller's browser came from.

use axum::Json;
use axum::extract::State;
use ringfence_model::{Utm, Visit, VisitId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::asking::ApiPath;
use super::calls::SourceView;
use super::guard::Asker;
use super::problem::{ApiProblem, ProblemDocument};

/// A visit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VisitView {
    id: Uuid,
    site_id: Uuid,
    visitor_id: Uuid,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    seen_at: String,
    landing_page: String,
    referrer: Option<String>,
    source: SourceView,
    utm: UtmView,
    /// The parameter and the value: `gclid`.
    click_id: Option<ClickIdView>,
    /// The browser's first language (RFC 5646).
    language: Option<String>,
    /// `phone`, `tablet` or `desktop`.
    device: Option<String>,
    /// The visitor's network; the address itself is not kept.
    network: Option<String>,
}

/// UTM parameters of the landing page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UtmView {
    source: Option<String>,
    medium: Option<String>,
    campaign: Option<String>,
    term: Option<String>,
    content: Option<String>,
}

/// An advertiser's click id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ClickIdView {
    parameter: String,
    value: String,
}

impl From<Visit> for VisitView {
    fn from(visit: Visit) -> Self {
        let Utm {
            source,
            medium,
            campaign,
            term,
            content,
        } = visit.utm;
        Self {
            id: visit.id.0,
            site_id: visit.site.0,
            visitor_id: visit.visitor.0,
            started_at: visit.started_at.to_string(),
            seen_at: visit.seen_at.to_string(),
            landing_page: visit.landing_page,
            referrer: visit.referrer,
            source: visit.source.into(),
            utm: UtmView {
                source,
                medium,
                campaign,
                term,
                content,
            },
            click_id: visit.click_id.map(|click_id| ClickIdView {
                parameter: click_id.parameter,
                value: click_id.value,
            }),
            language: visit.language,
            device: visit.device,
            network: visit.address_prefix,
        }
    }
}

/// One visit
#[utoipa::path(get, path = "/visits/{visit}", operation_id = "show_visit", tag = "visits", params(("visit" = Uuid, Path,)), responses(
    (status = 200, body = VisitView),
    (status = "default", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(api): State<Api>,
    Asker(program): Asker,
    ApiPath(visit): ApiPath<Uuid>,
) -> Result<Json<VisitView>, ApiProblem> {
    let visit = api
        .platform
        .visit(program.account.id, VisitId(visit))
        .await?;
    visit
        .map(|visit| Json(visit.into()))
        .ok_or(ApiProblem::NotFound)
}
