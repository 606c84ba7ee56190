//! Two who talk: hold, and who hangs up.

use ringfence_model::{CallEventKind, Disposition, Party, Timestamp};

use crate::call::Call;
use crate::state::State;
use crate::types::Action;

/// More changes of hold than this are not told any more: nobody can make a call's timeline grow without end.
const MAX_HOLD_CHANGES: u32 = 200;

impl Call {
    pub(crate) fn hung_up(&mut self, by: Party, now: Timestamp) {
        match self.state {
            // Whoever put the caller through may go before that one answers.
            State::Talking { .. } if by == Party::Callee && self.transfer.is_some() => {
                self.transferor_left();
            }
            State::Talking { .. } => {
                self.drop_transfer();
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

    /// Somebody new is there, and has put nobody on hold.
    pub(crate) fn held_by_nobody(&mut self) {
        if let State::Talking { held_by_callee, .. } = &mut self.state {
            *held_by_callee = false;
        }
    }

    pub(crate) fn server_hangs_up(
        &mut self,
        disposition: Disposition,
        reason: String,
        now: Timestamp,
    ) {
        self.drop_transfer();
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
