//! A telephone in software: takes calls and makes them, plays a tone and measures what it hears.
//!
//! Serves the demo, the tests and the benchmarks; it speaks to Ringfence over real SIP and RTP and knows nothing of it.

mod phone;

pub use phone::{
    Answer, Behaviour, CallRequest, CallResult, Counters, Heard, HungUpBy, Softphone,
    SoftphoneConfig, SoftphoneError, Then, Transport,
};
