//! What goes into a call's state machine and what comes out.
//!
//! # In which order
//! Every [`Action::Play`] is answered by exactly one [`Input::Played`] with its number, unless the ear is gone before
//! (its leg ended, or the call did). A play to an ear that hears another one takes its place: the earlier one is told
//! as `Stopped`. [`Action::Bridge`], [`Action::HangUp`], [`Action::Cancel`] and [`Action::Release`] end what an ear
//! hears by themselves, and nothing is told of it.
//!
//! **A menu.** `AnswerCaller` → `CallerAnswered` → `Play { to: Caller, stop_on_key: true }` → the first key stops it:
//! `Played { KeyPressed }`, then `Digit { by: Caller, key }`; without a key `Played { Finished }`, and the machine's own
//! timer runs from there. Keys may come before, while and after a prompt plays; each is told once.
//!
//! **Ringing, with the caller answered already.** `Play { to: Caller, sound: Sound::repeated("builtin:ringback") }` (or
//! music), `Ring`, … → `Answered { leg }` → `Bridge { leg }`: what the caller hears stops, both talk, recording begins.
//! `RelayProgress` towards a caller that was answered sends nothing; with `early_media` the caller hears the leg as
//! soon as nothing plays to it.
//!
//! **Several at once.** `Ring(a)`, `Ring(b)`, … → `Answered { b }` → `Bridge { b }`, then
//! `Cancel { leg: a, elsewhere: true }`. A leg that answers all the same comes as `Answered { a }` and is let go with
//! `Release { a }`, which tells it the same reason. The other's end comes as no input.
//!
//! **Whisper, and accept with a key.** `Answered { leg }` → `Play { to: Leg(leg), stop_on_key: true }` → `Played`, and
//! `LegDigit { leg, key }` for every key of a leg that answered and is not joined yet → `Bridge { leg }`, or
//! `Release { leg }` and the next. It may hang up meanwhile: `LegFailed { leg, failure: HungUp }`. The caller goes on
//! hearing what it heard. Several legs may be whispered to at the same time.
//!
//! **Consent before a recording.** After `Answered { leg }`: `Play { to: Caller }` and `Play { to: Leg(leg) }` (the caller
//! must have been answered: `AnswerCaller` first), then, when both were `Played`, `Bridge { leg, record: true }`.
//!
//! **A queue.** `AnswerCaller` → `CallerAnswered` → `Play { to: Caller, sound: music, repeated }`; every half minute
//! `Play { to: Caller, sound: "you are number", Number(3) }`, which takes the music's place (`Played { Stopped }` for it),
//! and after `Played { Finished }` the music again; meanwhile `Ring`, `Cancel`, as often as need be.
//!
//! **Voicemail.** `AnswerCaller` → `CallerAnswered` → `Play { to: Caller, sound: greeting, "builtin:beep" }` →
//! `Played` → `TakeMessage` → `RecordingStarted` → `MessageTaken`, always, exactly once: also after `HungUp { by: Caller }` during the
//! message, which comes before it. The call must not be over ([`Output::Idle`]) before `MessageTaken`, or its message
//! is closed without being told.

use std::time::Duration;

use ringfence_model::{CallEventKind, CallId, LegId, Party, RecordingId, Timestamp};
use ringfence_routing::{Candidate, StepOutcome};

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
    /// It answered, and hung up before it was joined with the caller.
    HungUp,
}

/// Whose ear something is played into. What the other side of the call hears is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ear {
    /// The caller: answered by us, or joined, or neither. To one that was not answered it is early media (183).
    Caller,
    /// A leg that answered: joined, or not yet (a whisper).
    Leg(LegId),
}

/// What is played: pieces, one after another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sound {
    /// At most [`Sound::MOST_PIECES`]; none of them is silence of no length.
    pub pieces: Vec<Piece>,
    /// From the beginning again, until it is stopped: music, ringback. It is never told as finished.
    pub repeated: bool,
}

