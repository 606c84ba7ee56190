//! Requests to others' servers, the one place that makes them: addresses are checked and pinned, time and size are capped.

mod addresses;

use ringfence_model::Duration;
use std::net::{IpAddr, SocketAddr};

pub use addresses::is_public;

/// What may be reached.
#[derive(Debug, Clone, Default)]
pub struct OutboundPolicy {
    /// Private, loopback and other special addresses may be reached: for the demo and for tests.
    pub allow_private: bool,
    /// Name servers to ask instead of the system's.
    pub name_servers: Vec<SocketAddr>,
}

/// How much one fetch may take.
#[derive(Debug, Clone, Copy)]
pub struct FetchLimits {
    /// The whole fetch with its redirects.
    pub time: Duration,
    /// Octets of body; a longer one is cut here and says so.
    pub body: usize,
    /// Redirects that are followed.
    pub redirects: u8,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            body: 512 * 1024,
            redirects: 3,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The HTTP status code of the last response.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its body, at most [`FetchLimits::body`] octets.
    pub body: Vec<u8>,
    /// The body was longer.
    pub cut: bool,
    /// The URL that it came from, after redirects.
    pub final_url: String,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// No http or https URL.
    #[error("expected an http or https URL, got {0:?}")]
    NotAUrl(String),
    /// The name has no address.
    #[error("{host} could not be resolved: {reason}")]
    NotResolved {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The name leads to an address that must not be reached.
    #[error(
        "{host} leads to {address}, which is no public address; nothing there is fetched unless the operator allows it"
    )]
    NotPublic {
        /// The name.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// Too many redirects.
    #[error("expected at most {0} redirects, got more")]
    TooManyRedirects(u8),
    /// It took too long.
    #[error("expected an answer within {} s, got none", .0.as_secs_f32())]
    TimedOut(Duration),
    /// Connecting, TLS or HTTP failed.
    #[error("{host} did not answer: {reason}")]
    Failed {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
}

/// Reaches others' servers.
#[derive(Debug, Clone)]
pub struct Outbound {
    policy: OutboundPolicy,
}

impl Outbound {
    /// Under a policy.
    pub fn new(policy: OutboundPolicy) -> Self {
        Self { policy }
    }

    /// Fetches a URL with GET.
    ///
    /// # Errors
    /// [`OutboundError`] when nothing could be had; a status of 400 and above is no error.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn fetch(&self, url: &str, limits: FetchLimits) -> Result<Fetched, OutboundError> {
        let _ = (url, limits, &self.policy);
        todo!()
    }

    /// The TXT records of a name; none when the name has none.
    ///
    /// # Errors
    /// [`OutboundError`] when the name servers could not be asked.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, OutboundError> {
        let _ = name;
        todo!()
    }
}
