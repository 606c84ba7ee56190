//! Transfers: whoever talks with the caller wants it put through to somebody else, who is rung meanwhile.
//!
//! Who that is, and whether it may be, is asked ([`Output::AskTransfer`](crate::Output)); nothing here knows it.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, LegId, LegOutcome, Party, Timestamp};
use ringfence_routing::Candidate;

use crate::call::Call;
use crate::types::{Action, Ear, LegFailure, Sound, TransferAsk};
use crate::verdict;

/// A transfer that nobody has decided about for so long is refused.
pub const DECIDED_WITHIN: Duration = Duration::from_secs(5);

/// More transfers of one call are refused: nobody can make a call's timeline grow without end, nor its legs.
const MOST_TRANSFERS: u32 = 20;

/// A transfer that was wanted and is not over.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The leg of who wants it.
    by: LegId,
    /// Those who ring for it; while there are none, it is being decided who does.
    legs: Vec<Rung>,
    /// Until when that has to be decided.
    decided_by: Timestamp,
    /// When all that rings for it is given up; from the first ring on.
    last: Option<Timestamp>,
    /// What the caller hears meanwhile.
    playing: Option<u32>,
    /// What the last of them answered.
    answered: Option<(u16, String)>,
}

/// A leg that rings for a transfer.
#[derive(Debug)]
struct Rung {
    leg: LegId,
    until: Timestamp,
    seconds: u64,
    heard: bool,
}

impl Transfer {
    /// When to look again.
    pub(crate) fn until(&self) -> Timestamp {
        let first = self.legs.iter().map(|rung| rung.until).min();
        first.unwrap_or(self.decided_by)
    }
}

impl Call {
    pub(crate) fn wants_transfer(&mut self, leg: LegId, ask: TransferAsk, now: Timestamp) {
        if !self.is_talking() || self.transfer.is_some() {
            return self.tell_transfer(leg, 491, "Request Pending");
        }
        self.transfer = Some(Transfer {
            by: leg,
            legs: Vec::new(),
            decided_by: now + DECIDED_WITHIN,
            last: None,
            playing: None,
            answered: None,
        });
        self.transfers += 1;
        if self.transfers > MOST_TRANSFERS {
            let reason = format!("it has been tried {MOST_TRANSFERS} times, the most of a call");
            return self.transfer_refused(603, reason, now);
        }
        self.ask_transfer(ask);
    }

    pub(crate) fn transfer_to(
        &mut self,
        candidates: Vec<Candidate>,
        reason: String,
        meanwhile: Sound,
        now: Timestamp,
    ) {
        let most = self.options.max_ringing;
        let Some(transfer) = self.transfer.as_mut().filter(|one| one.legs.is_empty()) else {
            return;
        };
        let begins = transfer.last.is_none();
        let (by, last) = (transfer.by, *transfer.last.get_or_insert(now + most));
        if now >= last {
            let reason = format!(
                "it has rung for {} s, the most of a transfer",
                most.as_secs()
            );
            return self.transfer_refused(480, reason, now);
        }
        if candidates.is_empty() {
            return self.transfer_refused(480, "there is nobody to ring".to_owned(), now);
        }
        if begins {
            self.emit(CallEventKind::Transferring { leg: by, reason });
            let playing = self.play(meanwhile, Ear::Caller, false);
            if let Some(transfer) = &mut self.transfer {
                transfer.playing = Some(playing);
            }
        }
        for candidate in candidates {
            self.is_rung_until((now + candidate.ring_timeout).min(last), &candidate, now);
            self.act(Action::Ring(candidate));
        }
    }

