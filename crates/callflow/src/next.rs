//! What a call is told to do next.

use std::time::Duration;

use ringfence_model::Timestamp;
use ringfence_routing::{Candidate, Refusal};

use crate::Sound;

/// How candidates are rung, and what comes between their answer and the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// What a caller that was answered by us hears meanwhile.
    pub meanwhile: Sound,
    /// What whoever picks up hears, alone, before it is joined with the caller.
    pub whisper: Option<Sound>,
    /// The key with which whoever picks up takes the call: `0` to `9`, `*`, `#`. Without one, picking up does.
    pub accept_key: Option<char>,
    /// Whether the conversation is recorded.
    pub record: Recorded,
}

impl Manner {
    /// Whether something comes between picking up and the conversation.
    pub(crate) const fn comes_between(&self) -> bool {
        self.whisper.is_some()
            || self.accept_key.is_some()
            || matches!(self.record, Recorded::AfterConsent(_))
    }
}

impl Default for Manner {
    /// Ringback; picking up takes the call, which is recorded when there is a place for it.
    fn default() -> Self {
        Self {
            meanwhile: Sound::repeated("builtin:ringback"),
            whisper: None,
            accept_key: None,
            record: Recorded::Yes,
        }
    }
}

/// Whether a conversation is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is not.
    No,
    /// From the moment in which both sides are joined.
    Yes,
    /// The same, and before that both sides hear this.
    AfterConsent(Sound),
}

/// What a call does next, as its plan says. The first of them that the caller is to hear answers the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ring these, all at once: the first that answers has the call, the others are told that somebody else has it.
    /// Otherwise [`NotAnswered`](ringfence_routing::StepOutcome::NotAnswered) comes of it.
    Ring {
        /// Whom.
        candidates: Vec<Candidate>,
        /// How.
        manner: Manner,
    },
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
    /// Let the caller wait: it hears music until that instant, or until [`Input::LookAgain`](crate::Input::LookAgain) comes.
    /// `Done` comes of it.
    Wait {
        /// What it hears all the while, not begun anew when it hears it already.
        music: Sound,
        /// What it hears before; the music goes on after it, also while others ring.
        announcement: Option<Sound>,
        /// Until when.
        until: Timestamp,
    },
    /// Refuse the call, or hang up a caller that was answered already.
    Refuse(Refusal),
    /// End it with what the targets said.
    End {
        /// What is told when there was no target.
        reason: Option<String>,
    },
}
