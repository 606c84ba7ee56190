//! One fetch: each hop is resolved, checked, pinned and capped.

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, LOCATION, REFERER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use ringfence_model::Duration;
use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

use crate::{FetchLimits, Fetched, Outbound, OutboundError, Vantage};

/// The longest URL that is fetched, in octets.
const URL_MAX: usize = 4096;

impl Outbound {
    pub(crate) async fn follow(
        &self,
        url: &str,
        vantage: &Vantage<'_>,
        limits: FetchLimits,
    ) -> Result<Fetched, OutboundError> {
        let deadline = Instant::now() + limits.time;
        let late = || OutboundError::TimedOut(limits.time);
        let mut url = parsed(url)?;
        for _ in 0..=limits.redirects {
            let response = timeout_at(deadline, self.hop(&url, vantage, limits))
                .await
                .map_err(|_| late())??;
            let Some(onward) = next(&url, &response)? else {
                let fetched = body(response, &url, limits.body, deadline).await?;
                return fetched.ok_or_else(late);
            };
            url = onward;
        }
        Err(OutboundError::TooManyRedirects(limits.redirects))
    }

    async fn hop(
        &self,
        url: &Url,
        vantage: &Vantage<'_>,
        limits: FetchLimits,
    ) -> Result<Response, OutboundError> {
        let client = self
            .client(url, vantage.user_agent, vantage.compressed, limits.time)
            .await?;
        let mut request = client.get(url.clone()).header(ACCEPT, vantage.accept);
        if let Some(language) = vantage.language {
            request = request.header(ACCEPT_LANGUAGE, language);
        }
        if let Some(referrer) = vantage.referrer {
            request = request.header(REFERER, referrer);
        }
        if !vantage.compressed {
            request = request.header(ACCEPT_ENCODING, "identity");
        }
        request.send().await.map_err(|error| failed(url, &error))
    }

    /// A client for this URL alone, which connects to the addresses that were checked and follows nothing.
    pub(crate) async fn client(
        &self,
        url: &Url,
        user_agent: &str,
        compressed: bool,
        time: Duration,
    ) -> Result<Client, OutboundError> {
        let host = url.host_str().unwrap_or_default();
        let addresses = self.checked_addresses(url).await?;
        Client::builder()
            .use_preconfigured_tls(self.tls.clone())
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .user_agent(user_agent)
            .gzip(compressed)
            .deflate(compressed)
            .brotli(compressed)
            .connect_timeout(time)
            .pool_max_idle_per_host(0)
            .resolve_to_addrs(host, &addresses)
            .build()
            .map_err(|error| failed(url, &error))
    }

    /// Refuses a literal address that may not be reached; a name passes, for it is looked up later.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), OutboundError> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(v4)) => v4.into(),
            Some(Host::Ipv6(v6)) => v6.into(),
            _ => return Ok(()),
        };
        if self.policy.allows(address) {
            return Ok(());
        }
        Err(OutboundError::NotPublic {
            host: url.host_str().unwrap_or_default().into(),
            address,
        })
    }

    /// Every address that the URL's host has, when all of them may be reached.
    async fn checked_addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, OutboundError> {
        let addresses = match url.host() {
            Some(Host::Ipv4(v4)) => vec![v4.into()],
            Some(Host::Ipv6(v6)) => vec![v6.into()],
            Some(Host::Domain(name)) => self.resolver.addresses(name).await?,
            None => return Err(not_a_url(url.as_str())),
        };
        if let Some(&address) = addresses.iter().find(|&&a| !self.policy.allows(a)) {
            return Err(OutboundError::NotPublic {
                host: url.host_str().unwrap_or_default().into(),
                address,
            });
        }
        let port = url.port_or_known_default().unwrap_or(80);
        Ok(addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect())
    }
}

/// Roots as browsers trust them, and ring for the arithmetic.
pub(crate) fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(crate) fn parsed(text: &str) -> Result<Url, OutboundError> {
    Url::parse(text)
        .ok()
        .filter(|url| text.len() <= URL_MAX && acceptable(url))
        .ok_or_else(|| not_a_url(text))
}

/// User and password are refused with the rest: a redirect must not make us show any.
fn acceptable(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
}

fn next(url: &Url, response: &Response) -> Result<Option<Url>, OutboundError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(location.as_bytes());
    url.join(&text)
        .ok()
        .filter(|onward| onward.as_str().len() <= URL_MAX && acceptable(onward))
        .map(Some)
        .ok_or_else(|| not_a_url(&text))
}

/// The body as far as it comes in time, for a browser shows that much too; `None` when nothing of it did.
async fn body(
    mut response: Response,
    url: &Url,
    most: usize,
    deadline: Instant,
) -> Result<Option<Fetched>, OutboundError> {
    let mut body = Vec::new();
    let cut = loop {
        let Ok(chunk) = timeout_at(deadline, response.chunk()).await else {
            if body.is_empty() {
                return Ok(None);
            }
            break true;
        };
        match chunk {
            Ok(Some(chunk)) => {
                let room = most - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break true;
                }
            }
            Ok(None) => break false,
            Err(error) if body.is_empty() => return Err(failed(url, &error)),
            Err(_) => break true,
        }
    };
    Ok(Some(Fetched {
        status: response.status().as_u16(),
        content_type: response
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into()),
        body,
        cut,
        final_url: url.to_string(),
    }))
}

fn not_a_url(text: &str) -> OutboundError {
    OutboundError::NotAUrl(text.chars().take(80).collect())
}

/// The innermost reason says the most: `Connection refused`.
pub(crate) fn failed(url: &Url, error: &reqwest::Error) -> OutboundError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    let host = url.host_str().unwrap_or_default().into();
    if error.is_connect() {
        OutboundError::NotConnected { host, reason }
    } else {
        OutboundError::Failed { host, reason }
    }
}
