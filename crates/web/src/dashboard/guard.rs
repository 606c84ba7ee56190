//! What every answer carries and every changing request must show, whatever the page.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::page::Problem;

/// Scripts, styles, sounds and connections come from this server alone; nothing is inline; nobody frames it.
const POLICY: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

pub(super) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response =
        if changes && is_foreign(request.headers(), &app.platform.settings.public_url) {
            metrics::counter!("ringfence_dashboard_refused_total", "reason" => "foreign_origin")
                .increment(1);
            Problem::ForeignForm.into_response()
        } else {
            next.run(request).await
        };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    if app.platform.settings.public_url.starts_with("https:") {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    // Pages hold personal data: no cache on the way keeps them. Assets say otherwise themselves.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-store"));
    response
}

/// A browser says where a form was sent from. It must be this server, under the name the browser used or its public one.
fn is_foreign(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if matches!(text("sec-fetch-site"), Some("cross-site" | "same-site")) {
        return true;
    }
    let Some(origin) = text("origin") else {
        return false;
    };
    let host = text("host").unwrap_or("");
    let own = origin
        .split_once("://")
        .is_some_and(|(_, authority)| authority == host);
    !own && origin != public_url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_form_of_another_site_is_foreign() {
        let own = "https://calls.example.com";
        for (foreign, pairs) in [
            (
                false,
                headers(&[
                    ("host", "localhost:8080"),
                    ("origin", "http://localhost:8080"),
                ]),
            ),
            (
                false,
                headers(&[("host", "inner"), ("origin", "https://calls.example.com")]),
            ),
            (false, headers(&[("host", "localhost:8080")])),
            (
                true,
                headers(&[
                    ("host", "localhost:8080"),
                    ("origin", "https://evil.example.com"),
                ]),
            ),
            (
                true,
                headers(&[("host", "localhost:8080"), ("origin", "null")]),
            ),
            (
                true,
                headers(&[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")]),
            ),
        ] {
            assert_eq!(is_foreign(&pairs, own), foreign, "{pairs:?}");
        }
    }
}
