//! A server with one site, the site's own web server with the file that proves it, and a browser.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "each test uses a part of it, and a place that cannot be made ends the test"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::routing::get;
use reqwest::header::HeaderMap;
use ringfence_model::{
    Account, Duration, Host, NumberId, NumberState, Pool, Role, Site, TrackingNumber, User,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

/// How a place is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub numbers: usize,
    pub overflow: bool,
    pub requests_per_minute: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            numbers: 5,
            overflow: true,
            requests_per_minute: 0,
        }
    }
}

/// A running server. Dropping it stops it and removes its files.
pub struct Place {
    pub platform: Arc<Platform>,
    pub address: SocketAddr,
    pub account: Account,
    pub pool: Pool,
    pub numbers: Vec<TrackingNumber>,
    pub site: Site,
    pub host: Host,
    /// `http://localhost:PORT` of the site.
    pub origin: String,
    client: reqwest::Client,
    folder: TempDir,
    database: TestDatabase,
    server: JoinHandle<()>,
    pages: JoinHandle<()>,
    layout: Layout,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.server.abort();
        self.pages.abort();
    }
}

impl Place {
    pub async fn new(engine: Engine) -> Self {
        Self::laid_out(engine, Layout::default()).await
    }

    pub async fn laid_out(engine: Engine, layout: Layout) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let platform = start(database.url(), folder.path().to_path_buf(), layout).await;
        let (address, server) = serve(&platform).await;
        let now = now();
        let account = platform
            .add_account("Harbour Dental", "GB", "Europe/London", now)
            .await
            .unwrap();
        let hold = Duration::from_mins(30);
        let pool = platform
            .add_pool(account.id, "Visitors", hold, None, now)
            .await
            .unwrap();
        let numbers: Vec<TrackingNumber> = (0..=layout.numbers)
            .map(|index| TrackingNumber {
                id: NumberId::new(now, random()),
                account: account.id,
                e164: format!("+4420794600{index:02}").parse().unwrap(),
                label: String::new(),
                state: NumberState::Assigned,
                pool: (index < layout.numbers).then_some(pool.id),
                plan: None,
                created_at: now,
            })
            .collect();
        platform.db.add_numbers(numbers.clone()).await.unwrap();
        let overflow = layout
            .overflow
            .then(|| numbers.last().map(|number| number.id))
            .flatten();
        let pool = Pool { overflow, ..pool };
        platform.db.update_pool(&pool).await.unwrap();
        let swap = vec!["020 7946 0999".to_string()];
        let site = platform
            .add_site(account.id, "Main site", swap, Some(pool.id), now)
            .await
            .unwrap();
        let challenge = Arc::new(OnceLock::new());
        let (page, pages) = pages(Arc::clone(&challenge)).await;
        let host = platform
            .add_host(
                account.id,
                site.id,
                &format!("localhost:{}", page.port()),
                now,
            )
            .await
            .unwrap();
        challenge.set(host.challenge.clone()).unwrap();
        platform.prove_host(account.id, host.id, now).await.unwrap();
        Self {
            origin: format!("http://{}", host.name),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            platform,
            address,
            account,
            pool,
            numbers,
            site,
            host,
            folder,
            database,
            server,
            pages,
            layout,
        }
    }

    /// Ends the server as a crash would, and starts another over the same rows.
    pub async fn restart(&mut self) {
        self.server.abort();
        self.platform.db.close().await;
        let folder = self.folder.path().to_path_buf();
        self.platform = start(self.database.url(), folder, self.layout).await;
        (self.address, self.server) = serve(&self.platform).await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The page's URL with a query.
    pub fn page(&self, query: &str) -> String {
        format!("{}/offers{query}", self.origin)
    }

    pub fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client
            .get(self.url(path))
            .header("User-Agent", BROWSER)
    }

    pub fn options(&self, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(reqwest::Method::OPTIONS, self.url(path))
    }

    pub fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.client
            .post(self.url(path))
            .header("User-Agent", BROWSER)
            .header("Content-Type", "text/plain;charset=UTF-8")
            .body(body)
    }

    /// The token of a script that is fetched for this page.
    pub async fn token(&self, page: &str) -> String {
        let script = self
            .get(&format!("/tag.js?site={}", self.site.key))
            .header("Referer", page)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        token_in(&script)
    }

    pub fn body(&self, token: &str) -> Value {
        json!({
            "site": self.site.key, "token": token, "page": self.page(""), "referrer": "",
            "language": "en-GB", "campaign": null, "tags": {},
        })
    }

    /// Asks for a number as a page of this origin does.
    pub async fn ask(&self, origin: Option<&str>, body: &Value) -> Answer {
        let request = self.post("/t/number", body.to_string());
        let request = match origin {
            Some(origin) => request.header("Origin", origin),
            None => request,
        };
        Answer::of(request).await
    }

    /// Asks for a number as an ordinary new visit does.
    pub async fn visit(&self) -> Answer {
        let token = self.token(&self.page("")).await;
        self.ask(Some(&self.origin), &self.body(&token)).await
    }

    /// How many numbers of the pool are leased.
    pub async fn leased(&self) -> usize {
        let live = &self.platform.live;
        let occupancy = live.occupancy(self.account.id, self.pool.id, now());
        occupancy.await.unwrap().0
    }

    /// A user who runs the platform.
    pub async fn operator(&self, email: &str) -> User {
        let account = self.account.id;
        let user = self
            .platform
            .add_user(account, email, "Op", Role::Agent, "correct horse", now())
            .await
            .unwrap();
        self.platform
            .db
            .add_operator(user.account, user.id, now())
            .await
            .unwrap();
        user
    }
}

