//! rtpengine, relaying in user space: the peer that `media` is measured beside. It records nothing here.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::signalling::{sdp, sdp_port};
use super::sound::Flow;
use crate::sipp::Running;

/// The program, where it is installed.
pub fn installed() -> Option<PathBuf> {
    ["/usr/bin/rtpengine", "/usr/sbin/rtpengine"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// Its version, as it says it.
pub fn version(program: &Path) -> String {
    let said = Command::new(program)
        .arg("--version")
        .output()
        .map(|output| [output.stdout, output.stderr].concat())
        .unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut words = said.split_whitespace();
    words
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .unwrap_or("?")
        .to_owned()
}

/// A running rtpengine, and the socket that asks it.
pub struct Engine {
    running: Running,
    asks: UdpSocket,
    asked: Cell<u32>,
    folder: tempfile::TempDir,
}

/// Starts it, to be asked on `at`.
///
/// # Errors
/// When it does not answer.
pub fn start(program: &Path, at: SocketAddr) -> anyhow::Result<Engine> {
    let folder = tempfile::tempdir()?;
    let log = std::fs::File::create(folder.path().join("rtpengine.log"))?;
    let child = Command::new(program)
        .current_dir(folder.path())
        .args([
            "--config-file=none",
            // User space: no table of the kernel's.
            "--table=-1",
            "--interface=127.0.0.1",
            "--port-min=10000",
            "--port-max=29999",
            "--foreground",
            "--log-stderr",
            "--log-level=4",
        ])
        .arg(format!("--listen-ng={at}"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting rtpengine")?;
    let asks = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    asks.connect(at)?;
    asks.set_read_timeout(Some(Duration::from_millis(500)))?;
    let engine = Engine {
        running: Running(child),
        asks,
        asked: Cell::new(0),
        folder,
    };
    let began = Instant::now();
    while engine.ask("d7:command4:pinge").is_err() {
        ensure!(
            began.elapsed() < Duration::from_secs(10),
            "rtpengine does not answer: {}",
            engine.said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(engine)
}

impl Engine {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.0.id()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("rtpengine.log")).unwrap_or_default()
    }

    /// Lets it relay a call between two ports of loopback, the caller's and the callee's.
    ///
    /// # Errors
    /// When it refuses.
    pub fn call(&self, call: u32, ports: (u16, u16)) -> anyhow::Result<Flow> {
        let id = format!("media-{call}");
        let flags = "3:ICE6:remove7:replacel6:origin18:session-connectione";
        let offer = dictionary(&[
            ("call-id", &id),
            ("command", "offer"),
            ("from-tag", "c"),
            ("sdp", &sdp(ports.0)),
        ]);
        let offered = self.ask(&format!("d{flags}{offer}e"))?;
        let answer = dictionary(&[
            ("call-id", &id),
            ("command", "answer"),
            ("from-tag", "c"),
            ("sdp", &sdp(ports.1)),
            ("to-tag", "a"),
        ]);
        let answered = self.ask(&format!("d{flags}{answer}e"))?;
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Ok(Flow {
            // The offer that the callee gets names where the callee sends, the answer where the caller does.
            to_caller: here(sdp_port(&offered).with_context(|| self.said())?),
            to_callee: here(sdp_port(&answered).with_context(|| self.said())?),
        })
    }

    /// Asks in the NG protocol: a cookie, and a dictionary in bencode.
    fn ask(&self, dictionary: &str) -> anyhow::Result<String> {
        let cookie = format!("q{}", self.asked.get());
        self.asked.set(self.asked.get() + 1);
        self.asks
            .send(format!("{cookie} {dictionary}").as_bytes())?;
        let mut answer = vec![0; 65_536];
        loop {
            let length = self.asks.recv(&mut answer)?;
            let text = String::from_utf8_lossy(&answer[..length]);
            if let Some(said) = text.strip_prefix(&format!("{cookie} ")) {
                ensure!(!said.contains("6:result5:error"), "rtpengine: {said}");
                return Ok(said.to_owned());
            }
        }
    }
}

fn dictionary(pairs: &[(&str, &str)]) -> String {
    let text = |text: &str| format!("{}:{text}", text.len());
    pairs
        .iter()
        .flat_map(|(key, value)| [text(key), text(value)])
        .collect()
}
