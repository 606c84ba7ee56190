//! A telephone in software: takes calls and makes them, plays a tone and measures what it hears.
//!
//! Serves the demo, the tests and the benchmarks; it speaks to Ringfence over real SIP and RTP and knows nothing of it.

mod config;
mod error;
mod incoming;
mod line;
mod meter;
mod outcome;
mod outgoing;
mod phone;
mod port;
mod sdp;
mod sound;

pub use config::{Answer, Behaviour, CallRequest, Hold, SoftphoneConfig, Then, Transport};
pub use error::SoftphoneError;
pub use outcome::{CallResult, Counters, Heard, HungUpBy};
pub use phone::Softphone;
