//! Who asks: origin, user agent and address of a request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Extensions, HeaderMap, header};
use ipnet::IpNet;
use ringfence_platform::Platform;
use ringfence_platform::visits::FollowUp;

/// The longest language tag that is kept (RFC 5646 §4.4.1).
const LANGUAGE_MAX: usize = 35;

/// What a request's head says of the browser.
#[derive(Debug)]
pub(super) struct Asking {
    pub origin: Option<String>,
    pub user_agent: String,
    /// The first of its `Accept-Language`.
    pub language: Option<String>,
    pub address: IpAddr,
    pub content_type: Option<String>,
}

impl Asking {
    pub fn of(request: Request, platform: &Platform) -> (Self, Body) {
        let (parts, body) = request.into_parts();
        let asking = Self {
            origin: text(&parts.headers, &header::ORIGIN),
            user_agent: text(&parts.headers, &header::USER_AGENT).unwrap_or_default(),
            language: text(&parts.headers, &header::ACCEPT_LANGUAGE)
                .and_then(|all| Some(all.split([',', ';']).next()?.trim().to_owned()))
                .filter(|first| !first.is_empty() && first.len() <= LANGUAGE_MAX),
            address: address(
                &parts.extensions,
                &parts.headers,
                &platform.settings.trusted_proxies,
            ),
            content_type: text(&parts.headers, &header::CONTENT_TYPE),
        };
        (asking, body)
    }

    pub fn follow_up<'a>(&'a self, site: &'a str, visit: Option<&'a str>) -> FollowUp<'a> {
        FollowUp {
            origin: self.origin.as_deref(),
            user_agent: &self.user_agent,
            address: self.address,
            language: self.language.as_deref(),
            site,
            visit,
            lease: None,
        }
    }
}

pub(super) fn text(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The browser's address: the socket's, or what trusted proxies say. Of the addresses in `X-Forwarded-For` the last
/// that is no trusted proxy counts, for what stands before it was written by whoever that is.
pub(crate) fn address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let socket = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| {
            address.ip().to_canonical()
        });
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(socket) {
        return socket;
    }
    let mut nearest = socket;
    let said: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for text in said.into_iter().rev() {
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            break;
        };
        nearest = address.to_canonical();
        if !is_trusted(nearest) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(socket: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut extensions = Extensions::new();
        let socket: SocketAddr = socket.parse().unwrap();
        extensions.insert(ConnectInfo(socket));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        address(&extensions, &headers, &trusted).to_string()
    }

    #[test]
    fn a_forwarded_address_is_believed_from_trusted_proxies_only() {
        let proxy = ["10.0.0.0/8"];
        let said = ["203.0.113.7"];
        assert_eq!(seen("198.51.100.1:9", &said, &proxy), "198.51.100.1");
        assert_eq!(seen("10.0.0.1:9", &said, &proxy), "203.0.113.7");
        assert_eq!(seen("10.0.0.1:9", &said, &[]), "10.0.0.1");
        assert_eq!(seen("[::ffff:10.0.0.1]:9", &said, &proxy), "203.0.113.7");
    }

    #[test]
    fn what_a_browser_writes_before_the_proxy_does_is_not_believed() {
        let proxy = ["10.0.0.0/8"];
        assert_eq!(
            seen("10.0.0.1:9", &["192.0.2.1, 203.0.113.7, 10.0.0.2"], &proxy),
            "203.0.113.7"
        );
        assert_eq!(
            seen("10.0.0.1:9", &["192.0.2.1", "203.0.113.7"], &proxy),
            "203.0.113.7"
        );
        assert_eq!(
            seen("10.0.0.1:9", &["192.0.2.1, nonsense"], &proxy),
            "10.0.0.1"
        );
        assert_eq!(seen("10.0.0.1:9", &["2001:db8::7"], &proxy), "2001:db8::7");
    }
}
