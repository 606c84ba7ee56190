//! What can go wrong with SIP, in words that say what to do.

use std::io;
use std::net::SocketAddr;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum TelephonyError {
    /// No transport was asked for.
    #[error("expected an address for SIP over UDP, TCP or TLS, got none; set at least one")]
    NoListener,
    /// Somebody else listens there.
    #[error(
        "expected to listen for SIP on {transport} {address}, but another program has that port; stop it or choose another port"
    )]
    PortTaken {
        /// `UDP` or `TCP`.
        transport: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address could not be bound.
    #[error(
        "expected to listen for SIP on {transport} {address}; check that this machine has the address and that the port may be used"
    )]
    Bind {
        /// `UDP` or `TCP`.
        transport: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or its key cannot be used.
    #[error(
        "expected a certificate chain and its key in PEM, got something else: {0}; check both files"
    )]
    Certificate(String),
    /// The SIP stack could not be started.
    #[error("expected the SIP stack to start: {0}")]
    Stack(String),
}
