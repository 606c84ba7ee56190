//! Calls, their legs, and everything that happens to them.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{
    AccountId, CallId, E164, LegId, NumberId, PlanId, RecordingId, ServerId, Source, TargetGroupId,
    TargetId, Timestamp, TrunkId, VisitId,
};

words! {
    /// How a call ended.
    Disposition {
        /// Somebody spoke.
        Answered = "answered",
        /// Every target was tried and none answered.
        Missed = "missed",
        /// The caller gave up before anybody answered.
        Abandoned = "abandoned",
        /// A message was left.
        Voicemail = "voicemail",
        /// The plan refused it.
        Rejected = "rejected",
        /// It broke: an error of ours, or an interrupted process.
        Failed = "failed",
    }
}

words! {
    /// How sure an attribution is.
    Confidence {
        /// One visit held the number when it was dialled.
        Certain = "certain",
        /// One visit held it until shortly before.
        Likely = "likely",
        /// Several visits may have seen it; the source is the best of them.
        Shared = "shared",
        /// Nobody is known to have seen it.
        Unknown = "unknown",
    }
}

words! {
    /// Which side of a call did something.
    Party {
        /// The inbound leg.
        Caller = "caller",
        /// The outbound leg.
        Callee = "callee",
        /// Ringfence itself.
        Server = "server",
    }
}

words! {
    /// How an outbound leg ended.
    LegOutcome {
        /// It was answered.
        Answered = "answered",
        /// It was busy (486, 600).
        Busy = "busy",
        /// It did not answer in its time.
        NoAnswer = "no_answer",
        /// It refused (403, 603, 3xx, …).
        Refused = "refused",
        /// It failed (5xx, unreachable, no response).
        Failed = "failed",
        /// It was given up because the caller left or another leg answered.
        Cancelled = "cancelled",
    }
}

words! {
    /// Where a recording is in its life.
    RecordingState {
        /// Being written.
        Open = "open",
        /// Whole, with its checksum.
        Closed = "closed",
        /// Cut by a crash and mended at the next start.
        Recovered = "recovered",
        /// Could not be written (whole); the call's events say why.
        Failed = "failed",
        /// To be erased: nobody hears it any more, and its file is about to go.
        Erasing = "erasing",
        /// Erased: its file is gone.
        Erased = "erased",
    }
}

/// An inbound leg, its outbound legs, and what came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its identifier.
    pub id: CallId,
    /// Whose number was dialled.
    pub account: AccountId,
    /// The tracking number that was dialled.
    pub number: NumberId,
    /// Its digits.
    pub dialled: E164,
    /// The caller's number, when it is one and is not withheld.
    pub caller: Option<E164>,
    /// The trunk that it came in on.
    pub trunk: TrunkId,
    /// The plan that routed it.
    pub plan: Option<PlanId>,
    /// The SIP Call-ID of the inbound leg; empty once the call is erased.
    pub sip_call_id: String,
    /// When the INVITE came.
    pub started_at: Timestamp,
    /// When somebody answered.
    pub answered_at: Option<Timestamp>,
    /// When it was over; `None` while under way.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` while under way.
    pub disposition: Option<Disposition>,
    /// Why, in words: `486 Busy Here from the last target`, `interrupted`.
    pub reason: Option<String>,
    /// The target that answered.
    pub target: Option<TargetId>,
    /// More than one target was rung.
    pub failed_over: bool,
    /// The visit that the call is attributed to.
    pub visit: Option<VisitId>,
    /// The source that the call is attributed to.
    pub source: Option<Source>,
    /// How sure the attribution is.
    pub confidence: Confidence,
    /// The server that took it; none of a call that came before servers had names.
    pub server: Option<ServerId>,
}

impl Call {
    /// Whether what it told of its caller was erased: a call comes with a Call-ID, and an erased one has none.
    pub const fn is_erased(&self) -> bool {
        self.sip_call_id.is_empty()
    }
}

