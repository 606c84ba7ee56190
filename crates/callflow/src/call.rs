//! The machine itself.

use std::collections::VecDeque;
use std::time::Duration;

use ringfence_model::{
    CallEventKind, Disposition, LegId, LegOutcome, Party, RecordingId, Timestamp,
};
use ringfence_routing::{Candidate, Refusal, Route, StepOutcome};

use crate::next::Next;
use crate::types::{Action, Input, Options, Output};
use crate::verdict;

/// More changes of hold than this are not told any more: nobody can make a call's timeline grow without end.
const MAX_HOLD_CHANGES: u32 = 200;

/// A caller that acknowledges nothing is told as broken after 32 s (RFC 3261 §13.3.1.4); this is for when that is not told.
const ANSWERING_FOR: Duration = Duration::from_secs(40);

/// One call, from its beginning to its end.
#[derive(Debug)]
pub struct Call {
    pub(crate) options: Options,
    /// What it does, when all of that is known beforehand; otherwise it asks.
    script: Option<VecDeque<Next>>,
    pub(crate) outcomes: Vec<LegOutcome>,
    pub(crate) last_failure: Option<String>,
    /// From its first ring on.
    pub(crate) ringing_until: Option<Timestamp>,
    pub(crate) state: State,
    outputs: VecDeque<Output>,
    /// Legs that were given up and may still answer.
    pub(crate) given_up: Vec<LegId>,
    recording: bool,
    hold_changes: u32,
    /// Somebody is rung to take the callee's place.
    pub(crate) transfer: Option<Transfer>,
    /// The callee that asked for it has hung up.
    pub(crate) callee_left: bool,
    /// We have answered the caller ourselves: it is hung up and not refused.
    pub(crate) caller_is_up: bool,
    /// The number of what was played last.
    pub(crate) playing: u32,
    /// The number of the ringback that the caller hears from us.
    pub(crate) ringback: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) leg: LegId,
    until: Timestamp,
    seconds: u64,
    pub(crate) heard: bool,
}

/// A leg that rings.
#[derive(Debug)]
pub(crate) struct Ringing {
    pub(crate) leg: LegId,
    pub(crate) until: Timestamp,
    pub(crate) seconds: u64,
    pub(crate) heard: bool,
    pub(crate) told: Option<(u16, bool)>,
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
    /// Legs ring, at least one.
    Ringing {
        legs: Vec<Ringing>,
        /// More than one was rung at once: the caller hears none of them before it answers.
        together: bool,
        relayed: Option<(u16, bool)>,
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

impl Call {
    /// A call that rings the candidates of `route`, from `now` on: the first [`Output::Timeout`] is at `now`. It never asks.
    pub fn new(route: Route, options: Options, now: Timestamp) -> Self {
        let rings = route
            .candidates
            .into_iter()
            .map(|one| Next::Ring(vec![one]));
        let last = route.refuse.map(Next::Refuse);
        Self {
            script: Some(rings.chain(last).collect()),
            ..Self::asking(options, now)
        }
    }

    /// A call that asks what to do ([`Output::Ask`]), from `now` on: the first [`Output::Timeout`] is at `now`.
    pub fn asking(options: Options, now: Timestamp) -> Self {
        Self {
            options,
            script: None,
            outcomes: Vec::new(),
            last_failure: None,
            ringing_until: None,
            state: State::New { at: now },
            outputs: VecDeque::new(),
            given_up: Vec::new(),
            recording: false,
            hold_changes: 0,
            transfer: None,
            callee_left: false,
            caller_is_up: false,
            playing: 0,
            ringback: None,
        }
    }

    /// Whether `Ended` has been said or waits to be polled.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether a candidate has answered and both sides may talk.
    pub fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    /// The next thing to do, or when to come back.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if let (State::Talking { until, .. }, Some(transfer)) = (&self.state, self.transfer) {
            return Output::Timeout(transfer.until.min(*until));
        }
        match &self.state {
            State::New { at } => Output::Timeout(*at),
            State::Asking(outcome) => Output::Ask(outcome.clone()),
            State::Ringing { legs, .. } => {
                let first = legs.iter().map(|leg| leg.until).min();
                // There is always one; without any, the next look finds that out.
                Output::Timeout(first.unwrap_or(Timestamp::from_micros(0)))
            }
            State::Answering { until, .. }
            | State::Saying { until, .. }
            | State::Choosing { until, .. }
            | State::Greeting { until, .. }
            | State::Message { until, .. }
            | State::Talking { until, .. }
            | State::Closing { until, .. } => Output::Timeout(*until),
            State::Over => Output::Idle,
        }
    }

