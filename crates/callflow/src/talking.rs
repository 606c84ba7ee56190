//! Two who talk: hold, transfers, and who hangs up.

use ringfence_model::{CallEventKind, Disposition, LegOutcome, Party, Timestamp};
use ringfence_routing::Candidate;

use crate::call::Call;
use crate::state::{State, Transfer};
use crate::types::Action;

/// More changes of hold than this are not told any more: nobody can make a call's timeline grow without end.
const MAX_HOLD_CHANGES: u32 = 200;

impl Call {
    pub(crate) fn transfer_to(&mut self, candidate: Candidate, now: Timestamp) {
        if !self.is_talking() || self.transfer.is_some() {
            return;
        }
        self.emit(CallEventKind::Ringing {
            leg: candidate.leg,
            target: candidate.target,
            name: candidate.name.clone(),
            // Whoever asked for it knows.
            group: None,
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
    pub(crate) fn drop_transfer(&mut self, reason: &str) {
        if let Some(transfer) = self.transfer.take() {
            self.give_up(transfer.leg, LegOutcome::Cancelled, reason.to_owned());
        }
    }

    pub(crate) fn hung_up(&mut self, by: Party, now: Timestamp) {
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

    pub(crate) fn hold(&mut self, by: Party, on: bool) {
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

    pub(crate) fn server_hangs_up(
        &mut self,
        disposition: Disposition,
        reason: String,
        now: Timestamp,
    ) {
        self.drop_transfer("the call ended before anybody took the transfer");
        self.emit(CallEventKind::HungUp { by: Party::Server });
        self.hang_up_both();
        self.finish(disposition, None, reason, now);
    }

    pub(crate) fn hang_up_both(&mut self) {
        self.act(Action::HangUp {
            party: Party::Caller,
        });
        if !self.callee_left {
            self.act(Action::HangUp {
                party: Party::Callee,
            });
        }
    }
}
