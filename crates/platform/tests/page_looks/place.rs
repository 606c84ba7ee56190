//! A site with numbers on a web server of its own, which shows each visitor what the test wants.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use ringfence_model::{
    Account, CaseEvidence, Duration, HostProof, NumberId, NumberState, Role, Site, Timestamp,
    TrackingNumber, User,
};
use ringfence_outbound::{FetchLimits, Outbound, OutboundPolicy};
use ringfence_platform::fence::{CaseFile, FenceSettings, PageLimits};
use ringfence_platform::visits::{
    FollowUp, NumberAnswer, NumberRequest, OpenPage, PageCalls, Refusal, TokenRequest,
};
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase};
use tempfile::TempDir;

/// Inert: nothing in it is ever called.
pub const LOCK: &str = include_str!("../../../ringfence/tests/check/pages/lock.html");
pub const HONEST: &str = include_str!("../../../ringfence/tests/check/pages/plumber.html");
pub const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
const ADDRESS: &str = "203.0.113.7";

/// A page that only its script could read: a person should look.
pub fn opaque() -> String {
    let blob: String = (0..6_000_u32)
        .map(|n| {
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
                    [((n * n + 7 * n) % 64) as usize],
            )
        })
        .collect();
    format!(
        "<!doctype html><html><body><script>var d=\"{blob}\";\
         document.write(decrypt(atob(d),location.hash.slice(1)));</script></body></html>"
    )
}

type Shows = Box<dyn Fn(&HeaderMap, &Uri) -> Response + Send + Sync>;

struct Pages {
    shows: Mutex<Shows>,
    asked: AtomicUsize,
    last: Mutex<Vec<String>>,
}

pub struct Place {
    pub platform: Arc<Platform>,
    pub account: Account,
    pub site: Site,
    pub origin: String,
    pages: Arc<Pages>,
    _folder: TempDir,
    _database: TestDatabase,
}

/// A page of HTML.
pub fn html(text: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "text/html")], text.into()).into_response()
}

/// Looks that are over soon, and again with every request.
pub fn quick() -> FenceSettings {
    FenceSettings {
        look_again_after: Duration::ZERO,
        limits: PageLimits {
            page: FetchLimits {
                time: Duration::from_millis(700),
                body: 64 * 1024,
                redirects: 3,
            },
            time: Duration::from_secs(1),
            ..PageLimits::SAMPLE
        },
        ..FenceSettings::default()
    }
}

impl Place {
    pub async fn new(engine: Engine, fence: FenceSettings) -> Self {
        Self::within(engine, fence, true).await
    }