    /// Answers [`Output::Ask`]. When nothing is asked, it is let go by.
    pub fn proceed(&mut self, next: Next, now: Timestamp) {
        let State::Asking(outcome) = &self.state else {
            return;
        };
        let outcome = outcome.clone();
        match next {
            Next::Ring(candidates) => self.ring(candidates, now),
            Next::Say(_) | Next::Menu { .. } | Next::TakeMessage { .. } if self.caller_is_up => {
                self.play_step(next, now);
            }
            Next::Say(_) | Next::Menu { .. } | Next::TakeMessage { .. } => {
                self.caller_is_up = true;
                self.act(Action::AnswerCaller);
                self.state = State::Answering {
                    then: next,
                    until: now + ANSWERING_FOR,
                };
            }
            Next::Refuse(refusal) => self.end_by_plan(Some(refusal)),
            Next::End { reason } if self.outcomes.is_empty() && reason.is_some() => {
                // Who only heard something was sent away; who could not be put through was missed.
                let disposition = match outcome {
                    Some(StepOutcome::Done) => Disposition::Rejected,
                    _ => Disposition::Missed,
                };
                let reason = reason.unwrap_or_default();
                self.end_unanswered(Party::Server, disposition, 480, reason);
            }
            Next::End { .. } => self.end_by_plan(None),
        }
    }

    /// Says what came of the last thing, and wants to know what is next.
    pub(crate) fn ask(&mut self, outcome: Option<StepOutcome>, now: Timestamp) {
        self.state = State::Asking(outcome);
        if let Some(script) = &mut self.script {
            let next = script.pop_front().unwrap_or(Next::End { reason: None });
            self.proceed(next, now);
        }
    }

    fn end_by_plan(&mut self, refusal: Option<Refusal>) {
        let verdict = verdict::of_call(&self.outcomes, self.last_failure.as_deref(), refusal);
        self.end_unanswered(
            Party::Server,
            verdict.disposition,
            verdict.code,
            verdict.reason,
        );
    }

    /// The end of a call that nobody answered but us: the caller is refused, or hung up when `by` is not the caller.
    pub(crate) fn end_unanswered(
        &mut self,
        by: Party,
        disposition: Disposition,
        code: u16,
        reason: String,
    ) {
        let code = if self.caller_is_up {
            if by != Party::Caller {
                self.act(Action::HangUp {
                    party: Party::Caller,
                });
            }
            None
        } else {
            self.act(Action::RefuseCaller {
                code,
                reason: reason.clone(),
            });
            Some(code)
        };
        self.state = State::Over;
        self.emit(CallEventKind::Ended {
            disposition,
            code,
            reason,
        });
    }

