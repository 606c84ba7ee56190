//! For pages that were written for Retreaver: the script under the path that they load, and `/api/v1/numbers`.
//!
//! The script is ours and carries a token as `/tag.js` does, so the fence stands whole. Whoever asks without it, be it the
//! vendor's own client or a server, gets no number and a reason ([decision 26](../../../../docs/decisions/0026-moved-pages.md)).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringfence_model::{Timestamp, VisitEventKind};
use ringfence_platform::visits::{NumberAnswer, NumberRequest, Refusal, TokenRequest, Told};
use ringfence_platform::{Platform, now};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Answered, Refused};
use super::asking::Asking;
use super::body::{self, Calls, First};

/// Letters of a callback's name.
const CALLBACK_MAX: usize = 64;

pub(super) fn router() -> Router<Arc<Platform>> {
    let preflight = answer::preflight;
    Router::new()
        .route("/api/v1/token", get(token).options(preflight))
        .route(
            "/api/v1/numbers",
            post(number).get(jsonp).options(preflight),
        )
        .route(
            "/api/v1/numbers/initiate_call",
            any(call_back).options(preflight),
        )
        .route(
            "/api/v1/numbers/{*call}",
            any(without_script).options(preflight),
        )
}

#[derive(Debug, Default, Deserialize)]
struct KeyQuery {
    #[serde(default)]
    campaign_key: String,
    callback: Option<String>,
}

type Asked = Result<Query<KeyQuery>, QueryRejection>;

fn asked(query: Asked) -> KeyQuery {
    query.map(|Query(query)| query).unwrap_or_default()
}

/// What our script sends, and what the vendor's does: that has no proof, and is only read to know whose it is.
#[derive(Debug, Deserialize)]
struct MovedBody {
    token: Option<String>,
    visit: Option<String>,
    page: Option<String>,
    referrer: Option<String>,
    first: Option<First>,
    language: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, Value>,
    #[serde(default)]
    calls: Calls,
    /// The vendor's page URL, in base64.
    u: Option<String>,
}

impl MovedBody {
    fn page(&self) -> String {
        let encoded = || {
            let octets = STANDARD.decode(self.u.as_ref()?).ok()?;
            String::from_utf8(octets).ok()
        };
        self.page.clone().or_else(encoded).unwrap_or_default()
    }
}

/// A fresh token, for a page whose script came without one or from a cache.
async fn token(State(platform): State<Arc<Platform>>, query: Asked, request: Request) -> Response {
    let now = now();
    let (asking, _) = Asking::of(request, &platform);
    let query = asked(query);
    let answered = async {
        let origin = asking.origin.as_deref();
        let wanted = platform.asked_for(&query.campaign_key, origin, now).await?;
        platform
            .check_origin(&wanted.site, origin, asking.address, now)
            .await?;
        let request = TokenRequest {
            site: Some(&wanted.site),
            page: origin.ok_or(Refusal::OriginMissing)?,
            user_agent: &asking.user_agent,
            address: asking.address,
        };
        let token = platform.issue_token(&request, now)?;
        Ok(Answered::Json(json!({ "token": token })))
    };
    answer::finish(&platform, &asking, answered.await, now).await
}

/// A number for a visit, in the vendor's form.
async fn number(State(platform): State<Arc<Platform>>, query: Asked, request: Request) -> Response {
    let now = now();
    let (asking, body) = Asking::of(request, &platform);
    let query = asked(query);
    let answered = answered(&platform, &asking, &query.campaign_key, body, now).await;
    answer::finish(&platform, &asking, answered, now).await
}