    pub async fn within(engine: Engine, fence: FenceSettings, allow_private: bool) -> Self {
        let (folder, database) = (
            tempfile::tempdir().unwrap(),
            engine.database_with_tables().await,
        );
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        let settings = Settings {
            recordings_folder: folder.path().into(),
            record_calls: false,
            public_url: "https://calls.example.com".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_mins(10),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            fence,
        };
        let outbound = Outbound::new(OutboundPolicy {
            allow_private,
            ..OutboundPolicy::default()
        });
        let keys = Keys::from_master(&[7; 32]);
        let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
        let pages = Arc::new(Pages {
            shows: Mutex::new(Box::new(|_, _| html(HONEST))),
            asked: AtomicUsize::new(0),
            last: Mutex::default(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("localhost:{}", listener.local_addr().unwrap().port());
        let router = Router::new().fallback(show).with_state(Arc::clone(&pages));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

        let now = now();
        let account = platform.add_account("A", "GB", "UTC", now).await.unwrap();
        let pool = platform
            .add_pool(account.id, "Web", Duration::from_mins(30), None, now)
            .await
            .unwrap();
        let numbers = (0..9).map(|index| TrackingNumber {
            id: NumberId::new(now, random()),
            account: account.id,
            e164: format!("+44207946000{index}").parse().unwrap(),
            label: String::new(),
            state: NumberState::Assigned,
            pool: Some(pool.id),
            plan: None,
            created_at: now,
        });
        platform.db.add_numbers(numbers.collect()).await.unwrap();
        let site = platform
            .add_site(account.id, "Shop", Vec::new(), Some(pool.id), now)
            .await
            .unwrap();
        let known = platform
            .add_host(account.id, site.id, &host, now)
            .await
            .unwrap();
        let proof = Some((HostProof::File, now));
        let proved = platform.db.set_host_proof(account.id, known.id, proof);
        assert!(proved.await.unwrap());
        platform.tag_facts.changed();
        Self {
            platform,
            account,
            site,
            origin: format!("http://{host}"),
            pages,
            _folder: folder,
            _database: database,
        }
    }

    /// From now on the server shows this.
    pub fn shows(&self, page: impl Fn(&HeaderMap, &Uri) -> Response + Send + Sync + 'static) {
        *self.pages.shows.lock() = Box::new(page);
    }

    pub fn times_asked(&self) -> usize {
        self.pages.asked.load(Ordering::SeqCst)
    }

    /// Paths and queries that were asked for.
    pub fn asked_for(&self) -> Vec<String> {
        self.pages.last.lock().clone()
    }

    pub async fn ask(&self, path: &str) -> Result<NumberAnswer, Refusal> {
        self.ask_as(path, BROWSER, "en-GB", now()).await
    }

    /// A browser asks for a number at this time.
    pub async fn ask_as(
        &self,
        path: &str,
        user_agent: &str,
        language: &str,
        now: Timestamp,
    ) -> Result<NumberAnswer, Refusal> {
        let nothing = PageCalls::default();
        self.ask_after(path, user_agent, language, nothing, now)
            .await
    }

    /// The same of a page whose tag counted this before it asked.
    pub async fn ask_after(
        &self,
        path: &str,
        user_agent: &str,
        language: &str,
        calls: PageCalls,
        now: Timestamp,
    ) -> Result<NumberAnswer, Refusal> {
        let page = format!("{}{path}", self.origin);
        let address: IpAddr = ADDRESS.parse().unwrap();
        let token = TokenRequest {
            site: Some(&self.site.key),
            page: &page,
            user_agent,
            address,
        };
        let token = self.platform.issue_token(&token, now).unwrap();
        let request = NumberRequest {
            origin: Some(&self.origin),
            user_agent,
            address,
            site: &self.site.key,
            token: Some(&token),
            visit: None,
            page: &page,
            referrer: None,
            first_page: None,
            first_referrer: None,
            language: Some(language),
            campaign: None,
            calls,
        };
        self.platform.issue_number(&request, now).await
    }

    pub async fn beat(&self, shown: &NumberAnswer) -> Result<(), Refusal> {
        self.beat_telling(shown, &OpenPage::default()).await
    }

    /// A page that is open at this path gives a sign of life, with what its tag counted.
    pub async fn beat_from(
        &self,
        shown: &NumberAnswer,
        path: &str,
        calls: PageCalls,
    ) -> Result<(), Refusal> {
        let page = format!("{}{path}", self.origin);
        let open = OpenPage {
            page: Some(&page),
            calls,
            ..OpenPage::default()
        };
        self.beat_telling(shown, &open).await
    }

    async fn beat_telling(&self, shown: &NumberAnswer, open: &OpenPage<'_>) -> Result<(), Refusal> {
        let request = FollowUp {
            origin: Some(&self.origin),
            user_agent: BROWSER,
            address: ADDRESS.parse().unwrap(),
            language: Some("en-GB"),
            site: &self.site.key,
            visit: Some(&shown.visit),
            lease: Some(shown.lease),
        };
        self.platform.beat(&request, open, now()).await.map(drop)
    }

    /// The visit's next page asks for its number.
    pub async fn ask_again(
        &self,
        shown: &NumberAnswer,
        path: &str,
    ) -> Result<NumberAnswer, Refusal> {
        let request = NumberRequest {
            origin: Some(&self.origin),
            user_agent: BROWSER,
            address: ADDRESS.parse().unwrap(),
            site: &self.site.key,
            token: None,
            visit: Some(&shown.visit),
            page: &format!("{}{path}", self.origin),
            referrer: None,
            first_page: None,
            first_referrer: None,
            language: Some("en-GB"),
            campaign: None,
            calls: PageCalls::default(),
        };
        self.platform.issue_number(&request, now()).await
    }

    /// The only case, with its evidence.
    pub async fn case(&self) -> CaseFile {
        let cases = self.platform.db.cases(10).await.unwrap();
        let ours: Vec<_> = cases
            .iter()
            .filter(|case| case.account == self.account.id)
            .collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        let file = self.platform.case_file(ours[0].id).await.unwrap();
        file.unwrap()
    }

    pub async fn assert_no_case(&self) {
        let cases = self.platform.db.cases(10).await.unwrap();
        let ours = cases.iter().filter(|case| case.account == self.account.id);
        assert_eq!(ours.count(), 0, "{cases:?}");
    }

    pub async fn operator(&self, email: &str) -> User {
        let platform = &self.platform;
        let user = platform
            .add_user(
                self.account.id,
                email,
                "Op",
                Role::Agent,
                "correct horse",
                now(),
            )
            .await
            .unwrap();
        let added = platform.db.add_operator(user.account, user.id, now());
        added.await.unwrap();
        user
    }

    /// What is known of the page, and the last look at it.
    pub async fn last_look(&self, path: &str) -> ringfence_model::PageLook {
        let page = format!("{}{path}", self.origin);
        let looks = self
            .platform
            .db
            .page_looks(self.account.id, self.site.id, &page, 1);
        looks.await.unwrap().remove(0)
    }
}

/// The words of a case's signals.
pub fn kinds(piece: &CaseEvidence) -> Vec<&str> {
    piece.signals.iter().map(|s| s.kind.as_str()).collect()
}

async fn show(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    pages.asked.fetch_add(1, Ordering::SeqCst);
    let uri = request.uri().clone();
    pages.last.lock().push(uri.to_string());
    if uri.path().ends_with("/hangs") {
        std::future::pending::<()>().await;
    }
    let shows = pages.shows.lock();
    shows(request.headers(), &uri)
}
