//! The machine itself.

use std::collections::VecDeque;
use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegId, LegOutcome, Party, Timestamp};
use ringfence_routing::{Route, StepOutcome};

use crate::next::{Manner, Next};
use crate::state::State;
use crate::transferring::Transfer;
use crate::types::{Action, Input, Options, Output, TransferAsk};
use crate::waiting::Meanwhile;

/// A caller that acknowledges nothing is told as broken after 32 s (RFC 3261 §13.3.1.4); this is for when that is not told.
pub(crate) const ANSWERING_FOR: Duration = Duration::from_secs(40);

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
    pub(crate) recording: bool,
    pub(crate) hold_changes: u32,
    /// Somebody is to take the callee's place.
    pub(crate) transfer: Option<Transfer>,
    /// How often that was wanted.
    pub(crate) transfers: u32,
    /// The callee that asked for it has hung up.
    pub(crate) callee_left: bool,
    /// We have answered the caller ourselves: it is hung up and not refused.
    pub(crate) caller_is_up: bool,
    /// The number of what was played last.
    pub(crate) playing: u32,
    /// What the caller hears until somebody is there for it.
    pub(crate) meanwhile: Meanwhile,
}

impl Call {
    /// A call that rings the candidates of `route`, from `now` on: the first [`Output::Timeout`] is at `now`. It never asks.
    pub fn new(route: Route, options: Options, now: Timestamp) -> Self {
        let rings = route.candidates.into_iter().map(|one| Next::Ring {
            candidates: vec![one],
            manner: Manner::default(),
        });
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
            transfers: 0,
            callee_left: false,
            caller_is_up: false,
            playing: 0,
            meanwhile: Meanwhile::default(),
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

    /// Whether somebody is wanted in the place of who talks with the caller, and that is not over.
    pub fn is_transferring(&self) -> bool {
        self.transfer.is_some()
    }

    /// The next thing to do, or when to come back.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if let (State::Talking { until, .. }, Some(transfer)) = (&self.state, &self.transfer) {
            return Output::Timeout(transfer.until().min(*until));
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
            | State::Consenting { until, .. }
            | State::Waiting { until }
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
            Next::Ring { candidates, manner } => self.ring(candidates, manner, now),
            Next::Say(_) | Next::Menu { .. } | Next::TakeMessage { .. } | Next::Wait { .. }
                if self.caller_is_up =>
            {
                self.play_step(next, now);
            }
            Next::Say(_) | Next::Menu { .. } | Next::TakeMessage { .. } | Next::Wait { .. } => {
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
                    Some(StepOutcome::Done) if !self.meanwhile.has_waited => Disposition::Rejected,
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
            Input::Transfer { leg, to } => {
                self.wants_transfer(leg, TransferAsk::Wished { leg, to }, now);
            }
            Input::PutThrough { leg } => {
                self.wants_transfer(leg, TransferAsk::PutThrough { leg }, now);
            }
            Input::Join { leg, with } => {
                self.wants_transfer(leg, TransferAsk::Join { leg, with }, now);
            }
            Input::JoinWith { candidate, reason } => self.join_with(&candidate, reason, now),
            Input::TakenOver => self.taken_over(now),
            Input::TransferTo {
                candidates,
                reason,
                meanwhile,
            } => self.transfer_to(candidates, reason, meanwhile, now),
            Input::TransferRefused { code, reason } => self.transfer_refused(code, reason, now),
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
            Input::LegDigit { leg, key } => self.leg_pressed(leg, key, now),
            // Nobody waits for these keys.
            Input::Digit { .. } => {}
            Input::Gone { party: _, reason } => {
                if self.is_talking() {
                    self.server_hangs_up(Disposition::Answered, reason, now);
                } else if self.caller_is_up {
                    self.break_ringing(Party::Server, Disposition::Abandoned, 480, &reason);
                }
            }
            Input::LookAgain => self.look_again(now),
            Input::Broken { code, reason } => self.break_off(code, &reason, now),
            Input::Stop => self.stop(now),
        }
    }

    fn timeout(&mut self, now: Timestamp) {
        match &self.state {
            State::New { at } if now >= *at => self.ask(None, now),
            State::Ringing { .. } => self.ringing_timeout(now),
            State::Consenting { until, .. } if now >= *until => self.consent_timeout(now),
            State::Waiting { until } if now >= *until => self.look_again(now),
            State::Answering { until, .. }
            | State::Saying { until, .. }
            | State::Choosing { until, .. }
            | State::Greeting { until, .. }
            | State::Message { until, .. }
                if now >= *until =>
            {
                self.step_timeout(now);
            }
            State::Talking { until, .. } if now < *until => self.transfer_timeout(now),
            State::Talking { .. } => {
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

    pub(crate) fn emit(&mut self, event: CallEventKind) {
        self.outputs.push_back(Output::Emit(event));
    }

    pub(crate) fn ask_transfer(&mut self, ask: TransferAsk) {
        self.outputs.push_back(Output::AskTransfer(ask));
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.outputs.push_back(Output::Do(action));
    }
}
