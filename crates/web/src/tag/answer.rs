//! Answers to the tag: JSON, problem documents (RFC 9457), and who may read them (CORS).

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use ringfence_model::Timestamp;
use ringfence_platform::visits::{NumberAnswer, Refusal};
use ringfence_platform::{Platform, now};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

use super::asking::Asking;

/// What a request was answered.
#[derive(Debug)]
pub(super) enum Answered {
    Number(Box<NumberAnswer>),
    Json(Value),
    Nothing,
}

/// Why it was not.
#[derive(Debug)]
pub(super) struct Refused {
    pub refusal: Refusal,
    /// What was wrong with this very request.
    pub detail: Option<String>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            detail: None,
        }
    }
}

#[derive(Serialize)]
struct NumberDocument<'a> {
    number: NumberPart<'a>,
    visit: &'a str,
    swap: &'a [String],
    beat: u64,
}

#[derive(Serialize)]
struct NumberPart<'a> {
    e164: &'a str,
    national: &'a str,
    international: &'a str,
    lease: String,
    expires: String,
    campaign: Option<&'a str>,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    reason: &'static str,
    number: Option<()>,
    /// For pages that were written for Retreaver: their scripts look for it.
    error: &'a str,
}

/// The response with its CORS headers: only pages of proved hosts may read it.
pub(super) async fn finish(
    platform: &Platform,
    asking: &Asking,
    answered: Result<Answered, Refused>,
    now: Timestamp,
) -> Response {
    let mut response = match answered {
        Ok(Answered::Number(answer)) => json(&NumberDocument {
            number: NumberPart {
                e164: answer.number.e164.as_str(),
                national: &answer.number.national,
                international: &answer.number.international,
                lease: answer.lease.to_string(),
                expires: answer.expires_at.to_string(),
                campaign: answer.campaign.as_deref(),
            },
            visit: &answer.visit,
            swap: &answer.swap,
            beat: answer.beat.as_secs(),
        }),
        Ok(Answered::Json(value)) => json(&value),
        Ok(Answered::Nothing) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(refused) => problem(&refused),
    };
    allow(platform, asking.origin.as_deref(), &mut response, now).await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer to a preflight (Fetch Standard §3.2.2); the tag needs none, others may.
pub(super) async fn preflight(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    let (asking, _) = Asking::of(request, &platform);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    allow(&platform, asking.origin.as_deref(), &mut response, now()).await;
    response
}

async fn allow(platform: &Platform, origin: Option<&str>, response: &mut Response, now: Timestamp) {
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin
        && platform.allows_origin(origin, now).await
        && let Ok(value) = HeaderValue::from_str(origin)
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    }
}

fn problem(refused: &Refused) -> Response {
    let refusal = refused.refusal;
    let status = status(refusal);
    let text = refusal.to_string();
    let detail = match &refused.detail {
        Some(detail) => format!("{text}: {detail}"),
        None => text,
    };
    let mut response = json(&Problem {
        r#type: "about:blank",
        title: "No number is shown",
        status: status.as_u16(),
        detail: &detail,
        reason: refusal.as_str(),
        number: None,
        error: &detail,
    });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !status.is_success() {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
    }
    if matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    response
}

/// What an honest page meets is no error: browsers would write one into the page's console. It finds nothing to show, or
/// its script came from a cache with a token that is used up or too old, and the tag asks again with a new one.
const fn status(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::NoPool
        | Refusal::PoolExhausted
        | Refusal::LeaseExpired
        | Refusal::Withheld
        | Refusal::NotLookedAt
        | Refusal::NetworkWithheld
        | Refusal::Withdrawn
        | Refusal::EnoughTold
        | Refusal::TokenSpent
        | Refusal::TokenExpired => StatusCode::OK,
        Refusal::BodyMalformed | Refusal::PageMalformed => StatusCode::BAD_REQUEST,
        Refusal::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::UnknownSite | Refusal::UnknownCampaignKey => StatusCode::NOT_FOUND,
        Refusal::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unavailable | Refusal::LeasesUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    }
}

fn json(document: &impl Serialize) -> Response {
    let octets = serde_json::to_vec(document).expect("texts and numbers are always JSON");
    let mut response = Response::new(Body::from(octets));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