    /// The caller is to be joined with somebody who talks in another call. It goes on hearing what it hears: whoever puts it
    /// through has it on hold.
    pub(crate) fn join_with(&mut self, candidate: &Candidate, reason: String, now: Timestamp) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        if transfer.last.is_some() {
            return;
        }
        let (by, until) = (transfer.by, now + candidate.ring_timeout);
        transfer.last = Some(until);
        self.emit(CallEventKind::Transferring { leg: by, reason });
        self.is_rung_until(until, candidate, now);
        self.act(Action::TakeOver { leg: candidate.leg });
    }

    /// The callee goes on in another call.
    pub(crate) fn taken_over(&mut self, now: Timestamp) {
        if self.is_talking() {
            self.drop_transfer();
            self.emit(CallEventKind::HungUp { by: Party::Server });
            self.act(Action::HangUp {
                party: Party::Caller,
            });
            let reason = "the callee was joined with another caller".to_owned();
            self.finish(Disposition::Answered, None, reason, now);
        }
    }

    fn is_rung_until(&mut self, until: Timestamp, candidate: &Candidate, now: Timestamp) {
        self.emit(CallEventKind::Ringing {
            leg: candidate.leg,
            target: candidate.target,
            name: candidate.name.clone(),
            // Whoever asked for it knows.
            group: None,
            reason: candidate.reason.clone(),
        });
        if let Some(transfer) = &mut self.transfer {
            transfer.legs.push(Rung {
                leg: candidate.leg,
                until,
                seconds: until.since(now).as_secs(),
                heard: false,
            });
        }
    }

    /// It may not be, or nobody took it: the caller stays with who wanted it. One that has left leaves it alone.
    pub(crate) fn transfer_refused(&mut self, code: u16, reason: String, now: Timestamp) {
        let Some(transfer) = self.transfer.take_if(|one| one.legs.is_empty()) else {
            return;
        };
        let code = if (400..=699).contains(&code) {
            code
        } else {
            603
        };
        let (code, phrase) = transfer
            .answered
            .unwrap_or_else(|| (code, "Declined".into()));
        if let Some(playing) = transfer.playing {
            self.act(Action::StopPlaying { playing });
        }
        let alone = format!("whoever talked with the caller has left, and {reason}");
        self.emit(CallEventKind::TransferFailed {
            leg: transfer.by,
            reason,
        });
        self.tell_transfer(transfer.by, code, &phrase);
        if self.callee_left {
            self.emit(CallEventKind::HungUp { by: Party::Server });
            self.act(Action::HangUp {
                party: Party::Caller,
            });
            self.finish(Disposition::Answered, None, alone, now);
        }
    }

    /// Whoever wants the transfer hangs up before anybody has taken it.
    pub(crate) fn transferor_left(&mut self) {
        if let Some(transfer) = &self.transfer
            && !self.callee_left
        {
            let leg = transfer.by;
            self.callee_left = true;
            self.emit(CallEventKind::Left { leg });
        }
    }

    /// Whether a leg rings for a transfer.
    pub(crate) fn is_rung_for_transfer(&self, leg: LegId) -> bool {
        self.is_talking()
            && self
                .transfer
                .as_ref()
                .is_some_and(|transfer| transfer.legs.iter().any(|rung| rung.leg == leg))
    }

    pub(crate) fn transfer_progressed(&mut self, from: LegId) {
        let legs = self.transfer.iter_mut().flat_map(|one| &mut one.legs);
        for rung in legs.filter(|rung| rung.leg == from) {
            rung.heard = true;
        }
    }

    /// Somebody takes the call.
    pub(crate) fn transferred(&mut self, from: LegId) {
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        self.tell_transfer(transfer.by, 200, "OK");
        if !self.callee_left {
            self.emit(CallEventKind::Left { leg: transfer.by });
        }
        self.callee_left = false;
        self.held_by_nobody();
        self.emit(CallEventKind::Answered { leg: from });
        self.act(Action::HandOver { leg: from });
        for rung in transfer.legs.into_iter().filter(|rung| rung.leg != from) {
            self.act(Action::Cancel {
                leg: rung.leg,
                elsewhere: true,
            });
            self.given_up.push(rung.leg);
            let reason = "another one answered".to_owned();
            self.end_leg(rung.leg, LegOutcome::Cancelled, None, reason);
        }
    }

    pub(crate) fn transfer_leg_failed(&mut self, from: LegId, failure: LegFailure, now: Timestamp) {
        let answered = match &failure {
            LegFailure::Response { code, phrase } if *code >= 400 => (*code, phrase.clone()),
            LegFailure::Response { .. } => (480, "Temporarily Unavailable".into()),
            LegFailure::Unreachable(_) | LegFailure::HungUp => (503, "Service Unavailable".into()),
        };
        let (outcome, code, reason) = verdict::of_leg(failure);
        self.end_leg(from, outcome, code, reason);
        self.rings_no_more(from, answered, now);
    }

    pub(crate) fn transfer_timeout(&mut self, now: Timestamp) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        if transfer.legs.is_empty() {
            if now >= transfer.decided_by {
                let seconds = DECIDED_WITHIN.as_secs();
                let reason = format!("nobody decided about it within {seconds} s");
                self.transfer_refused(503, reason, now);
            }
            return;
        }
        let over: Vec<(LegId, u64, bool)> = transfer
            .legs
            .iter()
            .filter(|rung| now >= rung.until)
            .map(|rung| (rung.leg, rung.seconds, rung.heard))
            .collect();
        for (leg, seconds, heard) in over {
            let (outcome, reason) = if heard {
                (LegOutcome::NoAnswer, format!("no answer in {seconds} s"))
            } else {
                (LegOutcome::Failed, format!("not a word in {seconds} s"))
            };
            self.give_up(leg, outcome, reason);
            self.rings_no_more(leg, (480, "Temporarily Unavailable".into()), now);
        }
    }

    /// The call ends: nobody is needed in the callee's place.
    pub(crate) fn drop_transfer(&mut self) {
        let Some(transfer) = self.transfer.take() else {
            return;
        };
        let reason = "the call ended before anybody took the transfer";
        for rung in &transfer.legs {
            self.give_up(rung.leg, LegOutcome::Cancelled, reason.to_owned());
        }
        self.emit(CallEventKind::TransferFailed {
            leg: transfer.by,
            reason: reason.to_owned(),
        });
        self.tell_transfer(transfer.by, 487, "Request Terminated");
    }

    fn rings_no_more(&mut self, leg: LegId, answered: (u16, String), now: Timestamp) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        transfer.legs.retain(|rung| rung.leg != leg);
        transfer.answered = Some(answered);
        if transfer.legs.is_empty() {
            transfer.decided_by = now + DECIDED_WITHIN;
            self.ask_transfer(TransferAsk::Next);
        }
    }

    fn tell_transfer(&mut self, leg: LegId, code: u16, phrase: &str) {
        self.act(Action::TellTransfer {
            leg,
            code,
            phrase: phrase.to_owned(),
        });
    }
}
