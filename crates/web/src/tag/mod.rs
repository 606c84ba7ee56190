//! The tag: `/tag.js` and `/t/`, the only part of the program that strangers' browsers talk to.
//!
//! What the script expects is written down in `tag/README.md`. A request needs no preflight (`text/plain`), carries no
//! cookies, and is answered for pages of proved hosts only.

mod answer;
mod asking;
mod body;
mod script;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use ringfence_platform::Platform;
use ringfence_platform::now;
use ringfence_platform::visits::{FollowUp, NumberRequest, Refusal, TokenRequest};
use serde::Deserialize;
use serde_json::json;

use answer::{Answered, Refused};
use asking::Asking;
pub(crate) use asking::address;
use body::{BeatBody, EventBody, EventKind, NumberBody};

/// What the tag asks.
pub fn router(platform: Arc<Platform>) -> Router {
    let preflight = answer::preflight;
    Router::new()
        .route("/t/token", get(token).options(preflight))
        .route("/t/number", post(number).options(preflight))
        .route("/t/beat", post(beat).options(preflight))
        .route("/t/event", post(event).options(preflight))
        .merge(script::router())
        .with_state(platform)
}

#[derive(Debug, Deserialize)]
struct SiteQuery {
    #[serde(default)]
    site: String,
}

/// A fresh token, for a page whose script came without one or from a cache.
async fn token(
    State(platform): State<Arc<Platform>>,
    query: Result<Query<SiteQuery>, QueryRejection>,
    request: Request,
) -> Response {
    let now = now();
    let (asking, _) = Asking::of(request, &platform);
    let site = query.map(|Query(query)| query.site).unwrap_or_default();
    let answered = async {
        let origin = asking.origin.as_deref();
        platform
            .check_origin(&site, origin, asking.address, now)
            .await?;
        let request = TokenRequest {
            site: Some(&site),
            page: origin.ok_or(Refusal::OriginMissing)?,
            user_agent: &asking.user_agent,
            address: asking.address,
        };
        let token = platform.issue_token(&request, now)?;
        Ok(Answered::Json(json!({ "token": token })))
    };
    answer::finish(&platform, &asking, answered.await, now).await
}

/// A number for a visit.
async fn number(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    let now = now();
    let (asking, body) = Asking::of(request, &platform);
    let answered = async {
        let body: NumberBody = body::read(&platform, &asking, body).await?;
        let answer = platform
            .issue_number(
                &NumberRequest {
                    origin: asking.origin.as_deref(),
                    user_agent: &asking.user_agent,
                    address: asking.address,
                    site: &body.site,
                    token: body.token.as_deref(),
                    visit: body.visit.as_deref(),
                    page: &body.page,
                    referrer: body.referrer.as_deref(),
                    first_page: body.first.as_ref().map(|first| first.page.as_str()),
                    first_referrer: body
                        .first
                        .as_ref()
                        .and_then(|first| first.referrer.as_deref()),
                    language: body.language.as_deref(),
                    campaign: body.campaign.as_deref(),
                },
                now,
            )
            .await?;
        Ok(Answered::Number(Box::new(answer)))
    };
    answer::finish(&platform, &asking, answered.await, now).await
}

/// A sign of life.
async fn beat(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    let now = now();
    let (asking, body) = Asking::of(request, &platform);
    let answered = async {
        let body: BeatBody = body::read(&platform, &asking, body).await?;
        let follow_up = FollowUp {
            lease: body.lease,
            ..asking.follow_up(&body.site, body.visit.as_deref())
        };
        let answer = platform.beat(&follow_up, now).await?;
        Ok(Answered::Json(json!({
            "expires": answer.expires_at.to_string(),
            "beat": answer.beat.as_secs(),
        })))
    };
    answer::finish(&platform, &asking, answered.await, now).await
}

/// Something that happened in a visit. A release is real; events and tags are checked and counted, and not kept yet.
async fn event(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    let now = now();
    let (asking, body) = Asking::of(request, &platform);
    let answered = async {
        let body: EventBody = body::read(&platform, &asking, body).await?;
        let follow_up = FollowUp {
            lease: body.lease,
            ..asking.follow_up(&body.site, body.visit.as_deref())
        };
        match body.kind {
            EventKind::Release => platform.release(&follow_up, now).await?,
            EventKind::Event | EventKind::Tag => platform.check_visit(&follow_up, now).await?,
        }
        metrics::counter!("ringfence_tag_events_total", "kind" => body.kind.as_str()).increment(1);
        Ok::<_, Refused>(Answered::Nothing)
    };
    answer::finish(&platform, &asking, answered.await, now).await
}
