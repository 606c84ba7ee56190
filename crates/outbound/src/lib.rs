//! Requests to others' servers, the one place that makes them: addresses are checked and pinned, time and size are capped.
//!
//! A name is resolved here and nowhere else, every address that it has is checked, and the connection goes to those
//! addresses: a second answer of a name server changes nothing. No cookies, no proxies, no scripts.

mod addresses;
mod ask;
mod dns;
mod fetch;
mod mail;
mod post;
mod sip;

use ipnet::IpNet;
use ringfence_model::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub use addresses::is_public;
pub use ask::{Answer, Message, Method};
pub use mail::{Mail, MailError, MailServer, MailTls, Mailer};
pub use post::Posted;
pub use sip::{SipHost, SipServer};

/// What may be reached.
#[derive(Debug, Clone, Default)]
pub struct OutboundPolicy {
    /// Private, loopback and other special addresses may be reached: for the demo and for tests.
    pub allow_private: bool,
    /// Networks that may be reached although they are not public: an operator's own.
    pub allowed_networks: Vec<IpNet>,
    /// Name servers to ask instead of the system's.
    pub name_servers: Vec<SocketAddr>,
}

impl OutboundPolicy {
    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_private
            || is_public(address)
            || self
                .allowed_networks
                .iter()
                .any(|network| network.contains(&address))
    }
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

/// Who asks, as far as the other side is told: a page may be another one for another browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vantage<'a> {
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The `Accept-Language` header, when one is sent.
    pub language: Option<&'a str>,
    /// The `Referer` header, when one is sent.
    pub referrer: Option<&'a str>,
    /// The `Accept` header.
    pub accept: &'a str,
    /// Whether the body may come compressed, as browsers allow. What is counted and capped is what it unpacks to.
    pub compressed: bool,
}

impl Vantage<'static> {
    /// Us, under our own name, who look for a proof.
    pub const PROOF: Self = Self {
        user_agent: concat!("Ringfence/", env!("CARGO_PKG_VERSION"), " (host proof)"),
        language: None,
        referrer: None,
        accept: "text/html, text/plain;q=0.9, */*;q=0.1",
        compressed: false,
    };
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
    /// The body was longer, or ended too early.
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
    /// Not encrypted, and what is sent would be read on the way.
    #[error("expected an https URL, got {0:?}")]
    NotHttps(String),
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
    /// No connection came about, so that nothing was sent.
    #[error("{host} did not answer: {reason}")]
    NotConnected {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// TLS or HTTP failed; what was sent may have arrived.
    #[error("{host} did not answer: {reason}")]
    Failed {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
}

impl OutboundError {
    /// What was sent may have arrived although no answer came.
    pub const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::Failed { .. })
    }

    /// Its stable word, for metrics and cases.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::NotAUrl(_) => "not_a_url",
            Self::NotHttps(_) => "not_https",
            Self::NotResolved { .. } => "not_resolved",
            Self::NotPublic { .. } => "not_public",
            Self::TooManyRedirects(_) => "too_many_redirects",
            Self::TimedOut(_) => "timed_out",
            Self::NotConnected { .. } | Self::Failed { .. } => "failed",
        }
    }
}

/// Reaches others' servers. Clones share their resolver.
#[derive(Clone)]
pub struct Outbound {
    policy: Arc<OutboundPolicy>,
    resolver: dns::Resolver,
    tls: rustls::ClientConfig,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl Outbound {
    /// Under a policy.
    pub fn new(policy: OutboundPolicy) -> Self {
        Self {
            resolver: dns::Resolver::new(&policy.name_servers),
            tls: fetch::tls(),
            policy: Arc::new(policy),
        }
    }

    /// Fetches a URL with GET, under our own name.
    ///
    /// # Errors
    /// [`OutboundError`] when nothing could be had; a status of 400 and above is no error.
    pub async fn fetch(&self, url: &str, limits: FetchLimits) -> Result<Fetched, OutboundError> {
        self.fetch_as(url, &Vantage::PROOF, limits).await
    }

    /// Fetches a URL with GET, as seen from a vantage. Nothing else is told: no cookie, no address of ours but that of
    /// the connection.
    ///
    /// # Errors
    /// [`OutboundError`] when nothing could be had; a status of 400 and above is no error.
    pub async fn fetch_as(
        &self,
        url: &str,
        vantage: &Vantage<'_>,
        limits: FetchLimits,
    ) -> Result<Fetched, OutboundError> {
        let fetched = self.follow(url, vantage, limits).await;
        let outcome = fetched.as_ref().map_or_else(OutboundError::word, |_| "ok");
        metrics::counter!("ringfence_outbound_fetches_total", "outcome" => outcome).increment(1);
        if let Err(error) = &fetched {
            tracing::debug!(%error, "a page could not be fetched");
        }
        fetched
    }

    /// The TXT records of a name, at most 100; none when the name has none.
    ///
    /// # Errors
    /// [`OutboundError::NotResolved`] when the name servers could not be asked.
    pub async fn txt(&self, name: &str) -> Result<Vec<String>, OutboundError> {
        self.resolver.txt(name).await
    }
}
