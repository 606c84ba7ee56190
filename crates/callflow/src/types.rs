//! What goes into a call's state machine and what comes out.

use std::time::Duration;

use ringfence_model::{CallEventKind, LegId, Party, RecordingId, Timestamp};
use ringfence_routing::Candidate;

/// Limits of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long all candidates together may ring.
    pub max_ringing: Duration,
    /// How long an answered call may last.
    pub max_length: Duration,
    /// How long the end of a call waits for its recording to be closed.
    pub closing: Duration,
}

impl Default for Options {
    /// Three minutes of ringing (Timer C, RFC 3261 §16.6), four hours of talk, ten seconds for the recording.
    fn default() -> Self {
        Self {
            max_ringing: Duration::from_mins(3),
            max_length: Duration::from_hours(4),
            closing: Duration::from_secs(10),
        }
    }
}

/// Why a leg did not take the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegFailure {
    /// It sent a final response other than 2xx.
    Response {
        /// The status code, 300 to 699.
        code: u16,
        /// The words beside it.
        phrase: String,
    },
    /// It could not be reached or never said anything; the words say what was tried.
    Unreachable(String),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The instant of the last [`Output::Timeout`] has come.
    Timeout,
    /// A provisional response of a leg, 100 to 199.
    Progress {
        /// The leg.
        leg: LegId,
        /// The status code.
        code: u16,
        /// It carries an SDP answer that the caller can hear.
        early_media: bool,
    },
    /// A leg answered (2xx), acknowledged already.
    Answered {
        /// The leg.
        leg: LegId,
    },
    /// A leg ended without an answer.
    LegFailed {
        /// The leg.
        leg: LegId,
        /// Why.
        failure: LegFailure,
    },
    /// The caller gave up (CANCEL, RFC 3261 §9.2) before the answer left.
    CallerCancelled,
    /// A side hung up (BYE).
    HungUp {
        /// The caller or the callee.
        by: Party,
    },
    /// A side put the other on hold (re-INVITE, RFC 3264 §8.4).
    Held {
        /// The caller or the callee.
        by: Party,
    },
    /// A side came back.
    Resumed {
        /// The caller or the callee.
        by: Party,
    },
    /// Recording began.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
    },
    /// Recording could not begin, go on or be closed. To be said once.
    RecordingFailed {
        /// Why, in words that are shown.
        reason: String,
    },
    /// The answer to [`Action::CloseRecording`].
    RecordingClosed {
        /// The recording, when it is whole.
        whole: Option<RecordingId>,
    },
    /// A side pressed a key: once for each press, however it was told (RFC 4733, or INFO).
    Digit {
        /// The caller or the callee.
        by: Party,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// The callee wants the caller put through to somebody else, and it is allowed (RFC 5589 §6.1). The caller
    /// and the callee talk on until that one answers.
    Transfer {
        /// Who is to be rung.
        candidate: Candidate,
    },
    /// A side is not there any more: it gave no sign of life (RFC 4028 §10).
    Gone {
        /// The caller or the callee.
        party: Party,
        /// What it did not do, in words that are shown.
        reason: String,
    },
    /// No sound came from either side for so long.
    Silence {
        /// How long.
        lasting: Duration,
    },
    /// The call cannot go on: an error of ours, or a side that broke the protocol.
    Broken {
        /// The status code for a caller that was not answered yet, 400 to 699.
        code: u16,
        /// Why, in words that are shown.
        reason: String,
    },
    /// The server stops now.
    Stop,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send an INVITE to this candidate.
    Ring(Candidate),
    /// Send the caller this provisional response, with the leg's sound when it has some.
    RelayProgress {
        /// The leg.
        leg: LegId,
        /// 180 to 183.
        code: u16,
        /// Send the leg's SDP along.
        early_media: bool,
    },
    /// Give the leg up: CANCEL it as soon as that is allowed (RFC 3261 §9.1).
    Cancel {
        /// The leg.
        leg: LegId,
    },
    /// Answer the caller with this leg's answer, and begin to record.
    Bridge {
        /// The leg.
        leg: LegId,
    },
    /// Join the caller with this leg in the place of the one that is talked to, and hang that one up.
    HandOver {
        /// The leg.
        leg: LegId,
    },
    /// Hang up a leg that answered after it had been given up.
    Release {
        /// The leg.
        leg: LegId,
    },
    /// Send the caller a final response that refuses.
    RefuseCaller {
        /// 400 to 699.
        code: u16,
        /// Why, in words.
        reason: String,
    },
    /// Send BYE to a side.
    HangUp {
        /// The caller or the callee.
        party: Party,
    },
    /// Close the recording and say [`Input::RecordingClosed`].
    CloseRecording,
}

/// The machine's answer to [`poll`](crate::Call::poll).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Do this, then poll again.
    Do(Action),
    /// Keep this, then poll again.
    Emit(CallEventKind),
    /// Nothing now: handle [`Input::Timeout`] at this instant, or what happens before.
    Timeout(Timestamp),
    /// Nothing more to do; the call is over.
    Idle,
}
