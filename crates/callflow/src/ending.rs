//! How a call ends, and how its legs do.

use ringfence_model::{
    CallEventKind, Disposition, LegId, LegOutcome, Party, RecordingId, Timestamp,
};
use ringfence_routing::Refusal;

use crate::call::Call;
use crate::state::State;
use crate::types::Action;
use crate::verdict;

impl Call {
    pub(crate) fn end_by_plan(&mut self, refusal: Option<Refusal>) {
        let mut verdict = verdict::of_call(&self.outcomes, self.last_failure.as_deref(), refusal);
        if self.meanwhile.has_waited && verdict.disposition == Disposition::Rejected {
            verdict.disposition = Disposition::Missed;
        }
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

    pub(crate) fn caller_cancelled(&mut self) {
        let reason = "the caller gave up before anybody answered";
        self.break_ringing(Party::Caller, Disposition::Abandoned, 487, reason);
    }

    /// Ends a call that nobody has answered.
    pub(crate) fn break_ringing(
        &mut self,
        by: Party,
        disposition: Disposition,
        code: u16,
        reason: &str,
    ) {
        let legs: Vec<(LegId, bool)> = match &mut self.state {
            State::Ringing { legs, .. } => std::mem::take(legs)
                .into_iter()
                .map(|ringing| (ringing.leg, ringing.picked_up.is_some()))
                .collect(),
            State::Consenting { leg, .. } => vec![(*leg, true)],
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
        for (leg, has_picked_up) in legs {
            if has_picked_up {
                self.act(Action::Release { leg });
                self.end_leg(leg, LegOutcome::Cancelled, None, reason.to_owned());
            } else {
                self.give_up(leg, LegOutcome::Cancelled, reason.to_owned());
            }
        }
        self.end_unanswered(by, disposition, code, reason.to_owned());
    }

    pub(crate) fn stop(&mut self, now: Timestamp) {
        let reason = "the server was stopped";
        if self.is_talking() {
            self.server_hangs_up(Disposition::Answered, reason.to_owned(), now);
        } else {
            self.break_ringing(Party::Server, Disposition::Failed, 503, reason);
        }
    }

    pub(crate) fn break_off(&mut self, code: u16, reason: &str, now: Timestamp) {
        if self.is_talking() {
            self.server_hangs_up(Disposition::Failed, reason.to_owned(), now);
        } else {
            self.break_ringing(Party::Server, Disposition::Failed, code, reason);
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

    pub(crate) fn finish(
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

    pub(crate) fn recording_closed(&mut self, whole: Option<RecordingId>) {
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
}
