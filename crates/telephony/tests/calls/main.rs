//! Whole calls between SIPp as the trunk, the server, and SIPp as the targets: real SIP on loopback.

mod answered;
mod failing;
mod harness;
mod limits;
mod lossy;
mod strangers;