    /// Tells the machine what happened. Anything may come at any time; what no longer matters is let go by.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        match input {
            Input::Timeout => self.timeout(now),
            Input::Progress {
                leg,
                code,
                early_media,
            } => self.progress(leg, code, early_media),
            Input::Answered { leg } => self.answered(leg, now),
            Input::LegFailed { leg, failure } => self.leg_failed(leg, failure, now),
            Input::CallerCancelled => self.caller_cancelled(),
            Input::HungUp { by } => self.hung_up(by, now),
            Input::Held { by } => self.hold(by, true),
            Input::Resumed { by } => self.hold(by, false),
            Input::RecordingStarted { recording } => {
                self.recording |= self.is_talking();
                if self.is_talking() || matches!(self.state, State::Message { .. }) {
                    self.emit(CallEventKind::RecordingStarted { recording });
                }
            }
            Input::RecordingFailed { reason } => {
                if matches!(self.state, State::Talking { .. } | State::Closing { .. }) {
                    self.emit(CallEventKind::RecordingFailed { reason });
                }
            }
            Input::RecordingClosed { whole } => self.recording_closed(whole),
            Input::Silence { lasting } => {
                if let State::Talking {
                    held_by_caller: false,
                    held_by_callee: false,
                    ..
                } = self.state
                {
                    let reason =
                        format!("no sound came from either side for {} s", lasting.as_secs());
                    self.server_hangs_up(Disposition::Answered, reason, now);
                }
            }
            Input::Transfer { candidate } => self.transfer_to(candidate, now),
            Input::Digit {
                by: Party::Caller,
                key,
            } => self.pressed(key, now),
            Input::CallerAnswered => self.caller_answered(now),
            Input::Played { playing, outcome } => self.played(playing, outcome, now),
            Input::MessageTaken {
                recording,
                lasting,
                ended,
            } => self.message_taken(recording, lasting, &ended),
            // Nobody waits for these keys.
            Input::Digit { .. } | Input::LegDigit { .. } => {}
            Input::Gone { party: _, reason } => {
                if self.is_talking() {
                    self.server_hangs_up(Disposition::Answered, reason, now);
                } else if self.caller_is_up {
                    self.break_ringing(Party::Server, Disposition::Abandoned, 480, &reason);
                }
            }
            Input::Broken { code, reason } => self.break_off(code, &reason, now),
            Input::Stop => self.stop(now),
        }
    }

    fn transfer_to(&mut self, candidate: Candidate, now: Timestamp) {
        if !self.is_talking() || self.transfer.is_some() {
            return;
        }
        self.emit(CallEventKind::Ringing {
            leg: candidate.leg,
            target: candidate.target,
            name: candidate.name.clone(),
            reason: candidate.reason.clone(),
        });
        let until = now + candidate.ring_timeout.min(self.options.max_ringing);
        self.transfer = Some(Transfer {
            leg: candidate.leg,
            until,
            seconds: until.since(now).as_secs(),
            heard: false,
        });
        self.act(Action::Ring(candidate));
    }

    /// Nobody takes the callee's place; a callee that has left already leaves the caller alone.
    pub(crate) fn transfer_ended(&mut self, now: Timestamp) {
        self.transfer = None;
        if self.callee_left {
            self.emit(CallEventKind::HungUp { by: Party::Callee });
            self.act(Action::HangUp {
                party: Party::Caller,
            });
            let reason = "the callee hung up, and nobody took the transfer".to_owned();
            self.finish(Disposition::Answered, None, reason, now);
        }
    }

    /// The call ends: nobody is needed in the callee's place.
    fn drop_transfer(&mut self, reason: &str) {
        if let Some(transfer) = self.transfer.take() {
            self.give_up(transfer.leg, LegOutcome::Cancelled, reason.to_owned());
        }
    }

    fn caller_cancelled(&mut self) {
        let reason = "the caller gave up before anybody answered";
        self.break_ringing(Party::Caller, Disposition::Abandoned, 487, reason);
    }

    /// Ends a call that nobody has answered.
    fn break_ringing(&mut self, by: Party, disposition: Disposition, code: u16, reason: &str) {
        let legs = match &mut self.state {
            State::Ringing { legs, .. } => std::mem::take(legs),
            State::Message {
                caller_left,
                ended_by_us,
                ..
            } => {
                // It is over when its message is on disk.
                if by != Party::Caller {
                    if !*caller_left && ended_by_us.is_none() {
                        *ended_by_us = Some(reason.to_owned());
                        self.act(Action::CloseRecording);
                    }
                } else if !*caller_left {
                    *caller_left = true;
                    self.emit(CallEventKind::HungUp { by });
                }
                return;
            }
            State::Talking { .. } | State::Closing { .. } | State::Over => return,
            _ => Vec::new(),
        };
        self.emit(CallEventKind::HungUp { by });
        for ringing in legs {
            self.give_up(ringing.leg, LegOutcome::Cancelled, reason.to_owned());
        }
        self.end_unanswered(by, disposition, code, reason.to_owned());
    }

    fn hung_up(&mut self, by: Party, now: Timestamp) {
        match self.state {
            // Whoever put the caller through may go before that one answers.
            State::Talking { .. } if by == Party::Callee && self.transfer.is_some() => {
                self.callee_left = true;
            }
            State::Talking { .. } => {
                self.drop_transfer("the call ended before anybody took the transfer");
                self.emit(CallEventKind::HungUp { by });
                let (other, who) = match by {
                    Party::Caller => (Some(Party::Callee), "the caller hung up"),
                    Party::Callee => (Some(Party::Caller), "the callee hung up"),
                    Party::Server => (None, "the server hung up"),
                };
                match other {
                    Some(Party::Callee) if self.callee_left => {}
                    Some(party) => self.act(Action::HangUp { party }),
                    None => self.hang_up_both(),
                }
                self.finish(Disposition::Answered, None, who.to_owned(), now);
            }
            // A BYE in an early dialog gives up as a CANCEL does (RFC 3261 §15.1.1).
            _ if by == Party::Caller => self.caller_cancelled(),
            _ => {}
        }
    }

    fn hold(&mut self, by: Party, on: bool) {
        let State::Talking {
            held_by_caller,
            held_by_callee,
            ..
        } = &mut self.state
        else {
            return;
        };
        let held = match by {
            Party::Caller => held_by_caller,
            Party::Callee => held_by_callee,
            Party::Server => return,
        };
        if *held == on {
            return;
        }
        *held = on;
        self.hold_changes += 1;
        if self.hold_changes <= MAX_HOLD_CHANGES {
            self.emit(if on {
                CallEventKind::Held { by }
            } else {
                CallEventKind::Resumed { by }
            });
        }
    }

    fn timeout(&mut self, now: Timestamp) {
        match &self.state {
            State::New { at } if now >= *at => self.ask(None, now),
            State::Ringing { .. } => self.ringing_timeout(now),
            State::Answering { until, .. }
            | State::Saying { until, .. }
            | State::Choosing { until, .. }
            | State::Greeting { until, .. }
            | State::Message { until, .. }
                if now >= *until =>
            {
                self.step_timeout(now);
            }
            State::Talking { until, .. }
                if now < *until && self.transfer.is_some_and(|transfer| now >= transfer.until) =>
            {
                if let Some(transfer) = self.transfer {
                    let seconds = transfer.seconds;
                    let (outcome, reason) = if transfer.heard {
                        (LegOutcome::NoAnswer, format!("no answer in {seconds} s"))
                    } else {
                        (LegOutcome::Failed, format!("not a word in {seconds} s"))
                    };
                    self.give_up(transfer.leg, outcome, reason);
                    self.transfer_ended(now);
                }
            }
            State::Talking { until, .. } if now >= *until => {
                let reason = format!(
                    "it reached the longest length that is allowed, {} s",
                    self.options.max_length.as_secs()
                );
                self.server_hangs_up(Disposition::Answered, reason, now);
            }
            State::Closing { until, .. } if now >= *until => {
                self.emit(CallEventKind::RecordingFailed {
                    reason: format!(
                        "the recording was not closed within {} s",
                        self.options.closing.as_secs()
                    ),
                });
                self.recording_closed(None);
            }
            _ => {}
        }
    }

    fn stop(&mut self, now: Timestamp) {
        let reason = "the server was stopped";
        if self.is_talking() {
            self.server_hangs_up(Disposition::Answered, reason.to_owned(), now);
        } else {
            self.break_ringing(Party::Server, Disposition::Failed, 503, reason);
        }
    }

    fn break_off(&mut self, code: u16, reason: &str, now: Timestamp) {
        if self.is_talking() {
            self.server_hangs_up(Disposition::Failed, reason.to_owned(), now);
        } else {
            self.break_ringing(Party::Server, Disposition::Failed, code, reason);
        }
    }

    fn server_hangs_up(&mut self, disposition: Disposition, reason: String, now: Timestamp) {
        self.drop_transfer("the call ended before anybody took the transfer");
        self.emit(CallEventKind::HungUp { by: Party::Server });
        self.hang_up_both();
        self.finish(disposition, None, reason, now);
    }

    fn hang_up_both(&mut self) {
        self.act(Action::HangUp {
            party: Party::Caller,
        });
        if !self.callee_left {
            self.act(Action::HangUp {
                party: Party::Callee,
            });
        }
    }

    pub(crate) fn give_up(&mut self, leg: LegId, outcome: LegOutcome, reason: String) {
        self.act(Action::Cancel {
            leg,
            elsewhere: false,
        });
        self.given_up.push(leg);
        self.end_leg(leg, outcome, None, reason);
    }

    pub(crate) fn end_leg(
        &mut self,
        leg: LegId,
        outcome: LegOutcome,
        code: Option<u16>,
        reason: String,
    ) {
        self.outcomes.push(outcome);
        self.last_failure = Some(reason.clone());
        self.emit(CallEventKind::LegFailed {
            leg,
            outcome,
            code,
            reason,
        });
    }

    fn finish(
        &mut self,
        disposition: Disposition,
        code: Option<u16>,
        reason: String,
        now: Timestamp,
    ) {
        let ended = CallEventKind::Ended {
            disposition,
            code,
            reason,
        };
        if self.recording {
            self.act(Action::CloseRecording);
            self.state = State::Closing {
                until: now + self.options.closing,
                ended,
            };
        } else {
            self.state = State::Over;
            self.emit(ended);
        }
    }

    fn recording_closed(&mut self, whole: Option<RecordingId>) {
        if !matches!(self.state, State::Closing { .. }) {
            return;
        }
        if let Some(recording) = whole {
            self.emit(CallEventKind::RecordingFinished { recording });
        }
        if let State::Closing { ended, .. } = std::mem::replace(&mut self.state, State::Over) {
            self.emit(ended);
        }
    }

    pub(crate) fn emit(&mut self, event: CallEventKind) {
        self.outputs.push_back(Output::Emit(event));
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.outputs.push_back(Output::Do(action));
    }
}
