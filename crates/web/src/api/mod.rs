//! The REST API under `/v1`: for programs, each with a key of one account.
//!
//! Every answer is bound to the account of the key; what belongs to another account is not found. The `OpenAPI` 3.1
//! document at `/v1/openapi.json` is made from the code that answers, and is committed as `docs/openapi.json`.

mod agents;
mod asking;
mod audit;
mod calls;
mod conversions;
mod erasures;
mod export;
mod groups;
mod guard;
mod numbers;
mod parts;
mod plans;
mod pools;
mod problem;
mod repeats;
mod reports;
mod saved_reports;
mod sites;
mod splits;
mod targets;
mod transfer;
mod trunks;
mod visits;
mod webhooks;
mod worth;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router, middleware};
use ringfence_platform::Platform;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use guard::Limits;
use problem::ApiProblem;

/// Bodies are small documents; a longer one is refused, in octets.
const LONGEST_BODY: usize = 64 * 1024;

/// Whatever no endpoint answers.
const NOTHING: &str = "/v1/{*nothing}";

/// What every request shares.
#[derive(Clone)]
struct Api {
    platform: Arc<Platform>,
    limits: Arc<Limits>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ringfence",
        description = "Calls, visits, numbers and sites of one account. Times are RFC 3339 in UTC, phone numbers E.164, lengths of time whole seconds. \
            Lists come a page at a time: hand `next` back as `after`. A `POST` with an `Idempotency-Key` is carried out once. Problems are documents of RFC 9457."
    ),
    modifiers(&Bearer),
    security(("key" = []))
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key that `ringfence key add` made: `rfk_…`"))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

fn resources() -> OpenApiRouter<Api> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(calls::list))
        .routes(routes!(calls::show))
        .routes(routes!(worth::change))
        .routes(routes!(transfer::put_through))
        .routes(routes!(calls::under_way))
        .routes(routes!(calls::recording))
        .routes(routes!(export::calls))
        .routes(routes!(visits::show))
        .routes(routes!(erasures::add))
        .routes(routes!(agents::list))
        .routes(routes!(agents::change))
        .routes(routes!(numbers::list, numbers::add))
        .routes(routes!(numbers::show, numbers::change, numbers::remove))
        .routes(routes!(trunks::list, trunks::add))
        .routes(routes!(trunks::show, trunks::change, trunks::remove))
        .routes(routes!(targets::list, targets::add))
        .routes(routes!(targets::show, targets::change, targets::remove))
        .routes(routes!(groups::list, groups::add))
        .routes(routes!(groups::show, groups::change, groups::remove))
        .routes(routes!(plans::list, plans::add))
        .routes(routes!(plans::show, plans::change))
        .routes(routes!(plans::versions))
        .routes(routes!(plans::bring_back))
        .routes(routes!(plans::try_out))
        .routes(routes!(pools::list, pools::add))
        .routes(routes!(pools::show, pools::change, pools::remove))
        .routes(routes!(sites::list, sites::add))
        .routes(routes!(sites::add_host))
        .routes(routes!(sites::check_host))
        .routes(routes!(reports::overview))
        .routes(routes!(splits::calls))
        .routes(routes!(saved_reports::list, saved_reports::add))
        .routes(routes!(saved_reports::remove))
        .routes(routes!(audit::list))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::remove))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::delivery))
        .routes(routes!(webhooks::replay))
        .routes(routes!(webhooks::replay_failed))
        .routes(routes!(conversions::list, conversions::add))
        .routes(routes!(
            conversions::show,
            conversions::change,
            conversions::remove
        ))
        .routes(routes!(conversions::calls))
        .routes(routes!(conversions::again))
        .routes(routes!(conversions::try_out));
    OpenApiRouter::with_openapi(Document::openapi()).nest("/v1", v1)
}

/// The `OpenAPI` 3.1 document of the API, as JSON with two spaces an indent.
pub fn document() -> String {
    let document = resources().into_openapi();
    let mut text = document
        .to_pretty_json()
        .expect("a document made of texts and maps is JSON");
    text.push('\n');
    text
}

/// Everything under `/v1`.
pub(crate) fn router(platform: Arc<Platform>) -> Router {
    let api = Api {
        platform,
        limits: Arc::new(Limits::new()),
    };
    let (router, document) = resources().split_for_parts();
    let document = Arc::new(document);
    let served = move || {
        let document = Arc::clone(&document);
        async move { Json(document.as_ref().clone()) }
    };
    router
        .route(NOTHING, axum::routing::any(async || ApiProblem::NotFound))
        .method_not_allowed_fallback(async || ApiProblem::BadMethod)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(api.clone(), repeats::once))
        .layer(middleware::from_fn_with_state(api.clone(), guard::guard))
        .route("/v1/openapi.json", get(served))
        .with_state(api)
}
