//! SIPp as a peer: real SIP from a process of its own, on loopback, stopped when it is dropped.
//!
//! A scenario is SIPp's XML with `{name}` where a test has something to say; [`Sipp::set`] fills it in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::ports::free_port;

/// How SIPp is to be run. It answers calls, or makes them when it has a [`Sipp::remote`].
#[derive(Debug, Clone)]
pub struct Sipp {
    scenario: String,
    address: SocketAddr,
    remote: Option<SocketAddr>,
    service: String,
    calls: u32,
    rate: u32,
    limit: u32,
    lost: u32,
    tcp: bool,
    limit_time: Duration,
}

/// A run that did not go as its scenario says.
#[derive(Debug, thiserror::Error)]
pub enum SippError {
    /// Calls went otherwise than the scenario says.
    #[error("SIPp ended with {status}; it expected otherwise:\n{errors}\n{screen}")]
    Unexpected {
        /// Its exit status: 1 when a call failed.
        status: String,
        /// Its error file.
        errors: String,
        /// The last screen that it drew.
        screen: String,
    },
    /// It did not end in time.
    #[error("SIPp did not end in {0:?}")]
    TimedOut(Duration),
}

impl Sipp {
    /// SIPp with the scenario in this file, on a free port of 127.0.0.1, for one call.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn new(scenario: impl AsRef<Path>) -> Self {
        let path = scenario.as_ref();
        let scenario = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("the scenario {} is needed: {error}", path.display()));
        Self {
            scenario,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            remote: None,
            service: "service".into(),
            calls: 1,
            rate: 10,
            limit: 1_000,
            lost: 0,
            tcp: false,
            limit_time: Duration::from_mins(1),
        }
    }

    /// Fills in `{name}` of the scenario.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.scenario = self.scenario.replace(&format!("{{{name}}}"), value);
        self
    }

    /// Speaks from this address instead; port 0 keeps the free one.
    #[must_use]
    pub fn at(mut self, address: IpAddr, port: u16) -> Self {
        let port = if port == 0 { self.address.port() } else { port };
        self.address = SocketAddr::new(address, port);
        self
    }

    /// Calls this number (`[service]`) there.
    #[must_use]
    pub fn remote(mut self, remote: SocketAddr, service: &str) -> Self {
        self.remote = Some(remote);
        service.clone_into(&mut self.service);
        self
    }

    /// Makes or takes so many calls, then ends.
    #[must_use]
    pub const fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// Makes so many calls a second, with at most `limit` at once.
    #[must_use]
    pub const fn rate(mut self, rate: u32, limit: u32) -> Self {
        self.rate = rate;
        self.limit = limit;
        self
    }

    /// Loses so many of 100 messages, in and out.
    #[must_use]
    pub const fn lost(mut self, percent: u32) -> Self {
        self.lost = percent;
        self
    }

    /// Speaks TCP, one stream for all calls.
    #[must_use]
    pub const fn tcp(mut self) -> Self {
        self.tcp = true;
        self
    }

    /// Gives up after so long; a minute unless said otherwise.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit_time = limit;
        self
    }

    /// Where it speaks from.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The SIP URI that reaches it.
    pub fn uri(&self) -> String {
        let transport = if self.tcp { ";transport=tcp" } else { "" };
        format!("sip:target@{}{transport}", self.address)
    }

    /// Starts it, and returns when it listens.
    ///
    /// # Panics
    /// When SIPp cannot be started: it is Debian's package `sip-tester`.
    pub async fn start(self) -> RunningSipp {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let scenario = folder.path().join("scenario.xml");
        std::fs::write(&scenario, &self.scenario).expect("a temporary file can be written");
        let errors = folder.path().join("errors.log");
        let mut command = Command::new("sipp");
        command.current_dir(folder.path());
        if let Some(remote) = self.remote {
            command.arg(remote.to_string());
        }
        command
            .arg("-sf")
            .arg(&scenario)
            .args(["-i", &self.address.ip().to_string()])
            .args(["-p", &self.address.port().to_string()])
            .args(["-mi", &self.address.ip().to_string()])
            .args(["-s", &self.service])
            .args(["-m", &self.calls.to_string()])
            .args(["-r", &self.rate.to_string()])
            .args(["-l", &self.limit.to_string()])
            .args(["-t", if self.tcp { "t1" } else { "u1" }])
            .args(["-timeout", &self.limit_time.as_secs().to_string()])
            .arg("-timeout_error")
            .args(["-nostdin", "-skip_rlimit", "-trace_err", "-error_file"])
            .arg(&errors)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if self.lost > 0 {
            command.args(["-lost", &self.lost.to_string()]);
        }
        // For looking into a failure: every message that SIPp sees, in a file per SIPp.
        if let Some(traces) = std::env::var_os("RINGFENCE_SIPP_TRACES") {
            let file = PathBuf::from(traces).join(format!("sipp-{}.log", self.address.port()));
            command.args(["-trace_msg", "-message_file"]).arg(file);
        }
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("SIPp could not be started ({error}); install it: apt-get install sip-tester")
        });
        if self.remote.is_none() {
            let process = child.id().expect("it was not waited for yet");
            listening(process, self.address, self.tcp).await;
        }
        RunningSipp {
            child,
            errors,
            limit: self.limit_time + Duration::from_secs(10),
            _folder: folder,
        }
    }

    /// Starts it and waits for its end.
    ///
    /// # Errors
    /// [`SippError`] when it does not go as the scenario says.
    pub async fn run(self) -> Result<(), SippError> {
        self.start().await.finish().await
    }
}

