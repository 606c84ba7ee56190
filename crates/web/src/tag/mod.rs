//! The tag: `/tag.js` and `/t/`. Under construction.

use std::sync::Arc;

use axum::Router;
use ringfence_platform::Platform;

/// What the tag asks.
pub fn router(platform: Arc<Platform>) -> Router {
    let _ = platform;
    Router::new()
}
