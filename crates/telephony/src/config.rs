//! Where telephony listens and how much it takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::TelephonyError;

/// A certificate and its key, as files have them.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and those that vouch for it, PEM (RFC 7468), ours first.
    pub chain_pem: Vec<u8>,
    /// Its private key, PEM: PKCS #8, PKCS #1 or SEC1.
    pub key_pem: Vec<u8>,
}

impl Certificate {
    /// Whether it can be shown: both parts can be read, and the key is the certificate's own.
    ///
    /// # Errors
    /// [`TelephonyError::Certificate`] with what is wrong.
    pub fn check(&self) -> Result<(), TelephonyError> {
        crate::tls::Shown::new(self).map(drop)
    }
}

/// The key stays out of logs.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

/// How SIP is served over TLS, and how targets with `;transport=tls` are reached.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    /// The address to listen on; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What we show.
    pub certificate: Certificate,
    /// Whose certificates are believed when we connect to a target, PEM; none are believed without.
    pub roots_pem: Vec<u8>,
}

/// How SIP is served. At least one of `udp`, `tcp` and `tls` must be given.
#[derive(Debug, Clone)]
pub struct TelephonyConfig {
    /// The address for SIP over UDP; port 0 takes any free one.
    pub udp: Option<SocketAddr>,
    /// The address for SIP over TCP; port 0 takes any free one.
    pub tcp: Option<SocketAddr>,
    /// SIP over TLS, in both directions.
    pub tls: Option<TlsConfig>,
    /// The address that other machines know this one by, when it is not the one listened on (NAT). It goes
    /// into Via, Contact and SDP.
    pub advertised: Option<IpAddr>,
    /// Take RTP from another host than the one that a caller's or target's SDP names: the first to send decides.
    pub nat: bool,
    /// Calls under way at once; more are refused with 503.
    pub max_calls: usize,
    /// New calls per second; more are refused with 503 and `Retry-After`.
    pub max_new_calls_per_second: u32,
    /// Finished SIP transactions that are remembered for retransmissions (32 s each); more refuse new calls
    /// with 503. One call leaves about five.
    pub max_finished_transactions: usize,
    /// How long a side of an answered call may give no sign of life (RFC 4028), in whole seconds of at most a
    /// day: each side is asked for one at half of it, and a call whose side gives none is ended. Zero asks for
    /// nothing, and leaves it to the sides.
    pub session_interval: Duration,
    /// The shortest such interval that a side may ask for, in whole seconds; shorter ones get 422. RFC 4028 §4
    /// says 90 s and no less; less is for tests.
    pub session_minimum: Duration,
    /// The shortest time that a phone may register for (shorter ones get 423) and the longest that it is granted, in
    /// whole seconds.
    pub phone_expiry: (Duration, Duration),
    /// Challenge phones with MD5 alone, for those that stumble over SHA-256 (RFC 8760).
    pub phone_md5_only: bool,
    /// How long the decision about a new call may take before it is refused with 503.
    pub decision_timeout: Duration,
}

impl Default for TelephonyConfig {
    fn default() -> Self {
        let sip = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5060));
        Self {
            udp: Some(sip),
            tcp: Some(sip),
            tls: None,
            advertised: None,
            nat: false,
            max_calls: 2_000,
            max_new_calls_per_second: 500,
            max_finished_transactions: 100_000,
            session_interval: Duration::from_mins(30),
            session_minimum: Duration::from_secs(90),
            phone_expiry: (Duration::from_mins(1), Duration::from_hours(1)),
            phone_md5_only: false,
            decision_timeout: Duration::from_secs(5),
        }
    }
}
