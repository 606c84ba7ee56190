//! What every answer carries and every changing request must show, whatever the page.

use axum::extract::{FromRequestParts as _, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use ringfence_model::Right;
use ringfence_platform::accounts::Viewer;
use ringfence_platform::audit::acting;

use super::App;
use super::page::Problem;
use super::session::{Reader, wants_page};
use crate::access::{self, Door};

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
            match admitted(&app, request).await {
                Ok(request) => match request.extensions().get::<Viewer>() {
                    Some(viewer) => acting(viewer.actor(), next.run(request)).await,
                    None => next.run(request).await,
                },
                Err(refused) => refused,
            }
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

/// Lets a request through to its page, with who asks, as the table of doors has it.
async fn admitted(app: &App, request: Request) -> Result<Request, Response> {
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        // No page is there, and the answer says no more than that.
        return Ok(request);
    };
    let door = access::door(request.method(), path.as_str());
    if door == Some(Door::Anybody) {
        return Ok(request);
    }
    let path = path.clone();
    let (mut parts, body) = request.into_parts();
    let viewer = Reader::from_request_parts(&mut parts, app).await?.viewer;
    if viewer.owes_second_factor && !access::is_open_without_second_factor(path.as_str()) {
        metrics::counter!("ringfence_dashboard_refused_total", "reason" => "second_factor")
            .increment(1);
        return Err(if wants_page(&parts) {
            Redirect::to("/you/second-factor").into_response()
        } else {
            Problem::SecondFactorFirst.into_response()
        });
    }
    let problem = match door {
        Some(Door::Anybody | Door::Somebody) => None,
        Some(Door::Needs(right)) => (!viewer.may(right)).then(|| refusal(&viewer, right)),
        Some(Door::Operators) => (!viewer.operator).then_some(Problem::NotFound),
        None => (!viewer.may(Right::ManagePeople)).then_some(Problem::NotForYou),
    };
    if let Some(problem) = problem {
        metrics::counter!("ringfence_dashboard_refused_total", "reason" => "role").increment(1);
        return Err(problem.into_response());
    }
    parts.extensions.insert(viewer);
    Ok(Request::from_parts(parts, body))
}

const fn refusal(viewer: &Viewer, right: Right) -> Problem {
    if viewer.frozen && viewer.user.role.may(right) {
        Problem::Frozen
    } else if right.changes() {
        Problem::MayNotChange
    } else {
        Problem::NotForYou
    }
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
