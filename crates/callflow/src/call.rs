//! The machine itself.

use std::collections::VecDeque;

use ringfence_model::{
    CallEventKind, Disposition, LegId, LegOutcome, Party, RecordingId, Timestamp,
};
use ringfence_routing::{Candidate, Refusal, Route};

use crate::types::{Action, Input, LegFailure, Options, Output};
use crate::verdict;

/// More changes of hold than this are not told any more: nobody can make a call's timeline grow without end.
const MAX_HOLD_CHANGES: u32 = 200;

/// One call, from its first candidate to its end.
#[derive(Debug)]
pub struct Call {
    options: Options,
    waiting: VecDeque<Candidate>,
    refusal: Option<Refusal>,
    outcomes: Vec<LegOutcome>,
    last_failure: Option<String>,
    ringing_until: Timestamp,
    state: State,
    outputs: VecDeque<Output>,
    /// Legs that were given up and may still answer.
    given_up: Vec<LegId>,
    recording: bool,
    hold_changes: u32,
    /// Somebody is rung to take the callee's place.
    transfer: Option<Transfer>,
    /// The callee that asked for it has hung up.
    callee_left: bool,
}

#[derive(Debug, Clone, Copy)]
struct Transfer {
    leg: LegId,
    until: Timestamp,
    seconds: u64,
    heard: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing has been done yet; the first `Timeout` begins.
    New {
        at: Timestamp,
    },
    Ringing {
        leg: LegId,
        until: Timestamp,
        seconds: u64,
        heard: bool,
        told: Option<(u16, bool)>,
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
    /// A call that rings the candidates of `route`, from `now` on: the first [`Output::Timeout`] is at `now`.
    pub fn new(route: Route, options: Options, now: Timestamp) -> Self {
        Self {
            options,
            waiting: route.candidates.into(),
            refusal: route.refuse,
            outcomes: Vec::new(),
            last_failure: None,
            ringing_until: now + options.max_ringing,
            state: State::New { at: now },
            outputs: VecDeque::new(),
            given_up: Vec::new(),
            recording: false,
            hold_changes: 0,
            transfer: None,
            callee_left: false,
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
            State::Ringing { until, .. }
            | State::Talking { until, .. }
            | State::Closing { until, .. } => Output::Timeout(*until),
            State::Over => Output::Idle,
        }
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
                if self.is_talking() {
                    self.recording = true;
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
            // Nobody waits for a key or a sound in a flow that only rings and talks.
            Input::Digit { .. }
            | Input::LegDigit { .. }
            | Input::CallerAnswered
            | Input::Played { .. }
            | Input::MessageTaken { .. } => {}
            Input::Gone { party: _, reason } => {
                if self.is_talking() {
                    self.server_hangs_up(Disposition::Answered, reason, now);
                }
            }
            Input::Broken { code, reason } => self.break_off(code, &reason, now),
            Input::Stop => self.stop(now),
        }
    }

    fn ring_next(&mut self, now: Timestamp) {
        let in_time = now < self.ringing_until;
        match self.waiting.pop_front() {
            Some(candidate) if in_time => {
                self.emit(CallEventKind::Ringing {
                    leg: candidate.leg,
                    target: candidate.target,
                    name: candidate.name.clone(),
                    reason: candidate.reason.clone(),
                });
                let until = (now + candidate.ring_timeout).min(self.ringing_until);
                self.state = State::Ringing {
                    leg: candidate.leg,
                    until,
                    seconds: until.since(now).as_secs(),
                    heard: false,
                    told: None,
                };
                self.act(Action::Ring(candidate));
            }
            _ => {
                let refusal = self.refusal.take();
                let verdict =
                    verdict::of_call(&self.outcomes, self.last_failure.as_deref(), refusal);
                self.refuse(verdict.disposition, verdict.code, verdict.reason);
            }
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
    fn transfer_ended(&mut self, now: Timestamp) {
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

    fn progress(&mut self, from: LegId, code: u16, early_media: bool) {
        if let Some(transfer) = self
            .transfer
            .as_mut()
            .filter(|transfer| transfer.leg == from)
        {
            transfer.heard = true;
        }
        let State::Ringing {
            leg, heard, told, ..
        } = &mut self.state
        else {
            return;
        };
        if *leg != from {
            return;
        }
        *heard = true;
        // Once the caller hears the leg, a later response without SDP takes nothing back (RFC 3960 §3.1).
        let early_media = early_media || told.is_some_and(|(_, heard)| heard);
        if !(180..=183).contains(&code) || *told == Some((code, early_media)) {
            return;
        }
        *told = Some((code, early_media));
        self.emit(CallEventKind::Progress {
            leg: from,
            code,
            early_media,
        });
        self.act(Action::RelayProgress {
            leg: from,
            code,
            early_media,
        });
    }

    fn answered(&mut self, from: LegId, now: Timestamp) {
        if self.is_talking() && self.transfer.is_some_and(|transfer| transfer.leg == from) {
            self.transfer = None;
            self.callee_left = false;
            if let State::Talking { held_by_callee, .. } = &mut self.state {
                *held_by_callee = false;
            }
            self.emit(CallEventKind::Answered { leg: from });
            return self.act(Action::HandOver { leg: from });
        }
        match self.state {
            State::Ringing { leg, .. } if leg == from => {
                self.state = State::Talking {
                    until: now + self.options.max_length,
                    held_by_caller: false,
                    held_by_callee: false,
                };
                self.emit(CallEventKind::Answered { leg });
                self.act(Action::Bridge { leg });
            }
            _ => {
                if let Some(position) = self.given_up.iter().position(|leg| *leg == from) {
                    self.given_up.swap_remove(position);
                    self.act(Action::Release { leg: from });
                }
            }
        }
    }

    fn leg_failed(&mut self, from: LegId, failure: LegFailure, now: Timestamp) {
        self.given_up.retain(|leg| *leg != from);
        if let State::Ringing { leg, .. } = self.state
            && leg == from
        {
            let (outcome, code, reason) = verdict::of_leg(failure);
            self.end_leg(leg, outcome, code, reason);
            self.ring_next(now);
        } else if self.transfer.is_some_and(|transfer| transfer.leg == from) {
            let (outcome, code, reason) = verdict::of_leg(failure);
            self.end_leg(from, outcome, code, reason);
            self.transfer_ended(now);
        }
    }

    fn caller_cancelled(&mut self) {
        let reason = "the caller gave up before anybody answered";
        self.break_ringing(Party::Caller, Disposition::Abandoned, 487, reason);
    }

    /// Ends a call that nobody has answered.
    fn break_ringing(&mut self, by: Party, disposition: Disposition, code: u16, reason: &str) {
        let leg = match self.state {
            State::New { .. } => None,
            State::Ringing { leg, .. } => Some(leg),
            _ => return,
        };
        self.emit(CallEventKind::HungUp { by });
        if let Some(leg) = leg {
            self.give_up(leg, LegOutcome::Cancelled, reason.to_owned());
        }
        self.refuse(disposition, code, reason.to_owned());
    }

    fn hung_up(&mut self, by: Party, now: Timestamp) {
        match self.state {
            // A BYE in an early dialog gives up as a CANCEL does (RFC 3261 §15.1.1).
            State::New { .. } | State::Ringing { .. } if by == Party::Caller => {
                self.caller_cancelled();
            }
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
            State::New { at } if now >= *at => {
                self.ringing_until = now + self.options.max_ringing;
                self.ring_next(now);
            }
            State::Ringing {
                leg,
                until,
                seconds,
                heard,
                ..
            } if now >= *until => {
                let (leg, seconds) = (*leg, *seconds);
                let (outcome, reason) = if *heard {
                    (LegOutcome::NoAnswer, format!("no answer in {seconds} s"))
                } else {
                    (LegOutcome::Failed, format!("not a word in {seconds} s"))
                };
                self.give_up(leg, outcome, reason);
                self.ring_next(now);
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

    fn give_up(&mut self, leg: LegId, outcome: LegOutcome, reason: String) {
        self.act(Action::Cancel {
            leg,
            elsewhere: false,
        });
        self.given_up.push(leg);
        self.end_leg(leg, outcome, None, reason);
    }

    fn end_leg(&mut self, leg: LegId, outcome: LegOutcome, code: Option<u16>, reason: String) {
        self.outcomes.push(outcome);
        self.last_failure = Some(reason.clone());
        self.emit(CallEventKind::LegFailed {
            leg,
            outcome,
            code,
            reason,
        });
    }

    fn refuse(&mut self, disposition: Disposition, code: u16, reason: String) {
        self.act(Action::RefuseCaller {
            code,
            reason: reason.clone(),
        });
        self.waiting.clear();
        self.state = State::Over;
        self.emit(CallEventKind::Ended {
            disposition,
            code: Some(code),
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

    fn emit(&mut self, event: CallEventKind) {
        self.outputs.push_back(Output::Emit(event));
    }

    fn act(&mut self, action: Action) {
        self.outputs.push_back(Output::Do(action));
    }
}
