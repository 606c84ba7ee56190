//! A business as its owner sets it up: the built program, an arrangement, a proved page, and visits that were shown numbers.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE, USER_AGENT};
use ringfence_media::{g711::Law, tone::Tone};
use ringfence_model::{AccountId, Call, E164, LeaseId, VisitId};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::baresip::{Baresip, free_ports};
use ringfence_testing::{TestDatabase, sipp::Sipp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::support::{Server, World, run};
use crate::told::Told;

/// Every caller's number.
pub const CALLER: &str = "+441632960001";
/// The caller plays this tone, the callee [`CALLEE_TONE`].
pub const CALLER_TONE: u32 = 440;
pub const CALLEE_TONE: u32 = 880;

/// What visits are shown once each line's number is.
pub const OVERFLOW: &str = "+442079460999";

/// How long rows may take to come; they take a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";

pub struct Office {
    pub world: World,
    pub db: Db,
    pub account: AccountId,
    /// Who was shown which number.
    pub shown: HashMap<String, Shown>,
    browser: Browser,
    site_key: String,
    server: Server,
    pages: JoinHandle<()>,
    tones: TempDir,
}

/// A visit that was shown a number.
#[derive(Debug)]
pub struct Shown {
    pub visit: VisitId,
    lease: LeaseId,
    pub source: String,
}

/// What a line is to have.
#[derive(Debug, Clone, Copy)]
pub struct LineWish {
    /// Targets that are rung in order.
    pub targets: usize,
    pub ring_seconds: u16,
    /// The number is shown to a visit before the first call.
    pub leased: bool,
}

/// A number, and where the telephones are that it rings in order.
pub struct Line {
    pub office: Arc<Office>,
    pub number: E164,
    pub targets: Vec<SocketAddr>,
}

impl Office {
    /// A running server on this database, and a line for each wish.
    pub async fn open(database: TestDatabase, wishes: &[LineWish]) -> (Arc<Self>, Vec<Line>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut world = World::new(database);
        world.more = "[outbound]\nallow_private = true\n".into();
        let (challenge, page, pages) = pages().await;
        let lines: Vec<(E164, Vec<SocketAddr>)> = (0..)
            .zip(wishes)
            .map(|(index, wish)| {
                let number: E164 = format!("+442079460{:03}", 100 + index).parse().unwrap();
                (number, (0..wish.targets).map(|_| free_ports()).collect())
            })
            .collect();

        let password = world.done(&["user", "add", "--email", "owner@example.com"]);
        let (_, password) = password.split_once("password: ").unwrap();
        let file = world.folder.path().join("arrangement.toml");
        std::fs::write(&file, arrangement(wishes, &lines, page)).unwrap();
        let made = world.done(&["apply", file.to_str().unwrap()]);
        let (_, key) = made.split_once("data-site=\"").unwrap();
        let (key, _) = key.split_once('"').unwrap();

        let db = world.db().await;
        let site = db.site_by_key(key).await.unwrap().unwrap();
        let host = db.hosts(site.account, site.id).await.unwrap().remove(0);
        challenge.set(host.challenge.clone()).unwrap();
        let server = world.serve();
        let browser = Browser::new(&world, page);
        browser
            .prove(
                password.trim(),
                &format!("/sites/{}/hosts/{}/check", site.id, host.id),
            )
            .await;
        let mut shown = HashMap::new();
        for index in 0..wishes.iter().filter(|wish| wish.leased).count() {
            let source = format!("leaflet-{index}");
            let (_, answer) = browser.ask(key, &source).await;
            let text = |name: &str| answer["number"][name].as_str().unwrap_or_default();
            let number = text("e164").to_owned();
            assert!(!number.is_empty(), "no number is shown: {answer}");
            let lease: LeaseId = text("lease").parse().unwrap();
            let row = db.lease(site.account, lease).await.unwrap();
            let visit = row
                .expect("a number is shown when its lease is durable")
                .visit;
            shown.insert(
                number,
                Shown {
                    visit,
                    lease,
                    source,
                },
            );
        }

        let tones = tempfile::tempdir().unwrap();
        for hz in [CALLER_TONE, CALLEE_TONE] {
            let mut octets = Vec::new();
            let second: Vec<i16> = Tone::new(8_000, hz.into(), 0.4).take(8_000).collect();
            Law::A.encode(&second, &mut octets);
            std::fs::write(tone_file(tones.path(), hz), octets).unwrap();
        }
        let office = Arc::new(Self {
            world,
            db,
            account: site.account,
            shown,
            browser,
            site_key: key.to_owned(),
            server,
            pages,
            tones,
        });
        let lines = lines
            .into_iter()
            .map(|(number, targets)| Line {
                office: Arc::clone(&office),
                number,
                targets,
            })
            .collect();
        (office, lines)
    }

    /// A visitor asks for a number: the status, and the answer.
    pub async fn ask(&self, source: &str) -> (u16, Value) {
        self.browser.ask(&self.site_key, source).await
    }

    /// What `/readyz` says.
    pub async fn readiness(&self) -> u16 {
        let asked = self
            .browser
            .client
            .get(format!("{}/readyz", self.browser.server));
        asked.send().await.unwrap().status().as_u16()
    }

    /// Every number that was shown before is still leased to the visit that saw it.
    pub async fn nothing_shown_is_lost(&self) {
        for shown in self.shown.values() {
            let lease = self.db.lease(self.account, shown.lease).await.unwrap();
            assert_eq!(
                lease.map(|lease| lease.visit),
                Some(shown.visit),
                "{shown:?}"
            );
            assert!(
                self.db
                    .visit(self.account, shown.visit)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
    }

    /// What the server has said.
    pub fn said(&self) -> String {
        self.world.said()
    }

    /// Stops the server as an operator does.
    pub async fn close(self) {
        self.pages.abort();
        self.db.close().await;
        assert!(self.server.stop().success(), "{}", self.world.said());
    }
}

impl Line {
    /// The SIP URI that callers dial.
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.number, self.office.world.sip)
    }

    /// baresip as a caller.
    pub async fn baresip_caller(&self) -> Baresip {
        Baresip::start(free_ports(), CALLER, CALLER_TONE).await
    }

    /// baresip as the target at this place.
    pub async fn baresip_target(&self, place: usize) -> Baresip {
        Baresip::start(self.targets[place], "target", CALLEE_TONE).await
    }

    /// SIPp as a caller, with one of this test's scenarios.
    pub fn sipp_caller(&self, scenario: &str) -> Sipp {
        self.sipp(&here(scenario), CALLER_TONE)
            .remote(self.office.world.sip, self.number.as_str())
    }

    /// SIPp as the target at this place, with one of this test's scenarios.
    pub fn sipp_target(&self, place: usize, scenario: &str) -> Sipp {
        let target = self.targets[place];
        self.sipp(&here(scenario), CALLEE_TONE)
            .at(target.ip(), target.port())
    }

    /// A caller who is refused with this code, with a scenario of `crates/telephony`.
    pub async fn is_refused(&self, code: &str) {
        let caller = Sipp::new(of_telephony("caller_is_refused"))
            .set("linger", "1")
            .set("code", code)
            .remote(self.office.world.sip, self.number.as_str());
        caller.run().await.expect("the refused caller's side");
    }

    /// SIPp as a target at this place that never answers, with a scenario of `crates/telephony`.
    pub fn unwilling_target(&self, place: usize, scenario: &str) -> Sipp {
        let target = self.targets[place];
        Sipp::new(of_telephony(scenario))
            .set("linger", "1")
            .at(target.ip(), target.port())
    }

    fn sipp(&self, scenario: &Path, tone: u32) -> Sipp {
        let tone = tone_file(self.office.tones.path(), tone);
        Sipp::new(scenario).set("tone", tone.to_str().unwrap())
    }

    /// baresip calls and baresip answers; both are left talking.
    pub async fn talk(&self) -> (Baresip, Baresip) {
        let mut desk = self.baresip_target(0).await;
        let mut caller = self.baresip_caller().await;
        caller.dial(&self.uri()).await;
        desk.answer().await;
        caller.event("CALL_RTPESTAB").await;
        desk.event("CALL_RTPESTAB").await;
        (caller, desk)
    }

    /// The line's one call, once it is over.
    pub async fn ended(&self) -> Told {
        self.all_ended(1).await.remove(0)
    }

    /// The line's calls, once there are so many and all are over.
    pub async fn all_ended(&self, count: usize) -> Vec<Told> {
        let calls = self
            .until("the calls' ends", |calls| {
                calls.len() == count && calls.iter().all(|call| call.ended_at.is_some())
            })
            .await;
        self.told(calls).await
    }

    /// The line's calls, newest first, once one was answered and all are over.
    pub async fn answered_and_all_ended(&self) -> Vec<Told> {
        let answered = |call: &Call| call.answered_at.is_some();
        let over = |call: &Call| call.ended_at.is_some();
        let calls = self
            .until("an answered call's end", |calls| {
                calls.iter().any(answered) && calls.iter().all(over)
            })
            .await;
        self.told(calls).await
    }

    async fn told(&self, calls: Vec<Call>) -> Vec<Told> {
        let mut told = Vec::new();
        for call in calls {
            told.push(Told::of(&self.office, &self.number, call).await);
        }
        told
    }

    /// Waits until the line's one call has had an event of this kind.
    pub async fn has(&self, word: &str) {
        let begun = Instant::now();
        let calls = self.until("a call", |calls| !calls.is_empty()).await;
        loop {
            let events = self.office.db.call_events(self.office.account, calls[0].id);
            let words = crate::told::words(&events.await.unwrap());
            if words.iter().any(|known| known == word) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no {word} but {words:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The one place where rows of another process are waited for.
    async fn until(&self, what: &str, enough: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let office = &self.office;
        let filter = CallFilter {
            dialled: Some(self.number.clone()),
            ..CallFilter::default()
        };
        let begun = Instant::now();
        loop {
            let page = office.db.calls(office.account, &filter, None, 100).await;
            let calls = page.unwrap().calls;
            if enough(&calls) {
                return calls;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "expected {what} of {:?}, got {calls:#?}",
                self.number
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn here(scenario: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/calls/scenarios/{scenario}.xml"))
}

fn of_telephony(scenario: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../telephony/tests/scenarios/{scenario}.xml"))
}

/// A second of it in A-law, which SIPp plays again and again.
fn tone_file(folder: &Path, hz: u32) -> PathBuf {
    folder.join(format!("{hz}.al"))
}

fn arrangement(wishes: &[LineWish], lines: &[(E164, Vec<SocketAddr>)], page: SocketAddr) -> String {
    let mut text = format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[pool]]\nname = \"Web\"\noverflow = \"{OVERFLOW}\"\n\
         [[number]]\ne164 = \"{OVERFLOW}\"\nplan = \"Plan 0\"\n\
         [[site]]\nname = \"Example\"\nhosts = [\"localhost:{}\"]\npool = \"Web\"\n",
        page.port()
    );
    for (index, (wish, (number, targets))) in wishes.iter().zip(lines).enumerate() {
        let mut names = Vec::new();
        for (place, target) in targets.iter().enumerate() {
            let name = format!("Target {index}.{place}");
            writeln!(
                text,
                "[[target]]\nname = \"{name}\"\nuri = \"sip:target@{target}\""
            )
            .unwrap();
            names.push(name);
        }
        writeln!(
            text,
            "[[group]]\nname = \"Group {index}\"\ntargets = {names:?}\nring_seconds = {}\n\
             [[plan]]\nname = \"Plan {index}\"\nring = [\"Group {index}\"]\n\
             [[number]]\ne164 = \"{number}\"\nplan = \"Plan {index}\"",
            wish.ring_seconds
        )
        .unwrap();
        if wish.leased {
            text.push_str("pool = \"Web\"\n");
        }
    }
    text
}

/// The business's own web server: all that is asked of it is the file that proves it.
async fn pages() -> (Arc<OnceLock<String>>, SocketAddr, JoinHandle<()>) {
    let challenge = Arc::new(OnceLock::<String>::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let file = {
        let challenge = Arc::clone(&challenge);
        move || async move { challenge.get().cloned().unwrap_or_default() }
    };
    let router = Router::new().route("/.well-known/ringfence.txt", get(file));
    let pages = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (challenge, address, pages)
}

/// The owner's, and every visitor's.
struct Browser {
    client: reqwest::Client,
    server: String,
    origin: String,
}

impl Browser {
    fn new(world: &World, page: SocketAddr) -> Self {
        Self {
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .unwrap(),
            server: format!("http://{}", world.http),
            origin: format!("http://localhost:{}", page.port()),
        }
    }

    /// Signs in and presses the button that has the host looked at.
    async fn prove(&self, password: &str, check: &str) {
        let fields = [("email", "owner@example.com"), ("password", password)];
        let signed_in = self.submit("/sign-in", "", &fields).await;
        let session = signed_in.headers()[SET_COOKIE].to_str().unwrap();
        let session = session.split(';').next().unwrap().to_owned();
        let sites = self.client.get(format!("{}/sites", self.server));
        let sites = sites.header(COOKIE, &session).send().await.unwrap();
        let sites = sites.text().await.unwrap();
        let (_, token) = sites.split_once("name=\"form_token\" value=\"").unwrap();
        let (token, _) = token.split_once('"').unwrap();
        let checked = self.submit(check, &session, &[("form_token", token)]).await;
        assert!(checked.status().is_redirection(), "{checked:?}");
    }

    async fn submit(
        &self,
        path: &str,
        session: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::Response {
        let form = reqwest::Url::parse_with_params("http://localhost/", fields).unwrap();
        self.client
            .post(format!("{}{path}", self.server))
            .header(COOKIE, session)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap().to_owned())
            .send()
            .await
            .unwrap()
    }

    /// A visitor who came by this source asks for a number: the status, and the answer.
    async fn ask(&self, key: &str, source: &str) -> (u16, Value) {
        let token = self
            .client
            .get(format!("{}/t/token?site={key}", self.server));
        let (_, token) = self.answer(token).await;
        let page = format!("{}/?utm_source={source}", self.origin);
        let body = json!({
            "site": key, "token": token["token"], "page": page, "referrer": "",
            "language": "en-GB", "campaign": null, "tags": {},
        });
        let asked = self.client.post(format!("{}/t/number", self.server));
        self.answer(asked.body(body.to_string())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let request = request
            .header(USER_AGENT, BROWSER)
            .header(ORIGIN, &self.origin);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

impl World {
    /// What the program says when it is run to its end with the world's configuration, and does what it is asked.
    fn done(&self, arguments: &[&str]) -> String {
        let config = self.config();
        let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
        let (code, out, said) = run(&arguments, self.folder.path());
        assert_eq!(code, Some(0), "{out}{said}");
        out
    }
}
