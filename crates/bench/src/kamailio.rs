//! Kamailio as a stateful proxy: the peer that `calls` is measured beside. It routes, and does nothing else.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::sipp::Running;

const CONFIGURATION: &str = include_str!("../scenarios/kamailio.cfg");

/// The program, where it is installed.
pub fn installed() -> Option<PathBuf> {
    ["/usr/sbin/kamailio", "/usr/local/sbin/kamailio"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// Its version, as it says it: `5.6.3`.
pub fn version(program: &Path) -> String {
    let said = Command::new(program)
        .arg("-v")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let words = said.lines().next().unwrap_or_default().split_whitespace();
    words
        .skip_while(|word| *word != "kamailio")
        .nth(1)
        .unwrap_or("?")
        .to_owned()
}

/// Starts it on `at`, to send every call on to `to`.
///
/// # Errors
/// When it does not come up.
pub fn start(
    program: &Path,
    folder: &Path,
    at: SocketAddr,
    to: SocketAddr,
) -> anyhow::Result<Running> {
    let configuration = CONFIGURATION
        .replace("@AT@", &at.to_string())
        .replace("@TO@", &to.to_string());
    fs::write(folder.join("kamailio.cfg"), configuration)?;
    let log = File::create(folder.join("kamailio.log"))?;
    let child = Command::new(program)
        .current_dir(folder)
        .args([
            "-DD",
            "-E",
            "-m",
            "512",
            "-M",
            "32",
            "-f",
            "kamailio.cfg",
            "-P",
            "kamailio.pid",
            "-Y",
        ])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting Kamailio")?;
    let mut running = Running(child);
    let began = Instant::now();
    while UdpSocket::bind(at).is_ok() {
        let ended = running.0.try_wait()?;
        let said = || fs::read_to_string(folder.join("kamailio.log")).unwrap_or_default();
        ensure!(
            ended.is_none() && began.elapsed() < Duration::from_secs(10),
            "Kamailio does not listen: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(running)
}

/// Ends it and its workers in their order.
pub fn stop(mut running: Running) {
    let _ = Command::new("kill")
        .arg(running.0.id().to_string())
        .status();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) && matches!(running.0.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port of loopback that is free for UDP and TCP now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    for _ in 0..50 {
        let at = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        if TcpListener::bind(at).is_ok() && at.port() > 30_000 {
            return Ok(at);
        }
    }
    anyhow::bail!("no port of 127.0.0.1 is free for UDP and TCP")
}
