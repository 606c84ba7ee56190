//! Host names and address prefixes in their one canonical form.

use std::net::IpAddr;

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
    Err(HostError(text.into()))
}

/// A network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressPrefix(u64);

impl AddressPrefix {
    /// The network of an address; an IPv4 address inside IPv6 counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        let _ = address;
        Self(0)
    }

    /// A number that is different for different networks.
    pub const fn key(self) -> u64 {
        self.0
    }
}
