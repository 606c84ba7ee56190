//! A Valkey (or Redis) of a test's own: on a port of loopback, without files, gone with its [`TestValkey`].

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long it may take to answer; it takes milliseconds unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// Debian calls the one package after its program, the other after Redis.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct TestValkey {
    address: SocketAddr,
    child: Option<Child>,
    folder: TempDir,
}

impl TestValkey {
    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    /// When neither `valkey-server` nor `redis-server` can be run, saying what to install. A test that needs it fails
    /// without it; it is never skipped.
    pub fn start() -> Self {
        let mut server = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, crate::ports::free_port())),
            child: None,
            folder: tempfile::tempdir().expect("a temporary folder is needed"),
        };
        server.start_again();
        server
    }

    /// What connects to it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends it as a crash does: what it held is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it has ended");
        }
    }

    /// Starts it again after [`TestValkey::kill`], on the same port and empty.
    ///
    /// # Panics
    /// As [`TestValkey::start`] does.
    pub fn start_again(&mut self) {
        let found = PROGRAMS.iter().find_map(|program| self.spawn(program));
        let child = found.expect(
            "expected valkey-server or redis-server for this test, found neither; install one (`apt-get install redis-server`)",
        );
        self.child = Some(child);
        let begun = Instant::now();
        while self.ask("PING").is_none_or(|said| !said.contains("PONG")) {
            assert!(begun.elapsed() < PATIENCE, "{} is silent", self.address);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has it stand still, as a machine does that has no time.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Forgets everything while it runs.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn flush(&self) {
        assert!(self.ask("FLUSHALL").is_some_and(|said| said.contains("OK")));
    }

    /// What it answers to a command of one line; `None` when it does not.
    pub fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(format!("{command}\r\n").as_bytes()).ok()?;
        let mut answer = [0; 512];
        let read = stream.read(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }

    fn spawn(&self, program: &str) -> Option<Child> {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--port"])
            .arg(self.address.port().to_string())
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .ok()
    }

    fn signal(&self, signal: &str) {
        let child = self.child.as_ref().expect("it runs");
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} {pid}");
    }
}

impl Drop for TestValkey {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
