//! What a walk says: what to do next with a call, and how it came to that.

use std::time::Duration;

use ringfence_model::{CallerIdShown, E164, Record, Strategy, TargetGroupId, TrunkId};

use crate::balance::{Choice, Passed};

/// What to do next, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The steps since the last decision, in order, each with what was decided there and why.
    pub path: Vec<PathEntry>,
    /// What to do.
    pub instruction: Instruction,
}

/// One thing that was decided at a step, for the call's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathEntry {
    /// The step's name.
    pub step: String,
    /// What was decided and why, in words that are shown.
    pub reason: String,
}

/// What to do with a call until [`Walk::outcome`](crate::Walk::outcome) says what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Ring these, round by round.
    Ring {
        /// The group whose targets they are.
        group: TargetGroupId,
        /// What put them in order.
        strategy: Strategy,
        /// One after the other, or at once.
        mode: RingMode,
        /// Whom to ring, in order; never empty.
        choices: Vec<Choice>,
        /// Who is passed over.
        passed: Vec<Passed>,
        /// How.
        options: RingOptions,
    },
    /// Play the prompt and wait for a key.
    Menu {
        /// The prompt.
        prompt: String,
        /// Keys that lead somewhere; any other is [`StepOutcome::Key`] all the same.
        keys: Vec<String>,
        /// How long to wait after the prompt.
        timeout: Duration,
        /// The how-manieth time the caller is asked, from 1.
        attempt: u8,
    },
    /// Play a prompt.
    Say {
        /// The prompt.
        prompt: String,
    },
    /// Let the caller wait; ring whoever is free.
    Queue {
        /// The group whose targets are waited for.
        group: TargetGroupId,
        /// Whom to ring at once. [`Walk::free_now`](crate::Walk::free_now) tells who is free later.
        choices: Vec<Choice>,
        /// The longest wait.
        longest_wait: Duration,
        /// The most callers who wait: whoever puts the call into the queue counts, and says
        /// [`StepOutcome::Failed`] when it is full by then.
        length: u32,
        /// What the caller hears.
        music: Option<String>,
        /// The prompt before the caller's place.
        position: Option<String>,
        /// The key that asks to be called back.
        call_back_key: Option<String>,
        /// How to ring.
        options: RingOptions,
    },
    /// Take a message.
    Voicemail {
        /// The prompt before the tone.
        prompt: Option<String>,
        /// The longest message.
        longest: Duration,
    },
    /// Ring a number over a trunk.
    Forward {
        /// The number.
        number: E164,
        /// The trunk.
        trunk: TrunkId,
        /// How long it rings.
        timeout: Duration,
    },
    /// The plan refuses the call. One that was answered already is hung up.
    Reject {
        /// A SIP status code, 400 to 699.
        code: u16,
        /// Why, in words that are shown.
        reason: String,
    },
    /// The plan is at its end without a word of its own. A call that nobody answered is refused with the code that
    /// follows from what the targets said; one that was is hung up.
    HangUp {
        /// Why, in words that are shown.
        reason: String,
    },
}

impl Instruction {
    /// Whether the call ends with it.
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::Reject { .. } | Self::HangUp { .. })
    }
}

/// How the candidates of a ring step are rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingMode {
    /// One after the other.
    Sequential,
    /// All of a round at once: the first to answer has the call, the others are told "answered elsewhere".
    Simultaneous,
}

/// How a target is rung.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RingOptions {
    /// A prompt that only the callee hears, before both sides are joined.
    pub whisper: Option<String>,
    /// A key that the callee must press to take the call.
    pub accept_key: Option<String>,
    /// The number that the callee sees.
    pub caller_id: CallerIdShown,
    /// Whether the call is recorded; `None` as the account wants.
    pub record: Option<Record>,
}

/// What came of an [`Instruction`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// The prompt was played to its end, or the message left.
    Done,
    /// The caller pressed a key.
    Key(char),
    /// The caller pressed none in time.
    NoKey,
    /// Nobody answered.
    NotAnswered {
        /// What the last one said or did, in words that are shown.
        reason: String,
    },
    /// The longest wait of a queue is over.
    WaitedTooLong,
    /// The caller asked to be called back.
    CallBackAsked,
    /// It could not be done.
    Failed {
        /// Why, in words that are shown.
        reason: String,
    },
    /// Somebody answered: the plan has done its work.
    Answered,
    /// The caller hung up.
    CallerLeft,
}
