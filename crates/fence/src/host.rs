//! Host names and address prefixes in their one canonical form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::Url;

/// The longest host name with its port, in octets (RFC 1035 §2.3.4, and `:65535`).
const HOST_MAX: usize = 253 + 6;

/// A text that is no host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name such as www.example.com or localhost:8081, got {0:?}")]
pub struct HostError(pub String);

/// The canonical form of a host: lower case, international names in their ASCII form (IDNA, UTS 46), the port kept
/// where it is not the scheme's own. Accepts a bare host (`www.example.com`, `localhost:8081`) or an http(s) URL.
///
/// # Errors
/// [`HostError`] when it is none.
pub fn normalise_host(text: &str) -> Result<String, HostError> {
    let refused = || HostError(text.chars().take(80).collect());
    let text = text.trim();
    if text.is_empty() || text.len() > 2048 {
        return Err(refused());
    }
    let url = if text.contains("://") {
        Url::parse(text)
    } else if text.contains(['/', '@', '?', '#', '\\']) || text.contains(char::is_whitespace) {
        return Err(refused());
    } else {
        Url::parse(&format!("https://{text}/"))
    }
    .map_err(|_| refused())?;
    // `example.com:80` is the same host as `example.com`, whatever scheme it was written with.
    let port = url.port().filter(|&port| !matches!(port, 80 | 443));
    host_of(&url, port)
        .filter(|host| host.len() <= HOST_MAX)
        .ok_or_else(refused)
}

/// The canonical host of a page's URL.
pub(crate) fn page_host(url: &Url) -> Option<String> {
    host_of(url, url.port())
}

fn host_of(url: &Url, port: Option<u16>) -> Option<String> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let name = url.host_str()?;
    // A dot at the end names the same host.
    let name = name.strip_suffix('.').unwrap_or(name);
    let plausible = !name.is_empty()
        && !name.starts_with('.')
        && !name.contains("..")
        && !name.contains(['*', '%', '\'', '"', '<', '>']);
    plausible.then(|| match port {
        Some(port) => format!("{name}:{port}"),
        None => name.to_string(),
    })
}

/// A network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPrefix(u64);

/// Set for IPv6, whose 48 bits would otherwise meet IPv4's 24.
const IPV6: u64 = 1 << 63;

impl AddressPrefix {
    /// The network of an address; an IPv4 address inside IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits() >> 8)),
            IpAddr::V6(v6) => Self(IPV6 | u64::try_from(v6.to_bits() >> 80).unwrap_or(0)),
        }
    }

    /// A number that is different for different networks.
    pub const fn key(self) -> u64 {
        self.0
    }
}

/// `203.0.113.0/24` or `2001:db8:1::/48`
impl fmt::Display for AddressPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & IPV6 == 0 {
            let bits = u32::try_from(self.0 << 8).unwrap_or(0);
            write!(f, "{}/24", Ipv4Addr::from_bits(bits))
        } else {
            write!(
                f,
                "{}/48",
                Ipv6Addr::from_bits(u128::from(self.0 & !IPV6) << 80)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_host_has_one_form() {
        for (text, host) in [
            ("WWW.Example.com", "www.example.com"),
            ("https://www.example.com/contact?x=1", "www.example.com"),
            ("http://www.example.com:80/", "www.example.com"),
            ("example.com:443", "example.com"),
            ("example.com:80", "example.com"),
            ("localhost:8081", "localhost:8081"),
            ("http://127.0.0.1:8081", "127.0.0.1:8081"),
            ("example.com.", "example.com"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            (" shop.test ", "shop.test"),
        ] {
            assert_eq!(normalise_host(text).as_deref(), Ok(host), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            "   ",
            "a b",
            "user@example.com",
            "ftp://example.com",
            "example.com/path",
            "*.example.com",
            "..",
            "https://",
            "a..b",
            &"a.".repeat(200),
        ] {
            assert!(normalise_host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_is_a_prefix_of_its_addresses() {
        let prefix = |text: &str| AddressPrefix::of(text.parse().unwrap());
        assert_eq!(prefix("203.0.113.7"), prefix("203.0.113.250"));
        assert_eq!(prefix("203.0.113.7"), prefix("::ffff:203.0.113.9"));
        assert_ne!(prefix("203.0.113.7"), prefix("203.0.114.7"));
        assert_eq!(prefix("2001:db8:1:2::3"), prefix("2001:db8:1:ffff::4"));
        assert_ne!(prefix("2001:db8:1::"), prefix("2001:db8:2::"));
        assert_ne!(prefix("::"), prefix("0.0.0.0"));
        assert_eq!(prefix("203.0.113.7").to_string(), "203.0.113.0/24");
        assert_eq!(prefix("2001:db8:1:2::3").to_string(), "2001:db8:1::/48");
    }

    proptest! {
        #[test]
        fn a_canonical_host_is_its_own_canonical_form(text in "\\PC{0,40}") {
            if let Ok(host) = normalise_host(&text) {
                prop_assert_eq!(normalise_host(&host), Ok(host.clone()));
            }
        }
    }
}
