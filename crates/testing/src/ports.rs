//! Ports for peers that must be told theirs before they start.
//!
//! A port that was free a moment ago may be anybody's when the peer binds it: the system hands out its own
//! (32768 and above on Linux) to every socket that asks for any. So these come from below that range and from
//! beside the range that tests use for media, and each is claimed by a locked file for as long as the process lives.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::Mutex;

/// The first port that is handed out.
const FIRST: u16 = 10_000;
/// So many are handed out: up to 13999, since media begins at 14000.
const COUNT: u16 = 4_000;

/// The locks of this process: a lock is gone with its file.
static CLAIMED: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of 127.0.0.1 that no other test has, free for UDP and TCP.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many ports in a row, each as [`free_port`] says.
///
/// # Panics
/// When there are none.
pub fn free_ports(in_a_row: u16) -> u16 {
    let folder = std::env::temp_dir().join("ringfence-test-ports");
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    let seed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|socket| socket.local_addr())
        .expect("loopback has a free port")
        .port();
    for step in 0..COUNT {
        // A start that differs from process to process; the step shares no factor with the count.
        let first = FIRST + (seed % COUNT + step * 7) % COUNT;
        if first + in_a_row > FIRST + COUNT {
            continue;
        }
        let claims: Option<Vec<File>> = (first..first + in_a_row)
            .map(|port| claim(&folder.join(port.to_string())).filter(|_| is_free(port)))
            .collect();
        if let Some(mut claims) = claims {
            let mut claimed = CLAIMED
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            claimed.append(&mut claims);
            return first;
        }
    }
    panic!("127.0.0.1 has no {in_a_row} free ports in a row between {FIRST} and 13999");
}

fn claim(path: &std::path::Path) -> Option<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .ok()?;
    file.try_lock().ok()?;
    Some(file)
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let mut ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
        let pair = free_ports(2);
        ports.extend([pair, pair + 1]);
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 52);
        assert!(
            ports
                .iter()
                .all(|port| (FIRST..FIRST + COUNT).contains(port))
        );
    }
}