/// A piece of a [`Sound`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A prompt by its name: one of the account's, or one that every installation has (`builtin:beep`,
    /// `builtin:ringback`, `builtin:music`, `builtin:en/please-hold`, …; the list is in `crates/media/prompts/README.md`).
    Prompt(String),
    /// A number, spoken: 0 to 999; a larger one digit by digit.
    Number {
        /// The number.
        value: u32,
        /// In which language (RFC 5646; `en`, `de`; others are spoken in English).
        language: String,
    },
    /// A sine.
    Tone {
        /// Its frequency in Hz, 100 to 3400.
        hz: u16,
        /// How long, at most a minute.
        lasting: Duration,
    },
    /// Nothing is heard.
    Silence(Duration),
}

impl Sound {
    /// The most pieces of a sound; more are not played, and told as failed.
    pub const MOST_PIECES: usize = 64;

    /// A prompt, once.
    pub fn prompt(name: impl Into<String>) -> Self {
        Self {
            pieces: vec![Piece::Prompt(name.into())],
            repeated: false,
        }
    }

    /// A prompt, over and over again.
    pub fn repeated(name: impl Into<String>) -> Self {
        Self {
            repeated: true,
            ..Self::prompt(name)
        }
    }

    /// The same, with another piece after it.
    #[must_use]
    pub fn then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }
}

/// How playing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// It was heard to its end.
    Finished,
    /// By [`Action::StopPlaying`], or another one took its place.
    Stopped,
    /// Whoever heard it pressed a key, and it was to stop then. The key itself is told next.
    KeyPressed,
    /// It could not be played, or not to its end.
    Failed {
        /// Why, in words that are shown: no such prompt, its file is gone.
        reason: String,
    },
}

