//! What must hold after every event, each by a name.

use std::fmt;

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariant {
    /// No target and no group has more calls at a time, in an hour, day or month than it may.
    NoCapExceeded,
    /// What the table counts is what rings and talks.
    CountsAreTrue,
    /// Nobody is rung who is paused, signed out or away.
    NobodyPausedRung,
    /// Nobody is rung whose breaker is open, and one call at a time finds out.
    BreakersKeepCallsAway,
    /// No decision names a target twice, or one that was full or paused when the facts were read.
    DecisionsFitTheirFacts,
    /// Every decision says why.
    EveryDecisionHasAReason,
    /// A call is talked on by one target at most, and then rings nowhere else.
    OneTalksAndNoneRings,
    /// Every call ends, and once.
    EveryCallEndsOnce,
    /// A call that has ended holds no reservation and no place in a queue.
    TheEndedHoldNothing,
    /// No queue is longer than it may be.
    NoQueueTooLong,
    /// The clock never goes back.
    TimeGoesOn,
    /// The same seed gives the same log.
    SameSeedSameLog,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violation {
    /// What should have held.
    pub invariant: Invariant,
    /// The world's seed.
    pub seed: u64,
    /// The event after which it did not.
    pub event: u64,
    /// What was found.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invariant,
            seed,
            event,
            detail,
        } = self;
        write!(
            f,
            "{invariant:?} does not hold after event {event} of seed {seed}: {detail}; step through it with `replay {seed}`"
        )
    }
}