/// The text between the quotes of the one place where the token stands.
pub fn token_in(script: &str) -> String {
    token_in_script(include_str!("../../../../tag/dist/tag.js"), script)
}

/// The same of another script than the tag.
pub fn token_in_script(bundle: &str, script: &str) -> String {
    let (before, after) = bundle.split_once("\"__RINGFENCE_TOKEN__\"").unwrap();
    let token = script
        .strip_prefix(before)
        .unwrap()
        .strip_suffix(after)
        .unwrap();
    token.trim_matches('"').to_string()
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            body,
        }
    }

    pub fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or_default()
    }

    pub fn e164(&self) -> &str {
        self.body["number"]["e164"].as_str().unwrap_or_default()
    }

    pub fn credential(&self) -> &str {
        self.body["visit"].as_str().unwrap_or_default()
    }

    pub fn allowed_origin(&self) -> Option<&str> {
        let value = self.headers.get("access-control-allow-origin")?;
        value.to_str().ok()
    }

    /// No number, with a reason and a status; the body is a problem document.
    pub fn assert_refused(&self, status: u16, reason: &str) {
        assert_eq!((self.status, self.reason()), (status, reason), "{self:?}");
        assert_eq!(self.body["number"], Value::Null);
        assert!(
            self.body["detail"]
                .as_str()
                .is_some_and(|text| text.len() > 20)
        );
        if status >= 400 {
            assert_eq!(self.headers["content-type"], "application/problem+json");
        }
    }
}

async fn start(url: &str, folder: PathBuf, layout: Layout) -> Arc<Platform> {
    let db = Db::open(url).await.unwrap();
    db.migrate().await.unwrap();
    let settings = Settings {
        recordings_folder: folder.join("recordings"),
        record_calls: false,
        public_url: "http://localhost".into(),
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        number_requests_per_minute: layout.requests_per_minute,
        late_call_window: Duration::from_mins(10),
        carriers: ringfence_platform::carriers::CarrierUrls::default(),
        conversions: ringfence_platform::conversions::ConversionUrls::default(),
        mail: None,
        fence: ringfence_platform::fence::FenceSettings::default(),
    };
    let outbound = Outbound::new(OutboundPolicy {
        allow_private: true,
        ..OutboundPolicy::default()
    });
    Platform::start(db, outbound, settings, Keys::from_master(&[7; 32]))
        .await
        .unwrap()
}

async fn serve(platform: &Arc<Platform>) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = ringfence_web::tag::router(Arc::clone(platform));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (address, server)
}

async fn pages(challenge: Arc<OnceLock<String>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proof = move || async move { challenge.get().cloned().unwrap_or_default() };
    // Whatever its path, a page that is looked at before it is shown a number.
    let page =
        || async { axum::response::Html("<!doctype html><title>Dentist</title><p>Open daily") };
    let router = Router::new()
        .route("/.well-known/ringfence.txt", get(proof))
        .fallback(get(page));
    let pages = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, pages)
}
