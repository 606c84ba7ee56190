//! Whole calls between SIPp as the trunk, the server, and SIPp as the targets: real SIP on loopback.

#![expect(
    clippy::similar_names,
    reason = "caller and callee are what they are called"
)]

mod answered;
mod failing;
mod harness;
mod limits;
mod lossy;
mod strangers;
