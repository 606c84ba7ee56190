//! Who may send for a side, and where to send back to: symmetric RTP (RFC 4961), with a narrow door.
//!
//! The first packet from the signalled host decides the side's address. One from the very address that was signalled
//! always wins over one from another port, so a straggler of the last target on the same host cannot take the side.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::Remote;

/// A side that has fallen silent for so long may come back from another port of its host.
const RELATCH_AFTER: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    held: bool,
    nat: bool,
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
    heard: Option<Instant>,
    /// The target before: whatever it still sends is not the next one's.
    previous: Option<SocketAddr>,
}

impl Latch {
    pub fn set(&mut self, remote: &Remote) {
        self.nat = remote.nat;
        self.held = remote.rtp.port() == 0 || remote.rtp.ip().is_unspecified();
        if !self.held && self.signalled != Some(remote.rtp) {
            self.signalled = Some(remote.rtp);
            self.rtp = None;
            self.rtcp = None;
            self.heard = None;
        }
    }

    /// Forgets the side, for the next target.
    pub fn reset(&mut self) {
        *self = Self {
            previous: self.rtp.or(self.signalled),
            ..Self::default()
        };
    }

    /// Whether an RTP packet from `from` is this side's.
    pub fn takes_rtp(&mut self, from: SocketAddr, now: Instant) -> bool {
        let Some(signalled) = self.signalled else {
            return false;
        };
        let takes = from == signalled
            || match self.rtp {
                Some(latched) if latched == from => true,
                Some(latched) => {
                    latched != signalled
                        && same_host(latched.ip(), from.ip())
                        && self
                            .heard
                            .is_none_or(|at| now.duration_since(at) > RELATCH_AFTER)
                }
                None => {
                    self.previous != Some(from)
                        && (self.nat || same_host(signalled.ip(), from.ip()))
                }
            };
        if takes {
            self.rtp = Some(from);
            self.heard = Some(now);
        }
        takes
    }

    /// Whether an RTCP packet from `from` is this side's.
    pub fn takes_rtcp(&mut self, from: SocketAddr) -> bool {
        let takes = self
            .rtp
            .or(self.signalled)
            .is_some_and(|rtp| same_host(rtp.ip(), from.ip()));
        if takes {
            self.rtcp = Some(from);
        }
        takes
    }

    /// Where to send RTP; `None` before it is known and while the side is held.
    pub fn rtp(&self) -> Option<SocketAddr> {
        self.rtp.or(self.signalled).filter(|_| !self.held)
    }

    /// Where to send RTCP: RTP's port and one, until the side's own RTCP says better.
    pub fn rtcp(&self) -> Option<SocketAddr> {
        let rtp = self.rtp()?;
        self.rtcp
            .or_else(|| Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)))
    }
}

fn same_host(one: IpAddr, other: IpAddr) -> bool {
    one.to_canonical() == other.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Codecs;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn remote(rtp: &str, nat: bool) -> Remote {
        Remote {
            rtp: address(rtp),
            codecs: Codecs::default(),
            receives: true,
            nat,
        }
    }

    #[test]
    fn only_the_signalled_host_may_send_unless_the_trunk_is_behind_nat() {
        let now = Instant::now();
        let mut latch = Latch::default();
        assert!(
            !latch.takes_rtp(address("192.0.2.1:4000"), now),
            "nobody was signalled yet"
        );
        latch.set(&remote("192.0.2.1:4000", false));
        assert!(!latch.takes_rtp(address("192.0.2.9:4000"), now));
        assert!(latch.takes_rtp(address("192.0.2.1:4002"), now));
        assert_eq!(latch.rtp(), Some(address("192.0.2.1:4002")));

        let mut latch = Latch::default();
        latch.set(&remote("10.0.0.5:4000", true));
        assert!(latch.takes_rtp(address("192.0.2.9:6000"), now));
        assert!(
            !latch.takes_rtp(address("192.0.2.10:6000"), now),
            "the first one decided"
        );
    }

    #[test]
    fn the_signalled_address_wins_over_a_straggler_of_the_same_host() {
        let now = Instant::now();
        let mut latch = Latch::default();
        latch.set(&remote("192.0.2.1:4000", false));
        assert!(latch.takes_rtp(address("192.0.2.1:9000"), now));
        assert!(latch.takes_rtp(address("192.0.2.1:4000"), now));
        assert!(!latch.takes_rtp(address("192.0.2.1:9000"), now));
        assert!(!latch.takes_rtp(address("192.0.2.1:9000"), now + RELATCH_AFTER * 2));
        assert_eq!(latch.rtp(), Some(address("192.0.2.1:4000")));
    }

    #[test]
    fn a_held_side_is_sent_nothing_and_keeps_its_address() {
        let now = Instant::now();
        let mut latch = Latch::default();
        latch.set(&remote("192.0.2.1:4000", false));
        assert!(latch.takes_rtp(address("192.0.2.1:4002"), now));
        latch.set(&remote("0.0.0.0:4000", false));
        assert_eq!(latch.rtp(), None);
        latch.set(&remote("192.0.2.1:4000", false));
        assert_eq!(latch.rtp(), Some(address("192.0.2.1:4002")));
    }

    #[test]
    fn rtcp_goes_to_the_next_port_until_the_side_sends_its_own() {
        let mut latch = Latch::default();
        latch.set(&remote("192.0.2.1:4000", false));
        assert_eq!(latch.rtcp(), Some(address("192.0.2.1:4001")));
        assert!(!latch.takes_rtcp(address("192.0.2.2:5001")));
        assert!(latch.takes_rtcp(address("192.0.2.1:5001")));
        assert_eq!(latch.rtcp(), Some(address("192.0.2.1:5001")));
    }
}
