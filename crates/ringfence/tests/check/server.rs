//! A web server on loopback that behaves as badly as it is told, and counts what it was asked for.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt as _;

/// What was asked, and how much went out.
#[derive(Default)]
pub struct Seen {
    pub paths: Mutex<Vec<String>>,
    pub headers: Mutex<Vec<HeaderMap>>,
    pub octets: AtomicUsize,
}

pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            seen,
            _runtime: runtime,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen.paths.lock().unwrap().clone()
    }
}

const LOCK: &str = include_str!("pages/lock.html");
const LOCK_SCRIPT: &str = include_str!("pages/lock.js");
const SPLIT: &str = include_str!("pages/split.html");
const PLUMBER: &str = include_str!("pages/plumber.html");

async fn answer(State(seen): State<Arc<Seen>>, uri: Uri, headers: HeaderMap) -> Response {
    seen.paths.lock().unwrap().push(uri.to_string());
    seen.headers.lock().unwrap().push(headers);
    match uri.path() {
        "/plumber" => html(PLUMBER),
        "/lock" | "/gone/lock" => {
            let status = if uri.path() == "/lock" {
                StatusCode::OK
            } else {
                StatusCode::NOT_FOUND
            };
            (status, html(LOCK)).into_response()
        }
        "/split" => html(SPLIT),
        "/lock.js" => ([(header::CONTENT_TYPE, "text/javascript")], LOCK_SCRIPT).into_response(),
        "/shell" => {
            html(r#"<title>x</title><iframe src="/split" width="100%" height="100%"></iframe>"#)
        }
        "/mirrors" => {
            let query = uri.query().unwrap_or_default();
            html(&format!(
                r#"<iframe src="/mirrors?{query}a"></iframe><iframe src="/mirrors?{query}b"></iframe>"#
            ))
        }
        "/to" => Redirect::temporary(uri.query().unwrap_or("/to")).into_response(),
        "/packed" => gzip(&gz(LOCK.as_bytes())),
        "/bomb" => {
            // Each member unpacks to a megabyte; a hundred thousand of them to 100 GB.
            let member = Bytes::from(gz(&vec![b' '; 1024 * 1024]));
            counted(&seen, "text/html", Some("gzip"), member, 100_000)
        }
        "/endless" => {
            let more = Bytes::from(vec![b'x'; 64 * 1024]);
            counted(&seen, "text/html", None, more, usize::MAX)
        }
        "/drip" => {
            // A page that never ends, but has said what it is.
            let first = futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from(LOCK)) });
            let body = Body::from_stream(first.chain(futures::stream::pending()));
            ([(header::CONTENT_TYPE, "text/html")], body).into_response()
        }
        "/silent" => std::future::pending().await,
        "/many" => html(&scripts("script", 10_000)),
        path if path.starts_with("/script-") => {
            ([(header::CONTENT_TYPE, "text/javascript")], "let a = 1;").into_response()
        }
        path if path.starts_with("/big-") => {
            let more = Bytes::from(vec![b';'; 64 * 1024]);
            counted(&seen, "text/javascript", None, more, usize::MAX)
        }
        "/heavy" => {
            let scripts = scripts("big", 64);
            html(&scripts)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn html(text: &str) -> Response {
    (
        [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
        text.to_owned(),
    )
        .into_response()
}

fn gz(octets: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(octets).unwrap();
    encoder.finish().unwrap()
}

fn gzip(octets: &[u8]) -> Response {
    (
        [
            (header::CONTENT_TYPE, "text/html"),
            (header::CONTENT_ENCODING, "gzip"),
        ],
        octets.to_vec(),
    )
        .into_response()
}

/// A page of scripts and nothing else.
fn scripts(name: &str, count: usize) -> String {
    let mut page = String::from("<!doctype html>");
    for number in 0..count {
        write!(page, "<script src=/{name}-{number}.js></script>").unwrap();
    }
    page
}

fn counted(
    seen: &Arc<Seen>,
    kind: &'static str,
    encoding: Option<&'static str>,
    more: Bytes,
    times: usize,
) -> Response {
    let seen = Arc::clone(seen);
    let parts = futures::stream::repeat(more).take(times).map(move |part| {
        seen.octets.fetch_add(part.len(), Ordering::Relaxed);
        Ok::<_, std::io::Error>(part)
    });
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
    }
    response
}
