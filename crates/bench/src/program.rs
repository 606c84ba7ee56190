//! The program under measurement, as a process of its own, so that its CPU and memory are its own.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::sipp::Running;

/// Builds the program beside this bench, with its profile, and says where it is.
///
/// # Errors
/// When cargo fails.
pub fn build() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program's own file")?;
    let folder = own.parent().context("a program lies in a folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "ringfence",
        "--bin",
        "ringfence",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    // `cargo run` tells a program of its own package; build scripts that read of it (ring's does) would run again, and
    // all that is above them be compiled again, before each measurement and after it.
    for (name, _) in std::env::vars_os() {
        let is_of_package = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if is_of_package {
            cargo.env_remove(name);
        }
    }
    // The manifest, for a bench that is started from elsewhere.
    cargo
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"));
    ensure!(
        cargo.status().context("starting cargo")?.success(),
        "building the program failed"
    );
    let program = folder.join("ringfence");
    ensure!(
        program.is_file(),
        "expected the program in {}; name it with --program",
        program.display()
    );
    Ok(program)
}

/// A folder beside this program: the usual place for temporary files may be in memory, where commits cost nothing.
///
/// # Errors
/// When the folder cannot be made.
pub fn disk() -> anyhow::Result<tempfile::TempDir> {
    let own = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(
        own.parent().context("a program lies in a folder")?,
    )?)
}

/// Where a server is to listen, and what it is to do.
pub struct Place {
    /// SIP over UDP and TCP.
    pub sip: SocketAddr,
    /// The dashboard.
    pub http: SocketAddr,
    /// Whether calls are recorded.
    pub recording: bool,
    /// New calls a second that are let in; `None` leaves the program its own limit.
    pub rate: Option<u32>,
}

/// Writes `ringfence.toml` into `folder` and starts `ringfence serve` there; returns when it is ready.
///
/// # Errors
/// When it does not become ready; with what it said.
pub fn serve(
    program: &Path,
    folder: &Path,
    database_url: &str,
    place: &Place,
) -> anyhow::Result<Running> {
    let configuration = format!(
        "data_folder = \"data\"\n\
         [database]\nurl = {database_url:?}\n\
         [http]\nlisten = \"{http}\"\n\
         [sip]\nlisten_udp = \"{sip}\"\nlisten_tcp = \"{sip}\"\nmax_calls = 5000\n{rate}\
         [media]\naddress = \"{address}\"\nports = \"10000-29999\"\n\
         [recording]\nenabled = {recording}\n\
         [log]\nlevel = \"warn\"\n",
        http = place.http,
        sip = place.sip,
        address = place.sip.ip(),
        rate = place.rate.map_or_else(String::new, |rate| format!(
            "max_new_calls_per_second = {rate}\n"
        )),
        recording = place.recording,
    );
    fs::write(folder.join("ringfence.toml"), configuration)?;
    let log = File::create(folder.join("ringfence.log"))?;
    let child = Command::new(program)
        .arg("serve")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let mut running = Running(child);
    let began = Instant::now();
    while !ready(place.http) {
        let ended = running.0.try_wait()?;
        let said = || fs::read_to_string(folder.join("ringfence.log")).unwrap_or_default();
        ensure!(
            ended.is_none() && began.elapsed() < Duration::from_secs(30),
            "the program did not become ready: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(running)
}

fn ready(http: SocketAddr) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let patience = Duration::from_secs(1);
        let mut stream = TcpStream::connect_timeout(&http, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200"))
}