/// An outbound leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Its identifier.
    pub id: LegId,
    /// The call that it belongs to.
    pub call: CallId,
    /// Whose call it is.
    pub account: AccountId,
    /// The target that it rings.
    pub target: TargetId,
    /// 0 for the first leg of its call, 1 for the second, …
    pub position: u32,
    /// When the INVITE left.
    pub started_at: Timestamp,
    /// When it answered.
    pub answered_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` while ringing.
    pub outcome: Option<LegOutcome>,
    /// The final SIP status code, when one came.
    pub code: Option<u16>,
}

/// One thing that happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// The call.
    pub call: CallId,
    /// Whose call it is.
    pub account: AccountId,
    /// 0, 1, 2, … in the order in which things happened.
    pub sequence: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: CallEventKind,
}

/// What can happen to a call. Rows keep it as JSON, so a variant's fields may be added to, never renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CallEventKind {
    /// The INVITE came.
    Arrived,
    /// Its visit and source were worked out.
    Attributed {
        /// How sure.
        confidence: Confidence,
        /// The source's name.
        source: Option<String>,
        /// Why, in words that are shown.
        reason: String,
    },
    /// A step of the plan was taken.
    Decided {
        /// The step's name.
        step: String,
        /// What was decided there and why, in words that are shown.
        reason: String,
    },
    /// A target is being rung.
    Ringing {
        /// The leg.
        leg: LegId,
        /// The target.
        target: TargetId,
        /// Its name at that time.
        name: String,
        /// For which group it rings, when it does for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<TargetGroupId>,
        /// Why this one, in words that are shown.
        reason: String,
    },
    /// A provisional response came from a target (RFC 3261 §21.1).
    Progress {
        /// The leg.
        leg: LegId,
        /// The status code: 180, 183, …
        code: u16,
        /// It carried sound (SDP) that the caller now hears.
        early_media: bool,
    },
    /// A target did not take the call.
    LegFailed {
        /// The leg.
        leg: LegId,
        /// How it ended.
        outcome: LegOutcome,
        /// The status code, when one came.
        code: Option<u16>,
        /// Why, in words that are shown.
        reason: String,
    },
    /// A target picked up, and is not joined with the caller yet: it hears something first, or has to press a key.
    PickedUp {
        /// The leg.
        leg: LegId,
        /// What it has to do, in words that are shown.
        reason: String,
    },
    /// Something that a side was to hear could not be played; the call goes on.
    SoundFailed {
        /// What and why, in words that are shown.
        reason: String,
    },
    /// A target answered: both sides talk.
    Answered {
        /// The leg.
        leg: LegId,
    },
    /// Whoever talks with the caller wants it put through to somebody else, and that one is rung.
    Transferring {
        /// The leg of who talks with the caller.
        leg: LegId,
        /// Who puts it through to whom, in words that are shown.
        reason: String,
    },
    /// The caller was not put through: nobody took the call, or that may not be. It stays with who talked, if that one is
    /// still there.
    TransferFailed {
        /// The leg of who wanted it.
        leg: LegId,
        /// Why, in words that are shown.
        reason: String,
    },
    /// Whoever talked with the caller is gone, and the call goes on: somebody else takes it, or is rung to.
    Left {
        /// The leg.
        leg: LegId,
    },
    /// A side put the other on hold.
    Held {
        /// Which.
        by: Party,
    },
    /// A side came back from hold.
    Resumed {
        /// Which.
        by: Party,
    },
    /// Recording began.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
    },
    /// Recording could not begin or go on; the call does.
    RecordingFailed {
        /// Why, in words that are shown.
        reason: String,
    },
    /// Recording ended and the file is whole.
    RecordingFinished {
        /// The recording.
        recording: RecordingId,
    },
    /// A side hung up, or gave up while it rang.
    HungUp {
        /// Which.
        by: Party,
    },
    /// It is over.
    Ended {
        /// How it ended.
        disposition: Disposition,
        /// The status code that the caller's side was sent, when it was never answered.
        code: Option<u16>,
        /// Why, in words that are shown.
        reason: String,
    },
}

/// The sound of a call on disk: a stereo WAV file, the caller left, the callee right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its identifier.
    pub id: RecordingId,
    /// The call.
    pub call: CallId,
    /// Whose call it is.
    pub account: AccountId,
    /// Where it is, below the recordings folder; empty once it is erased.
    pub path: String,
    /// When recording began.
    pub started_at: Timestamp,
    /// Its length in milliseconds; 0 while open.
    pub duration_ms: u64,
    /// Its size in octets; 0 while open.
    pub size: u64,
    /// SHA-256 of the whole file, 32 octets, once closed.
    pub sha256: Option<Vec<u8>>,
    /// Where it is in its life.
    pub state: RecordingState,
}
