//! Rate limits per address prefix: the generic cell rate algorithm (ITU-T Rec. I.371) over bounded keys.

/// A rate with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a minute that may go on for ever; 0 turns the limit off.
    pub per_minute: u32,
    /// Requests that may come at once after a quiet time.
    pub burst: u32,
}
