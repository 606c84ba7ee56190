//! What the machine gives: clock, folders, key file, ports, limits.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Finding;
use crate::config::Config;
use crate::sip_tls;

/// 2026-11-01, in seconds since 1970: no copy of this program ran before.
const EARLIEST: u64 = 1_793_491_200;
/// 2100-01-01, in seconds since 1970.
const LATEST: u64 = 4_102_444_800;

/// Octets: below this recordings fail within minutes.
const TOO_LITTLE: u64 = 100 << 20;
/// Octets: an hour of 100 calls takes about 11 GB.
const LITTLE: u64 = 2 << 30;

/// Octets of socket buffers with which bursts of SIP are not lost.
const SOCKET_BUFFER: u64 = 4 << 20;

const PORTS_PER_CALL: usize = 4;
/// Four sockets and a recording.
const FILES_PER_CALL: u64 = 5;

pub fn clock(config: &Config) -> Finding {
    let what = "clock";
    let now = SystemTime::now();
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let shown = jiff::Timestamp::try_from(now)
        .map_or_else(|_| "beyond all calendars".into(), |now| now.to_string());
    let remedy =
        "set it, and keep it with an NTP service such as systemd-timesyncd; attribution is by time";
    if !(EARLIEST..LATEST).contains(&seconds) {
        return Finding::wrong(what, format!("it says {shown}"), remedy);
    }
    let newest = [
        config.data_folder.join("ringfence.db-wal"),
        config.data_folder.join("ringfence.db"),
    ]
    .iter()
    .filter_map(|file| fs::metadata(file).and_then(|about| about.modified()).ok())
    .max();
    if newest.is_some_and(|newest| newest > now + Duration::from_mins(5)) {
        return Finding::wrong(
            what,
            format!("it says {shown}, but the database was written after that"),
            remedy,
        );
    }
    let service = Path::new("/run/systemd/timesync");
    if service.is_dir() && !service.join("synchronized").exists() {
        return Finding::doubtful(
            what,
            format!("it says {shown}; systemd-timesyncd has not set it yet"),
            remedy,
        );
    }
    Finding::fine(what, shown)
}

pub fn folders(config: &Config) -> Vec<Finding> {
    vec![
        folder("data folder", &config.data_folder, TOO_LITTLE / 2),
        folder("recordings folder", &config.recordings_folder(), TOO_LITTLE),
    ]
}

fn folder(what: &str, folder: &Path, too_little: u64) -> Finding {
    let shown = folder.display();
    let Some(existing) = nearest_existing(folder) else {
        return Finding::wrong(
            what,
            format!("{shown} has no parent that exists"),
            "name a folder that can be made",
        );
    };
    if !existing.is_dir() {
        return Finding::wrong(
            what,
            format!("{} is no folder", existing.display()),
            "move it away or name another folder",
        );
    }
    if let Err(error) = try_to_write(&existing) {
        let remedy = format!(
            "let the program's user write there: chown -R USER {}",
            existing.display()
        );
        return Finding::wrong(
            what,
            format!("{} cannot be written to: {error}", existing.display()),
            remedy,
        );
    }
    let Ok(about) = rustix::fs::statvfs(&existing) else {
        return Finding::doubtful(
            what,
            format!("{shown}: its free space cannot be told"),
            "look with df",
        );
    };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let found = format!(
        "{shown}, {} MB free{}",
        free >> 20,
        if existing == folder {
            ""
        } else {
            ", will be made"
        }
    );
    if free < too_little {
        return Finding::wrong(
            what,
            found,
            "free some space, or name a folder on a larger disk",
        );
    }
    if free < LITTLE {
        return Finding::doubtful(
            what,
            found,
            "a call takes about 110 MB an hour while it is recorded",
        );
    }
    Finding::fine(what, found)
}

fn nearest_existing(folder: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(folder).ok()?;
    if folder.exists() {
        return Some(folder.to_path_buf());
    }
    whole
        .ancestors()
        .find(|folder| folder.exists())
        .map(Path::to_path_buf)
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let trial = folder.join(format!(".ringfence-doctor-{}", std::process::id()));
    let written = File::create_new(&trial).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    let _ = fs::remove_file(&trial);
    written
}

