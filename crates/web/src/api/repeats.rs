//! `Idempotency-Key`: a program that got no answer sends the same request again, and it is carried out once (draft of the IETF,
//! "The Idempotency-Key HTTP Header Field").
//!
//! What went well is answered the same for a day. What was refused is forgotten, so that it may be sent again when what was
//! in its way is gone.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ringfence_platform::api_keys::Program;
use ringfence_platform::audit::acting;
use ringfence_platform::now;
use ringfence_platform::repeats::{Repeatable, Turn};

use super::problem::ApiProblem;
use super::{Api, LONGEST_BODY};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const AGAIN: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Octets of a key.
const LONGEST_KEY: usize = 200;
/// Octets of an answer that is kept.
const LONGEST_ANSWER: usize = 1 << 20;
/// When an account has too many keys: seconds.
const WAIT: u64 = 3_600;
/// Does no harm twice, and its requests name people.
const ERASURES: &str = "/v1/erasures";

pub(super) async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let key = request.headers().get(KEY).cloned();
    let program = request.extensions().get::<Arc<Program>>().cloned();
    let is_other = request.method() != Method::POST || request.uri().path() == ERASURES;
    let (Some(key), Some(program), false) = (key, program, is_other) else {
        return next.run(request).await;
    };
    // Who went away meanwhile asks again: what was begun goes on, and its answer is kept for then.
    let actor = program.actor();
    let work = tokio::spawn(acting(actor, async move {
        carried_out(&api, &program, &key, request, next).await
    }));
    let answer = work.await.unwrap_or_else(|error| {
        let broken = format!("a request under an Idempotency-Key ended early: {error}");
        Err(ApiProblem::Broken(broken))
    });
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn carried_out(
    api: &Api,
    program: &Program,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiProblem> {
    let key = key.to_str().ok().map(str::trim);
    let key = key.filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let key = key.ok_or_else(|| {
        ApiProblem::BadRequest(format!(
            "Idempotency-Key: expected 1 to {LONGEST_KEY} printable characters"
        ))
    })?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| {
        ApiProblem::BadRequest(format!(
            "expected a body of at most {LONGEST_BODY} octets that ends"
        ))
    })?;
    let asked = [parts.uri.to_string().as_bytes(), b"\n", &body].concat();
    let request = Repeatable {
        program,
        key,
        asked: &asked,
    };
    let platform = &api.platform;
    match platform.begin_request(&request, now()).await? {
        Turn::First => {}
        Turn::Again(status, kept) => return Ok(again(status, &kept)),
        Turn::UnderWay => return Err(ApiProblem::UnderWay),
        Turn::Another => return Err(ApiProblem::AnotherRequest),
        Turn::Full => return Err(ApiProblem::TooMany(WAIT)),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LONGEST_ANSWER).await;
    let body = body.map_err(|error| ApiProblem::Broken(error.to_string()))?;
    let tag = parts.headers.get(header::ETAG).map(HeaderValue::as_bytes);
    let kept = [tag.unwrap_or_default(), b"\n", &body].concat();
    let done = parts.status.is_success();
    let done = done.then_some((parts.status.as_u16(), kept.as_slice()));
    // It was done, whether that can be written down or not.
    if let Err(error) = platform.end_request(&request, done).await {
        tracing::error!(%error, "what a request came to could not be kept for its Idempotency-Key");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The answer that was given before: its `ETag` is on the first line.
fn again(status: u16, kept: &[u8]) -> Response {
    let end = kept.iter().position(|octet| *octet == b'\n');
    let (tag, body) = kept.split_at(end.unwrap_or_default());
    let body = body.strip_prefix(b"\n").unwrap_or(body).to_vec();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(AGAIN, HeaderValue::from_static("true"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if let Ok(tag) = HeaderValue::from_bytes(tag)
        && !tag.is_empty()
    {
        headers.insert(header::ETAG, tag);
    }
    response
}
