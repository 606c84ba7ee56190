//! A server as an operator runs it: the built program, a configuration file, a database with one of everything.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ringfence_model::{AccountId, NumberId, NumberState, PoolId, SiteId, TargetId, TrackingNumber};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::Db;
use ringfence_testing::TestDatabase;
use tempfile::TempDir;

/// How long a server may take to be ready; it takes far less unless the machine is very busy.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// What a test server needs to exist.
pub struct World {
    pub folder: TempDir,
    pub database: TestDatabase,
    pub http: SocketAddr,
    pub sip: SocketAddr,
    /// Lines that go to the end of the configuration.
    pub more: String,
}

/// Rows that were made for a test.
pub struct Rows {
    pub account: AccountId,
    pub numbers: Vec<TrackingNumber>,
    pub targets: Vec<TargetId>,
    pub pool: PoolId,
    pub site: SiteId,
    pub site_key: String,
}

impl World {
    pub fn new(database: TestDatabase) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            database,
            http: free_tcp(),
            sip: free_sip(),
            more: String::new(),
        }
    }

    pub fn recordings(&self) -> PathBuf {
        self.folder.path().join("data/recordings")
    }

    pub async fn db(&self) -> Db {
        let db = Db::open(self.database.url())
            .await
            .expect("the database opens");
        db.migrate().await.expect("the tables are made");
        db
    }

    /// An account with a trunk for loopback, `count` numbers in a pool, and a plan that rings `targets` in order.
    pub async fn rows(&self, targets: &[String], ring_timeout: Duration, count: u32) -> Rows {
        let platform = self.platform().await;
        let now = now();
        let account = platform
            .add_account("Test", "GB", "Europe/London", now)
            .await
            .unwrap()
            .id;
        platform
            .add_trunk(
                account,
                "Loopback",
                vec!["127.0.0.1".into()],
                Some("GB"),
                now,
            )
            .await
            .unwrap();
        let mut ids = Vec::new();
        for (index, uri) in targets.iter().enumerate() {
            ids.push(
                platform
                    .add_target(account, &format!("Target {}", index + 1), uri, now)
                    .await
                    .unwrap()
                    .id,
            );
        }
        let group = platform
            .add_target_group(account, "Everyone", &ids, ring_timeout, now)
            .await
            .unwrap();
        let plan = platform
            .add_ring_plan(account, "Ring everyone", group.id, now)
            .await
            .unwrap();
        let pool = platform
            .add_pool(account, "Pool", Duration::from_mins(30), None, now)
            .await
            .unwrap();
        let numbers: Vec<TrackingNumber> = (0..count)
            .map(|index| TrackingNumber {
                id: NumberId::new(now, random()),
                account,
                e164: format!("+442079460{index:03}").parse().unwrap(),
                label: format!("Number {index}"),
                state: NumberState::Assigned,
                pool: Some(pool.id),
                plan: Some(plan.id),
                created_at: now,
            })
            .collect();
        platform.db.add_numbers(numbers.clone()).await.unwrap();
        let swap = vec!["+44 20 7946 0999".to_string()];
        let site = platform
            .add_site(account, "Test site", swap, Some(pool.id), now)
            .await
            .unwrap();
        platform.db.close().await;
        Rows {
            account,
            numbers,
            targets: ids,
            pool: pool.id,
            site: site.id,
            site_key: site.key,
        }
    }

    async fn platform(&self) -> std::sync::Arc<Platform> {
        let settings = Settings {
            recordings_folder: self.recordings(),
            record_calls: true,
            public_url: format!("http://{}", self.http),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_hours(1),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            fence: ringfence_platform::fence::FenceSettings::default(),
        };
        let outbound = Outbound::new(OutboundPolicy {
            allow_private: true,
            ..OutboundPolicy::default()
        });
        Platform::start(
            self.db().await,
            outbound,
            settings,
            Keys::from_master(&[1; 32]),
        )
        .await
        .expect("the use cases start")
    }

    /// Writes `ringfence.toml` and answers its path.
    pub fn config(&self) -> PathBuf {
        let mut text = String::new();
        writeln!(
            text,
            "data_folder = \"{}\"",
            self.folder.path().join("data").display()
        )
        .unwrap();
        writeln!(text, "[database]\nurl = {:?}", self.database.url()).unwrap();
        writeln!(text, "[http]\nlisten = \"{}\"", self.http).unwrap();
        writeln!(
            text,
            "[sip]\nlisten_udp = \"{0}\"\nlisten_tcp = \"{0}\"",
            self.sip
        )
        .unwrap();
        text.push_str(&self.more);
        let file = self.folder.path().join("ringfence.toml");
        std::fs::write(&file, text).expect("the configuration is written");
        file
    }

    /// Starts `ringfence serve` and waits until it is ready.
    pub fn serve(&self) -> Server {
        let mut child = program(&[
            "serve",
            "--config",
            self.config().to_str().expect("a plain path"),
        ])
        .stderr(Stdio::from(self.log()))
        .spawn()
        .expect("the program starts");
        let until = Instant::now() + READY_WITHIN;
        while !is_ready(self.http) {
            if let Some(status) = child.try_wait().expect("the program's state") {
                panic!("the server stopped with {status}:\n{}", self.said());
            }
            assert!(
                Instant::now() < until,
                "the server is not ready:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Server { child }
    }

    fn log(&self) -> std::fs::File {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .expect("a log file")
    }

    /// What servers of this world have said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

/// A running program; dropping it kills it.
pub struct Server {
    child: Child,
}

impl Server {
    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("its end");
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("its end")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill").success(), "{signal}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built program with these arguments.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringfence"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end: exit code, standard output, standard error.
pub fn run(arguments: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = program(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A loopback port that was free a moment ago.
pub fn free_tcp() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
}

/// A loopback port that was free for both UDP and TCP a moment ago.
pub fn free_sip() -> SocketAddr {
    (0..50)
        .map(|_| free_tcp())
        .find(|address| UdpSocket::bind(address).is_ok())
        .expect("a port that is free for UDP and TCP")
}

fn is_ready(http: SocketAddr) -> bool {
    use std::io::Write as _;
    let Ok(mut stream) = std::net::TcpStream::connect(http) else {
        return false;
    };
    let mut answer = String::new();
    let asked = stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    asked.is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
