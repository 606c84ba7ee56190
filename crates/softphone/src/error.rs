//! What keeps a softphone from working.

use std::net::SocketAddr;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum SoftphoneError {
    /// The address could not be bound.
    #[error(
        "expected to bind {address} for SIP; check that the address is this machine's and the port is free"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something to dial is no user part of a SIP URI (RFC 3261 §25.1).
    #[error("expected a number to dial or to call from, got {0:?}")]
    Number(String),
    /// The SIP stack refused.
    #[error("expected the SIP stack to go along, got: {0}")]
    Sip(String),
}