/// A SIPp that runs; dropping it kills it.
#[derive(Debug)]
pub struct RunningSipp {
    child: Child,
    errors: PathBuf,
    limit: Duration,
    _folder: TempDir,
}

impl RunningSipp {
    /// Waits until all its calls are done.
    ///
    /// # Errors
    /// [`SippError`] when it does not go as the scenario says.
    ///
    /// # Panics
    /// When the process cannot be waited for.
    pub async fn finish(self) -> Result<(), SippError> {
        let Self {
            child,
            errors,
            limit,
            _folder,
        } = self;
        let output = tokio::time::timeout(limit, child.wait_with_output())
            .await
            .map_err(|_| SippError::TimedOut(limit))?
            .expect("a process of ours can be waited for");
        if output.status.success() {
            return Ok(());
        }
        let screen = String::from_utf8_lossy(&output.stdout);
        let tail: Vec<&str> = screen.lines().rev().take(60).collect();
        Err(SippError::Unexpected {
            status: output.status.to_string(),
            errors: std::fs::read_to_string(errors)
                .unwrap_or_default()
                .chars()
                .take(6_000)
                .collect(),
            screen: tail.into_iter().rev().collect::<Vec<_>>().join("\n"),
        })
    }
}

/// Waits until this process holds the port. (To try to bind it would get in SIPp's way; and that somebody holds it
/// is not enough: it might be anybody's for a moment.)
async fn listening(process: u32, address: SocketAddr, tcp: bool) {
    let table = if tcp {
        "/proc/net/tcp"
    } else {
        "/proc/net/udp"
    };
    let port = format!(":{:04X}", address.port());
    for _ in 0..1_000 {
        let sockets = std::fs::read_to_string(table).unwrap_or_default();
        let held = sockets.lines().any(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let local = fields.next().unwrap_or_default();
            // The columns after the local address: remote, state, queues, timer, retransmissions, user, timeout, inode.
            local.ends_with(&port) && fields.nth(7).is_some_and(|inode| holds(process, inode))
        });
        if held {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("SIPp does not listen on {address}");
}

/// Whether one of the process's open files is this socket.
fn holds(process: u32, inode: &str) -> bool {
    let socket = PathBuf::from(format!("socket:[{inode}]"));
    std::fs::read_dir(format!("/proc/{process}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .any(|file| std::fs::read_link(file.path()).is_ok_and(|to| to == socket))
}
