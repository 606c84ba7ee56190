//! What a softphone tells back.

use std::time::Duration;

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HungUpBy {
    /// This softphone: it had talked long enough, or gave up.
    Us,
    /// The other side: BYE, or a final refusal.
    Them,
}

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Heard {
    /// The loudest of the expected tones in Hz; `None` when there was none of them.
    pub tone_hz: Option<f64>,
    /// Its amplitude, 0.0 to 1.0 (full scale).
    pub level: f64,
    /// RTP packets with sound.
    pub packets: u64,
    /// Packets that the sequence numbers say are missing.
    pub lost: u64,
    /// Distinct synchronization sources: more than one means that the stream broke.
    pub sources: u32,
}

/// What came of a call that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// The final status code: 200, 486, 487 after giving up; 408 when none came.
    pub final_code: u16,
    /// Somebody answered.
    pub answered: bool,
    /// From the INVITE to its final response.
    pub setup: Duration,
    /// The provisional responses that came, in order: 100, 180, 183.
    pub provisional: Vec<u16>,
    /// What was heard from the answer to the end (before it, when there was early media only).
    pub heard: Heard,
    /// What was heard before the answer.
    pub heard_early: Heard,
    /// Who ended it.
    pub hung_up_by: HungUpBy,
}

/// Calls that came in, by what became of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counters {
    /// INVITEs.
    pub offered: u64,
    /// Answered, and acknowledged.
    pub answered: u64,
    /// Refused, busy included.
    pub refused: u64,
    /// Given up by the caller while it rang.
    pub cancelled: u64,
    /// Answered calls under way.
    pub active: u64,
    /// Answered calls that are over.
    pub ended: u64,
    /// What was heard in the last answered call that is over.
    pub last_heard: Option<Heard>,
}