pub fn key_file(file: &Path) -> Finding {
    let what = "master key";
    let shown = file.display();
    let about = match fs::metadata(file) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Finding::fine(what, format!("{shown} will be made at the first start"));
        }
        Err(error) => {
            return Finding::wrong(
                what,
                format!("{shown}: {error}"),
                "let the program's user read it",
            );
        }
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} may be read by others (mode {mode:o})");
        return Finding::wrong(what, found, format!("chmod 600 {shown}"));
    }
    match fs::read_to_string(file) {
        Err(error) => Finding::wrong(
            what,
            format!("{shown}: {error}"),
            "let the program's user read it",
        ),
        Ok(text)
            if text.trim().len() == 64
                && text.trim().bytes().all(|octet| octet.is_ascii_hexdigit()) =>
        {
            Finding::fine(what, format!("{shown}, for its user alone"))
        }
        Ok(_) => Finding::wrong(
            what,
            format!("{shown} does not hold 64 hexadecimal digits"),
            "restore it from your backup; with a new one, open sign-ins and tokens are void",
        ),
    }
}

pub async fn ports(config: &Config) -> Vec<Finding> {
    let listen = config.http.listen;
    let running = tokio::task::spawn_blocking(move || answers_health(listen))
        .await
        .unwrap_or(false);
    let mut findings = vec![
        port("HTTP", "http.listen", listen, running, |at| {
            TcpListener::bind(at).map(drop)
        }),
        port(
            "SIP over UDP",
            "sip.listen_udp",
            config.sip.listen_udp,
            running,
            |at| UdpSocket::bind(at).map(drop),
        ),
        port(
            "SIP over TCP",
            "sip.listen_tcp",
            config.sip.listen_tcp,
            running,
            |at| TcpListener::bind(at).map(drop),
        ),
    ];
    if let Some(listen) = config.sip.listen_tls {
        findings.push(port(
            "SIP over TLS",
            "sip.listen_tls",
            listen,
            running,
            |at| TcpListener::bind(at).map(drop),
        ));
    }
    findings.extend(certificate(config));
    findings.push(media_ports(config, running));
    findings
}

/// Whether the files of SIP over TLS are there and fit each other.
fn certificate(config: &Config) -> Option<Finding> {
    let what = "certificate of SIP over TLS";
    let tls = match sip_tls::of(config) {
        Ok(tls) => tls?,
        Err(error) => {
            let remedy =
                "set sip.tls_certificate and sip.tls_key to PEM files that the program may read";
            return Some(Finding::wrong(what, format!("{error:#}"), remedy));
        }
    };
    Some(match tls.certificate.check() {
        Ok(()) => Finding::fine(what, "can be read, and the key is its own"),
        Err(error) => {
            let remedy = "name the PEM file of the certificate chain, ours first, and that of its private key";
            Finding::wrong(what, error.to_string(), remedy)
        }
    })
}

fn port(
    what: &str,
    key: &str,
    at: SocketAddr,
    running: bool,
    bind: impl Fn(SocketAddr) -> std::io::Result<()>,
) -> Finding {
    let what = format!("port for {what}");
    match bind(at) {
        Ok(()) => Finding::fine(what, format!("{at} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse && running => {
            Finding::fine(what, format!("{at}, where Ringfence is running"))
        }
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!("stop the program that has it (ss -lntup shows which), or set {key}")
                }
                ErrorKind::PermissionDenied => {
                    format!("ports below 1024 need CAP_NET_BIND_SERVICE; or set {key}")
                }
                ErrorKind::AddrNotAvailable => {
                    format!("{} is no address of this machine; set {key}", at.ip())
                }
                _ => format!("set {key}"),
            };
            Finding::wrong(what, format!("{at} cannot be listened on: {error}"), remedy)
        }
    }
}

