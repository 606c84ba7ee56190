//! The tag: `/tag.js` and `/t/`, the only part of the program that strangers' browsers talk to.
//!
//! What the script expects is written down in `tag/README.md`. A request needs no preflight (`text/plain`), carries no
//! cookies, and is answered for pages of proved hosts only.

mod answer;
mod asking;
mod body;
mod moved;
mod script;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use ringfence_model::VisitEventKind;
use ringfence_platform::Platform;
use ringfence_platform::now;
use ringfence_platform::visits::{
    FollowUp, NumberRequest, OpenPage, PageFound, Refusal, TokenRequest, Told,
};
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
        .merge(moved::router())
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
        let mut body: NumberBody = body::read(&platform, &asking, body).await?;
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
                    calls: body.calls.of_page(),
                },
                now,
            )
            .await?;
        if !body.tags.is_empty() {
            let follow_up = asking.follow_up(&body.site, Some(&answer.visit));
            let told = Told {
                kind: VisitEventKind::Tag,
                name: None,
                data: std::mem::take(&mut body.tags),
            };
            // The number is there already: what is wrong with its words is counted, and keeps nobody waiting for it.
            let _ = platform.keep_told(&follow_up, told, now).await;
        }
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
        let open = OpenPage {
            page: body.page.as_deref(),
            referrer: body.referrer.as_deref(),
            calls: body.calls.of_page(),
        };
        let answer = platform.beat(&follow_up, &open, now).await?;
        if let Some(page) = &body.page
            && !body.targets.is_empty()
        {
            let found = PageFound {
                page,
                targets: &body.targets,
            };
            platform.keep_page_report(&follow_up, &found, now).await;
        }
        Ok(Answered::Json(json!({
            "expires": answer.expires_at.to_string(),
            "beat": answer.beat.as_secs(),
        })))
    };
    answer::finish(&platform, &asking, answered.await, now).await
}

/// Something that happened in a visit: its number is given back, or the page tells of it.
async fn event(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    let now = now();
    let (asking, body) = Asking::of(request, &platform);
    let answered = async {
        let body: EventBody = body::read(&platform, &asking, body).await?;
        let follow_up = FollowUp {
            lease: body.lease,
            ..asking.follow_up(&body.site, body.visit.as_deref())
        };
        metrics::counter!("ringfence_tag_events_total", "kind" => body.kind.as_str()).increment(1);
        let kind = match body.kind {
            EventKind::Release => {
                platform.release(&follow_up, now).await?;
                return Ok(Answered::Nothing);
            }
            EventKind::Event => VisitEventKind::Event,
            EventKind::Tag => VisitEventKind::Tag,
        };
        let told = Told {
            kind,
            name: body.name,
            data: body.data.unwrap_or_default(),
        };
        platform.keep_told(&follow_up, told, now).await?;
        Ok::<_, Refused>(Answered::Nothing)
    };
    answer::finish(&platform, &asking, answered.await, now).await
}
