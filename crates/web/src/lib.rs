//! HTTP: the tag's number requests, the dashboard, the API, and what machines ask (health, readiness, metrics).
//!
//! Speaks to `platform` only; no SQL, no decisions.

pub mod access;
mod api;
mod call_table;
mod dashboard;
mod sound;
pub mod tag;
mod watch;

pub use api::document as api_document;
pub use dashboard::report_mail::report_mail;

use std::sync::Arc;

use axum::Router;
use ringfence_platform::Platform;
use tower_http::catch_panic::CatchPanicLayer;

/// Renders the process's metrics in the Prometheus text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Everything that the HTTP port answers. Serve it with
/// [`Router::into_make_service_with_connect_info`]`::<SocketAddr>()`, so that addresses of browsers are known.
pub fn router(platform: Arc<Platform>, metrics: RenderMetrics) -> Router {
    Router::new()
        .merge(tag::router(Arc::clone(&platform)))
        .merge(watch::router(Arc::clone(&platform), metrics))
        .merge(api::router(Arc::clone(&platform)))
        .merge(dashboard::router(platform))
        .layer(CatchPanicLayer::new())
}