/// How a message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEnd {
    /// The caller pressed `#`.
    Key,
    /// The caller hung up.
    HungUp,
    /// The caller said nothing for as long as was allowed.
    Silence,
    /// It was as long as it may be.
    Longest,
    /// By [`Action::CloseRecording`].
    Stopped,
    /// It could not be recorded, or not to its end.
    Failed {
        /// Why, in words that are shown.
        reason: String,
    },
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
    /// The caller has acknowledged our answer ([`Action::AnswerCaller`]): it hears and can be heard.
    CallerAnswered,
    /// What was played is over: once for each [`Action::Play`].
    Played {
        /// Its number.
        playing: u32,
        /// How it ended.
        outcome: Played,
    },
    /// The message is over and on disk: once for each [`Action::TakeMessage`].
    MessageTaken {
        /// The message, when something of it is whole.
        recording: Option<RecordingId>,
        /// Its length.
        lasting: Duration,
        /// How it ended.
        ended: MessageEnd,
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
    /// A leg that answered and is not joined yet pressed a key: once for each press.
    LegDigit {
        /// The leg.
        leg: LegId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// Whoever talks with the caller wants it put through to somebody else (RFC 5589 §6.1). Nobody has said yet that it
    /// may be: [`Output::AskTransfer`] asks.
    Transfer {
        /// The leg of who wants it.
        leg: LegId,
        /// To whom, as that one says it.
        to: String,
    },
    /// Somebody who does not talk in the call wants its caller put through to somebody else; whom, knows whoever brings it.
    /// [`Output::AskTransfer`] asks.
    PutThrough {
        /// The leg of who talks with the caller, and is hung up when another one takes it.
        leg: LegId,
    },
    /// Whoever talks with the caller wants it joined with the one whom it has called in another call of ours (RFC 5589 §7).
    /// [`Output::AskTransfer`] asks.
    Join {
        /// The leg of who wants it.
        leg: LegId,
        /// The other call.
        with: CallId,
    },
    /// It is allowed: take whoever talks there over. The answer to [`Output::AskTransfer`] of a [`TransferAsk::Join`].
    JoinWith {
        /// Who is taken over, and within which time: nobody rings.
        candidate: Candidate,
        /// Who joins the caller with whom, in words that are shown.
        reason: String,
    },
    /// The callee was taken over by another call ([`Action::TakeOver`]): this one is over, and the callee not hung up.
    TakenOver,
    /// It is allowed: ring these. The answer to [`Output::AskTransfer`].
    TransferTo {
        /// Who is rung, together; at least one.
        candidates: Vec<Candidate>,
        /// Who puts the caller through to whom, in words that are shown; told once.
        reason: String,
        /// What the caller hears until one of them answers.
        meanwhile: Sound,
    },
    /// It is not allowed, or nobody is left to ring. The other answer to [`Output::AskTransfer`].
    TransferRefused {
        /// A SIP status code, 400 to 699, for who wants it; what the last of them answered stands before it.
        code: u16,
        /// Why, in words that are shown.
        reason: String,
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
    /// What a caller waits for may have come ([`Next::Wait`](crate::Next::Wait)).
    LookAgain,
    /// The server stops now.
    Stop,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send an INVITE to this candidate; others may be ringing or be talked to.
    Ring(Candidate),
    /// Answer the caller (200) with our own sound, before any leg answered; [`Input::CallerAnswered`] follows. It may
    /// hang up before that (`HungUp`); one that never acknowledges comes as `Broken`. Once is enough.
    AnswerCaller,
    /// Play something into one ear; [`Input::Played`] follows.
    Play {
        /// The machine's own number for it, to be told apart by; one that was not used before in this call.
        playing: u32,
        /// What.
        sound: Sound,
        /// To whom.
        to: Ear,
        /// A key that this ear's side presses stops it.
        stop_on_key: bool,
    },
    /// Stop playing; `Played { Stopped }` follows. One that is over already is let go by.
    StopPlaying {
        /// The number.
        playing: u32,
    },
    /// Record the caller alone, into the call's second file (it has been answered by us, and nobody is joined) until it presses `#`, hangs up, says
    /// nothing for `silence`, or `longest` has passed; [`Input::RecordingStarted`] and [`Input::MessageTaken`] follow.
    TakeMessage {
        /// How long it may be.
        longest: Duration,
        /// How long the caller may say nothing.
        silence: Duration,
    },
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
        /// Another leg took the call: it is told so (RFC 3326, `SIP;cause=200;text="Call completed elsewhere"`), and a
        /// phone does not list the call as missed.
        elsewhere: bool,
    },
    /// Join the caller with this leg. A caller that was not answered yet gets this leg's answer.
    Bridge {
        /// The leg.
        leg: LegId,
        /// Begin to record, when there is a place for it.
        record: bool,
    },
    /// Join the caller with this leg in the place of the one that is talked to, and hang that one up.
    HandOver {
        /// The leg.
        leg: LegId,
    },
    /// Take the callee of the call over that the transfer names, as this leg; `Answered` or `LegFailed` follows. The other
    /// call hears `TakenOver`.
    TakeOver {
        /// The leg.
        leg: LegId,
    },
    /// Tell the leg that wanted a transfer what came of it (RFC 3515 §2.4.4).
    TellTransfer {
        /// The leg.
        leg: LegId,
        /// 200 when somebody took the call, else 400 to 699.
        code: u16,
        /// The words beside it.
        phrase: String,
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
    /// Close the recording and say [`Input::RecordingClosed`]; while a message is taken, end that and say
    /// [`Input::MessageTaken`].
    CloseRecording,
}

/// What is to be said about a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferAsk {
    /// May this leg put the caller through, and who is rung?
    Wished {
        /// The leg.
        leg: LegId,
        /// To whom, as that one says it.
        to: String,
    },
    /// May the caller be put through as somebody wants who does not talk in the call, and who is rung?
    PutThrough {
        /// The leg of who talks with the caller.
        leg: LegId,
    },
    /// May this leg have the caller joined with the one whom it has called?
    Join {
        /// The leg.
        leg: LegId,
        /// The call in which it did.
        with: CallId,
    },
    /// None of those who rang took the call: who is next?
    Next,
}

/// The machine's answer to [`poll`](crate::Call::poll).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Do this, then poll again.
    Do(Action),
    /// Keep this, then poll again.
    Emit(CallEventKind),
    /// Say what is next ([`proceed`](crate::Call::proceed)), then poll again. This came of the last; at first nothing.
    Ask(Option<StepOutcome>),
    /// Answer by [`Input::TransferTo`], [`Input::JoinWith`] or [`Input::TransferRefused`], now or within
    /// [`DECIDED_WITHIN`](crate::DECIDED_WITHIN), and poll on. The call goes on meanwhile.
    AskTransfer(TransferAsk),
    /// Nothing now: handle [`Input::Timeout`] at this instant, or what happens before.
    Timeout(Timestamp),
    /// Nothing more to do; the call is over.
    Idle,
}
