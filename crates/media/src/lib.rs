//! The sound of calls: RTP carried between two sides, and recorded beside them.
//!
//! Knows no SIP, no SDP and no database: it is told where each side listens and what it can hear, and tells back
//! what it carried. Sound never waits for a disk: the recorder has threads and a bounded queue of its own.

#![expect(
    clippy::similar_names,
    reason = "caller and callee are the field's own words"
)]

mod builtin;
mod clip;
mod decode;
mod ends;
mod engine;
mod error;
mod finish;
pub mod g711;
mod keys;
mod latch;
mod library;
mod player;
mod ports;
mod recorder;
mod recovery;
mod relay;
mod rtcp;
pub mod rtp;
mod session;
mod stream;
mod timeline;
pub mod tone;
mod wav;
mod waveform;
mod writer;

pub use builtin::{names as builtin_prompts, number as spoken_number};
pub use clip::{Clip, Piece};
pub use decode::decode_prompt;
pub use engine::{MediaConfig, MediaEngine};
pub use error::MediaError;
pub use library::Library;
pub use recorder::{RecordingPlan, RecordingReport};
pub use recovery::recover;
pub use session::{Codecs, Ear, Line, MediaReport, Notice, Remote, Session, Side, SideReport};
pub use stream::Reception;
pub use waveform::{Waveform, waveform};
