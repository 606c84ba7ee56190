//! What a call is told to do next.

use std::time::Duration;

use ringfence_routing::{Candidate, Refusal};

use crate::Sound;

/// What a call does next, as its plan says. The first of them that the caller is to hear answers the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ring these, all at once: the first that answers has the call, the others are told that somebody else has it.
    /// Otherwise [`NotAnswered`](ringfence_routing::StepOutcome::NotAnswered) comes of it.
    Ring(Vec<Candidate>),
    /// Play something to its end: `Done`, or `Failed`.
    Say(Sound),
    /// Play something and wait for a key, as long after its end: `Key`, `NoKey`, or `Failed`.
    Menu {
        /// What is asked. A key stops it.
        sound: Sound,
        /// How long after its end.
        timeout: Duration,
    },
    /// Play the greeting, then take a message; the call ends with it.
    TakeMessage {
        /// What comes before, with the tone.
        greeting: Sound,
        /// The longest message.
        longest: Duration,
    },
    /// Refuse the call, or hang up a caller that was answered already.
    Refuse(Refusal),
    /// End it with what the targets said.
    End {
        /// What is told when there was no target.
        reason: Option<String>,
    },
}
