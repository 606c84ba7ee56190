//! A business as its owner sets it up: the built program, an arrangement, a proved page, and visits that were shown numbers.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringfence_media::{g711::Law, tone::Tone};
use ringfence_model::{AccountId, E164, LeaseId, VisitId};
use ringfence_store::Db;
use ringfence_testing::TestDatabase;
use ringfence_testing::baresip::free_ports;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::browser::{Browser, pages};
use crate::line::{CALLEE_TONE, CALLER_TONE, Line, LineWish};
use crate::support::{Server, World, run};

/// What visits are shown once each line's number is.
pub const OVERFLOW: &str = "+442079460999";

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
        self.browser.readiness().await
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

    /// A second of this tone in A-law, which SIPp plays again and again.
    pub fn tone_file(&self, hz: u32) -> PathBuf {
        tone_file(self.tones.path(), hz)
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
