//! The demo's web sites, each on a port of its own: pages that carry the tag, and the file that proves their owner.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;

const HOME: &str = include_str!("../../demo/landing/index.html");
const BOILERS: &str = include_str!("../../demo/landing/boilers.html");
const STYLE: &str = include_str!("../../demo/landing/style.css");
const LOCK: &str = include_str!("../../demo/stranger/index.html");

/// What the pages carry once it is known.
#[derive(Debug)]
struct Filling {
    tag_origin: String,
    site_key: String,
    challenge: String,
}

type Filled = Arc<OnceLock<Filling>>;

/// A site that is served from the moment it is bound; its pages follow when the server has made their key.
pub struct Site {
    address: SocketAddr,
    filled: Filled,
}

impl Site {
    /// Binds the plumber's site.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let router = Router::new()
            .route("/", shows(HOME))
            .route("/index.html", shows(HOME))
            .route("/boilers.html", shows(BOILERS))
            .route(
                "/style.css",
                get(|| async { ([(header::CONTENT_TYPE, "text/css")], STYLE) }),
            );
        Self::serve(address, router).await
    }

    /// Binds a site on which no number should ever be shown: an inert page that stands for one that locks its visitors.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind_lock_page(address: SocketAddr) -> anyhow::Result<Self> {
        Self::serve(address, Router::new().route("/", shows(LOCK))).await
    }

    async fn serve(address: SocketAddr, pages: Router<Filled>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("serving a demo site on {address}"))?;
        let address = listener
            .local_addr()
            .context("the address of a demo site")?;
        let filled = Filled::default();
        let router = pages
            .route("/.well-known/ringfence.txt", get(proof))
            .with_state(Arc::clone(&filled));
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("a demo site stopped: {error}");
            }
        });
        Ok(Self { address, filled })
    }

    /// The name that the host is proved under.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// Gives the pages what they carry. Only the first call counts.
    pub fn fill(&self, tag_origin: &str, site_key: &str, challenge: &str) {
        let filling = Filling {
            tag_origin: tag_origin.into(),
            site_key: site_key.into(),
            challenge: challenge.into(),
        };
        let _ = self.filled.set(filling);
    }
}

fn shows(template: &'static str) -> MethodRouter<Filled> {
    get(move |State(filled): State<Filled>| async move { page(&filled, template) })
}

fn page(filled: &Filled, template: &str) -> Response {
    let Some(filling) = filled.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the demo is starting").into_response();
    };
    let html = template
        .replace("{{TAG_ORIGIN}}", &filling.tag_origin)
        .replace("{{SITE_KEY}}", &filling.site_key);
    Html(html).into_response()
}

async fn proof(State(filled): State<Filled>) -> Response {
    filled.get().map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |filling| filling.challenge.clone().into_response(),
    )
}