fn media_ports(config: &Config, running: bool) -> Finding {
    let what = "ports for sound";
    let ports = config.media.ports;
    let address = config
        .media
        .address
        .unwrap_or_else(|| config.sip.listen_udp.ip());
    if let Err(error) = UdpSocket::bind((address, 0)) {
        let remedy = format!("{address} is no address of this machine; set media.address");
        return Finding::wrong(
            what,
            format!("{address} cannot be listened on: {error}"),
            remedy,
        );
    }
    let all = usize::from(ports.last - ports.first) + 1;
    let free = (ports.first..=ports.last)
        .filter(|port| UdpSocket::bind((address, *port)).is_ok())
        .count();
    let calls = free / PORTS_PER_CALL;
    let most = config.sip.max_calls.get() as usize;
    let found = format!("{free} of {all} free on {address}, enough for {calls} calls");
    if running {
        return Finding::fine(what, format!("{found} more"));
    }
    if calls == 0 {
        return Finding::wrong(
            what,
            found,
            "set media.ports to a range that no other program uses",
        );
    }
    if calls < most {
        let remedy = format!("widen media.ports, or lower sip.max_calls from {most}");
        return Finding::doubtful(what, found, remedy);
    }
    Finding::fine(what, found)
}

/// Whether Ringfence itself answers there.
fn answers_health(at: SocketAddr) -> bool {
    let to = match at.ip() {
        IpAddr::V4(address) if address.is_unspecified() => {
            SocketAddr::from(([127, 0, 0, 1], at.port()))
        }
        IpAddr::V6(address) if address.is_unspecified() => {
            SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port()))
        }
        _ => at,
    };
    let patience = Duration::from_secs(1);
    let Ok(mut stream) = TcpStream::connect_timeout(&to, patience) else {
        return false;
    };
    let mut answer = Vec::new();
    stream
        .set_read_timeout(Some(patience))
        .and_then(|()| {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: doctor\r\nConnection: close\r\n\r\n")
        })
        .and_then(|()| stream.take(4096).read_to_end(&mut answer))
        .is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
        && answer.ends_with(b"ok\n")
}

pub fn limits(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let calls = u64::from(config.sip.max_calls.get());
    if let Some(files) = open_files() {
        let needed = calls * FILES_PER_CALL + 200;
        let found = format!("{files} may be open, {calls} calls need about {needed}");
        findings.push(if files < needed {
            let remedy = "raise it (LimitNOFILE= in the systemd unit, ulimit -n in a shell), or lower sip.max_calls";
            Finding::doubtful("open files", found, remedy)
        } else {
            Finding::fine("open files", found)
        });
    }
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    if let Some(largest) = number("/proc/sys/net/core/rmem_max") {
        let found = format!("up to {} kB", largest >> 10);
        findings.push(if largest < SOCKET_BUFFER {
            let remedy = "sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304: bursts of calls are lost otherwise";
            Finding::doubtful("socket buffers", found, remedy)
        } else {
            Finding::fine("socket buffers", found)
        });
    }
    findings
}

/// The soft limit of this process (proc(5), `limits`).
fn open_files() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" {
        Some(u64::MAX)
    } else {
        soft.parse().ok()
    }
}

pub fn public_url(config: &Config) -> Option<Finding> {
    let what = "public URL";
    let url = config.http.public_url.as_ref()?;
    let host = url.0.split("://").nth(1).unwrap_or_default();
    let own =
        host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]");
    if url.0.starts_with("http://") && !own {
        let remedy = "put a proxy with TLS before it: browsers refuse a script over http on a page over https";
        return Some(Finding::doubtful(what, url.0.clone(), remedy));
    }
    Some(Finding::fine(what, url.0.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_taken_port_is_wrong_and_says_which_key_to_set() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let finding = port("HTTP", "http.listen", at, false, |at| {
            TcpListener::bind(at).map(drop)
        });
        assert_eq!(finding.state, State::Wrong);
        assert!(finding.remedy.unwrap().contains("http.listen"));
    }

    #[test]
    fn a_key_that_others_may_read_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("master.key");
        assert_eq!(key_file(&file).state, State::Fine);
        fs::write(&file, "0".repeat(64)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(key_file(&file).state, State::Wrong);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(key_file(&file).state, State::Fine);
        fs::write(&file, "short").unwrap();
        assert_eq!(key_file(&file).state, State::Wrong);
    }

    #[test]
    fn a_folder_that_will_be_made_is_fine_and_a_file_in_its_place_is_not() {
        let place = tempfile::tempdir().unwrap();
        assert_ne!(
            folder("data folder", &place.path().join("a/b"), 0).state,
            State::Wrong
        );
        assert!(!place.path().join("a").exists());
        fs::write(place.path().join("file"), "").unwrap();
        assert_eq!(
            folder("data folder", &place.path().join("file"), 0).state,
            State::Wrong
        );
    }
}