async fn answered(
    platform: &Platform,
    asking: &Asking,
    campaign_key: &str,
    body: Body,
    now: Timestamp,
) -> Result<Answered, Refused> {
    let mut body: MovedBody = body::read(platform, asking, body).await?;
    let origin = asking.origin.as_deref();
    let wanted = platform.asked_for(campaign_key, origin, now).await?;
    let number = platform
        .issue_number(
            &NumberRequest {
                origin,
                user_agent: &asking.user_agent,
                address: asking.address,
                site: &wanted.site,
                token: body.token.as_deref(),
                visit: body.visit.as_deref(),
                page: &body.page(),
                referrer: body.referrer.as_deref(),
                first_page: body.first.as_ref().map(|first| first.page.as_str()),
                first_referrer: body
                    .first
                    .as_ref()
                    .and_then(|first| first.referrer.as_deref()),
                language: body.language.as_deref(),
                campaign: wanted.campaign.as_deref(),
                calls: body.calls.of_page(),
            },
            now,
        )
        .await?;
    let tags = std::mem::take(&mut body.tags);
    let document = document(&number, campaign_key, &wanted.site, &tags);
    if !tags.is_empty() {
        let follow_up = asking.follow_up(&wanted.site, Some(&number.visit));
        let told = Told {
            kind: VisitEventKind::Tag,
            name: None,
            data: tags,
        };
        // The number is there already: what is wrong with its tags is counted, and keeps nobody waiting for it.
        let _ = platform.keep_told(&follow_up, told, now).await;
    }
    Ok(Answered::Json(document))
}

fn document(
    answer: &NumberAnswer,
    campaign_key: &str,
    site: &str,
    tags: &BTreeMap<String, Value>,
) -> Value {
    let number = &answer.number;
    let plain: String = number
        .national
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    json!({
        "number": {
            "id": answer.lease.to_string(),
            "campaign_key": campaign_key,
            "number": number.e164.as_str(),
            "formatted_number": number.national,
            "plain_number": plain,
            "extension": "",
            "number_extension": plain,
            "target_open": true,
            "is_per_visitor": true,
            "tag_values": tags,
            "international": number.international,
            "expires": answer.expires_at.to_string(),
        },
        "visit": answer.visit,
        "site": site,
        "swap": answer.swap.as_ref(),
        "beat": answer.beat.as_secs(),
    })
}

/// Asked by a script element, which sends no `Origin` and can carry no proof: the page is told why there is no number. The
/// callback's name goes into a script of ours, so it is a plain identifier or nothing.
async fn jsonp(State(platform): State<Arc<Platform>>, query: Asked) -> Response {
    let Some(callback) = asked(query).callback.filter(|name| is_identifier(name)) else {
        platform.count_refusal(None, Refusal::BodyMalformed);
        let said = "expected a POST of our script, or a callback whose name is one identifier";
        return (StatusCode::BAD_REQUEST, plain(), said).into_response();
    };
    platform.count_refusal(None, Refusal::TokenMissing);
    let refusal = Refusal::TokenMissing;
    let said = json!({"error": refusal.to_string(), "reason": refusal.as_str()});
    let script = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (script, format!("/**/{callback}({said});")).into_response()
}

const fn plain() -> [(header::HeaderName, &'static str); 2] {
    [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

fn is_identifier(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$');
    name.len() <= CALLBACK_MAX
        && name.bytes().all(inner)
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// A page asks that this server ring somebody. It never does.
async fn call_back(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    refuse(&platform, request, Refusal::CallBack).await
}

/// What the vendor's client says of a number. None was given to it, and our script says it under `/t/`.
async fn without_script(State(platform): State<Arc<Platform>>, request: Request) -> Response {
    refuse(&platform, request, Refusal::TokenMissing).await
}

async fn refuse(platform: &Platform, request: Request, refusal: Refusal) -> Response {
    let (asking, _) = Asking::of(request, platform);
    platform.count_refusal(None, refusal);
    answer::finish(platform, &asking, Err(refusal.into()), now()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_one_identifier_and_nothing_else() {
        for name in ["callback", "_jqjsp", "$1", &"a".repeat(64)] {
            assert!(is_identifier(name), "{name}");
        }
        for name in [
            "",
            "1a",
            "a.b",
            "a()",
            "alert(1)//",
            "a\u{2028}",
            "a b",
            "a[0]",
            "ä",
            "a;b",
            "a<b",
            &"a".repeat(65),
        ] {
            assert!(!is_identifier(name), "{name}");
        }
    }
}
