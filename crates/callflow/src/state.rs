//! Where a call is.

use std::time::Duration;

use ringfence_model::{CallEventKind, LegId, Timestamp};
use ringfence_routing::StepOutcome;

use crate::next::{Manner, Next};
use crate::types::Sound;

/// A leg that rings.
#[derive(Debug)]
pub(crate) struct Ringing {
    pub(crate) leg: LegId,
    pub(crate) until: Timestamp,
    pub(crate) seconds: u64,
    pub(crate) heard: bool,
    pub(crate) told: Option<(u16, bool)>,
    pub(crate) picked_up: Option<PickedUp>,
}

/// A leg that answered and does not have the call yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PickedUp {
    /// The whisper that it hears, until that is over.
    pub(crate) whisper: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum State {
    /// Nothing has been done yet; the first `Timeout` begins.
    New {
        at: Timestamp,
    },
    /// What is next? This came of the last.
    Asking(Option<StepOutcome>),
    /// The caller is being answered; then comes this.
    Answering {
        then: Next,
        until: Timestamp,
    },
    /// Legs ring, or have picked up and are whispered to, at least one.
    Ringing {
        legs: Vec<Ringing>,
        manner: Manner,
        /// The caller hears none of them before they are joined: several were rung at once, or something comes before.
        unheard: bool,
        relayed: Option<(u16, bool)>,
    },
    /// Both sides are told that they are recorded, before they are.
    Consenting {
        leg: LegId,
        sound: Sound,
        /// What is not over yet; nothing while the caller is being answered.
        playing: Vec<u32>,
        /// Why it was not heard.
        failed: Option<String>,
        until: Timestamp,
    },
    /// The caller waits.
    Waiting {
        until: Timestamp,
    },
    /// The caller hears a prompt.
    Saying {
        playing: u32,
        until: Timestamp,
    },
    /// The caller hears a menu, or has heard it.
    Choosing {
        playing: u32,
        timeout: Duration,
        until: Timestamp,
    },
    /// The caller hears what comes before its message.
    Greeting {
        playing: u32,
        longest: Duration,
        until: Timestamp,
    },
    /// The caller leaves a message.
    Message {
        until: Timestamp,
        caller_left: bool,
        /// We end it, for this reason.
        ended_by_us: Option<String>,
    },
    Talking {
        until: Timestamp,
        held_by_caller: bool,
        held_by_callee: bool,
    },
    /// Hung up; the recording is being closed.
    Closing {
        until: Timestamp,
        ended: CallEventKind,
    },
    Over,
}
