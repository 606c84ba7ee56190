//! Before anything is answered: whose key it is, whether it may, and whether it is not too often.

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use ringfence_model::{ApiKeyId, Right};
use ringfence_platform::api_keys::Program;
use ringfence_platform::audit::acting;
use ringfence_platform::now;

use super::Api;
use super::NOTHING;
use super::problem::ApiProblem;
use crate::access::{self, Door};

/// Requests a minute of one key that may go on for ever.
const PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).expect("not zero");
/// Requests that may come at once after a quiet time.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// How often each key may ask. Only keys that exist are counted, so there are no more of them than rows.
pub(super) struct Limits {
    of_keys: RateLimiter<
        ApiKeyId,
        DashMapStateStore<ApiKeyId>,
        DefaultClock,
        StateInformationMiddleware,
    >,
}

impl Limits {
    pub(super) fn new() -> Self {
        let quota = Quota::per_minute(PER_MINUTE).allow_burst(AT_ONCE);
        Self {
            of_keys: RateLimiter::dashmap(quota).with_middleware(),
        }
    }

    /// How many requests may follow at once.
    fn pass(&self, key: ApiKeyId) -> Result<u32, ApiProblem> {
        match self.of_keys.check_key(&key) {
            Ok(snapshot) => Ok(snapshot.remaining_burst_capacity()),
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                Err(ApiProblem::TooMany(wait.as_secs() + 1))
            }
        }
    }
}

pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let key = bearer(request.headers()).map(str::to_owned);
    let needed = needed(request.method(), request.extensions().get());
    let program = match admitted(&api, key, needed).await {
        Ok(program) => program,
        Err(problem) => return problem.into_response(),
    };
    let remaining = match api.limits.pass(program.key.id) {
        Ok(remaining) => remaining,
        Err(problem) => return limited(problem.into_response(), 0),
    };
    metrics::counter!("ringfence_api_requests_total").increment(1);
    let actor = program.actor();
    request.extensions_mut().insert(Arc::new(program));
    limited(acting(actor, next.run(request)).await, remaining)
}

/// What the key has to open. What has no row needs the most that keys open; where nothing is, any key is told so.
fn needed(method: &Method, path: Option<&MatchedPath>) -> Option<Right> {
    let path = path.map(MatchedPath::as_str)?;
    match access::door(method, path) {
        Some(Door::Needs(right)) => Some(right),
        Some(Door::Anybody | Door::Somebody) => None,
        None if path == NOTHING => None,
        None | Some(Door::Operators) => Some(Right::Change),
    }
}

async fn admitted(
    api: &Api,
    key: Option<String>,
    needed: Option<Right>,
) -> Result<Program, ApiProblem> {
    let key = key.ok_or(ApiProblem::NoKey)?;
    let program = api.platform.program(&key, now()).await?;
    let program = program.ok_or(ApiProblem::NoKey)?;
    let Some(right) = needed else {
        return Ok(program);
    };
    if !program.key.scope.may(right) {
        Err(ApiProblem::MayNotChange)
    } else if program.frozen && right.is_frozen() {
        Err(ApiProblem::Frozen)
    } else {
        Ok(program)
    }
}

/// The scheme's name is compared in whatever case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// `RateLimit` and `RateLimit-Policy` as the IETF's draft of that name has them.
fn limited(mut response: Response, remaining: u32) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        HeaderName::from_static("ratelimit-policy"),
        HeaderValue::from_static("\"key\";q=600;w=60"),
    );
    if let Ok(value) = HeaderValue::try_from(format!("\"key\";r={remaining}")) {
        headers.insert(HeaderName::from_static("ratelimit"), value);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    response
}

/// The program that asks.
pub(super) struct Asker(pub(super) Arc<Program>);

impl FromRequestParts<Api> for Asker {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, ApiProblem> {
        let program = parts.extensions.get::<Arc<Program>>();
        program.cloned().map(Self).ok_or(ApiProblem::NoKey)
    }
}
