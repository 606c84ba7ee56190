//! `/tag.js`: the committed bundle with a token put in.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ringfence_platform::visits::TokenRequest;
use ringfence_platform::{Platform, now};
use tower_http::compression::CompressionLayer;

use super::SiteQuery;
use super::asking::{Asking, text};

/// Built from `tag/src` by `npm run build`, and committed so that building the program needs no Node.
const SCRIPT: &str = include_str!("../../../../tag/dist/tag.js");
/// Where the token goes, with its quotes.
const PLACE: &str = "\"__RINGFENCE_TOKEN__\"";

pub(super) fn router() -> Router<Arc<Platform>> {
    Router::new()
        .route("/tag.js", get(script))
        .layer(CompressionLayer::new())
}

/// The token is bound to the page's host, which the `Referer` names, and to the browser's network. A page that sends
/// no `Referer` gets the script without one, and asks `/t/token`.
async fn script(
    State(platform): State<Arc<Platform>>,
    query: Result<Query<SiteQuery>, QueryRejection>,
    request: Request,
) -> Response {
    let referrer = text(request.headers(), &header::REFERER);
    let (asking, _) = Asking::of(request, &platform);
    let site = query.map(|Query(query)| query.site).unwrap_or_default();
    let token = referrer.and_then(|page| {
        let request = TokenRequest {
            site: Some(site.as_str()).filter(|key| !key.is_empty()),
            page: &page,
            user_agent: &asking.user_agent,
            address: asking.address,
        };
        platform.issue_token(&request, now()).ok()
    });
    let filled = with_token(token.as_deref().unwrap_or_default());
    (
        [
            (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
            (header::CACHE_CONTROL, "private, max-age=300"),
            (header::VARY, "Referer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (
                header::HeaderName::from_static("cross-origin-resource-policy"),
                "cross-origin",
            ),
        ],
        filled,
    )
        .into_response()
}

/// Tokens are base64url, so that nothing in them needs escaping.
fn with_token(token: &str) -> String {
    let (before, after) = SCRIPT.split_once(PLACE).unwrap_or((SCRIPT, ""));
    let mut filled = String::with_capacity(SCRIPT.len() + token.len());
    filled.push_str(before);
    filled.push('"');
    filled.push_str(token);
    filled.push('"');
    filled.push_str(after);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundle_has_one_place_for_the_token() {
        assert_eq!(SCRIPT.matches(PLACE).count(), 1);
        assert_eq!(SCRIPT.matches("__RINGFENCE_TOKEN__").count(), 1);
    }

    #[test]
    fn the_token_stands_in_the_script_and_the_rest_is_untouched() {
        let filled = with_token("abc-_123");
        assert!(filled.contains("\"abc-_123\""));
        assert_eq!(filled.replace("\"abc-_123\"", PLACE), SCRIPT);
        assert_eq!(
            with_token("").replace("\"\"", PLACE).len(),
            SCRIPT.replace("\"\"", PLACE).len()
        );
    }
}
