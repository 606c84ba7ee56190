//! What machines ask: `/healthz`, `/readyz` and `/metrics`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ringfence_platform::Platform;

use crate::RenderMetrics;

#[derive(Clone)]
struct Watch {
    platform: Arc<Platform>,
    metrics: RenderMetrics,
}

pub(crate) fn router(platform: Arc<Platform>, metrics: RenderMetrics) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .with_state(Watch { platform, metrics })
}

/// Ready means that rows can be read: without them no call is taken and no number is shown.
async fn ready(State(watch): State<Watch>) -> Response {
    match watch.platform.db.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
                .into_response()
        }
    }
}

/// For this machine and private networks only, and never through a proxy: counts are nobody else's business.
async fn show_metrics(State(watch): State<Watch>, request: Request) -> Response {
    let near = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .is_some_and(|ConnectInfo(peer)| is_near(peer.ip().to_canonical()));
    if !near || request.headers().contains_key("x-forwarded-for") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let text = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (text, (watch.metrics)()).into_response()
}

fn is_near(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        std::net::IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
