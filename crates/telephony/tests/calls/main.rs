//! Whole calls between SIPp as the trunk, the server, and SIPp as the targets: real SIP on loopback.

#![expect(
    clippy::similar_names,
    reason = "caller and callee are what they are called"
)]

mod answered;
mod changes;
mod digest;
mod early;
mod failing;
mod harness;
mod keys;
mod limits;
mod lossy;
mod phone;
mod registering;
mod registrars;
mod script;
mod scripted;
mod secured;
mod sessions;
mod sounds;
mod strangers;
mod takeovers;
mod torture;
mod transfers;
