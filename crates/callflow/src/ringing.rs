//! Ringing: one leg, or several at once, until one of them answers.

use ringfence_model::{CallEventKind, LegId, LegOutcome, Timestamp};
use ringfence_routing::{Candidate, StepOutcome};

use crate::call::Call;
use crate::next::Manner;
use crate::state::{Ringing, State};
use crate::types::{Action, LegFailure};
use crate::verdict;

impl Call {
    pub(crate) fn ring(&mut self, candidates: Vec<Candidate>, manner: Manner, now: Timestamp) {
        let most = self.options.max_ringing;
        let last = *self.ringing_until.get_or_insert(now + most);
        if now >= last {
            let reason = format!("it has rung for {} s, the most of a call", most.as_secs());
            return self.ask(Some(StepOutcome::NotAnswered { reason }), now);
        }
        if candidates.is_empty() {
            let reason = "there is nobody to ring".to_owned();
            return self.ask(Some(StepOutcome::NotAnswered { reason }), now);
        }
        if self.caller_is_up {
            self.hear_meanwhile(&manner.meanwhile);
        }
        let unheard = candidates.len() > 1 || manner.comes_between();
        let mut legs = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            self.emit(CallEventKind::Ringing {
                leg: candidate.leg,
                target: candidate.target,
                name: candidate.name.clone(),
                // Whoever asked for it knows.
                group: None,
                reason: candidate.reason.clone(),
            });
            let until = (now + candidate.ring_timeout).min(last);
            legs.push(Ringing {
                leg: candidate.leg,
                until,
                seconds: until.since(now).as_secs(),
                heard: false,
                told: None,
                picked_up: None,
            });
            self.act(Action::Ring(candidate));
        }
        self.state = State::Ringing {
            legs,
            manner,
            unheard,
            relayed: None,
        };
    }

    pub(crate) fn progress(&mut self, from: LegId, code: u16, early_media: bool) {
        self.transfer_progressed(from);
        let State::Ringing {
            legs,
            unheard,
            relayed,
            ..
        } = &mut self.state
        else {
            return;
        };
        let Some(ringing) = legs.iter_mut().find(|ringing| ringing.leg == from) else {
            return;
        };
        ringing.heard = true;
        // Once the caller hears the leg, a later response without SDP takes nothing back (RFC 3960 §3.1).
        let early_media =
            !*unheard && (early_media || ringing.told.is_some_and(|(_, heard)| heard));
        if !(180..=183).contains(&code) || ringing.told == Some((code, early_media)) {
            return;
        }
        ringing.told = Some((code, early_media));
        // To the caller it rings.
        let relay = if *unheard {
            (180, false)
        } else {
            (code, early_media)
        };
        let news = *relayed != Some(relay);
        *relayed = Some(relay);
        self.emit(CallEventKind::Progress {
            leg: from,
            code,
            early_media,
        });
        if news {
            self.act(Action::RelayProgress {
                leg: from,
                code: relay.0,
                early_media: relay.1,
            });
        }
    }

    pub(crate) fn answered(&mut self, from: LegId, now: Timestamp) {
        if self.is_rung_for_transfer(from) {
            return self.transferred(from);
        }
        if let State::Ringing { legs, .. } = &self.state
            && legs.iter().any(|ringing| ringing.leg == from)
        {
            self.picked_up(from, now);
        } else if let Some(position) = self.given_up.iter().position(|leg| *leg == from) {
            self.given_up.swap_remove(position);
            self.act(Action::Release { leg: from });
        }
    }

    pub(crate) fn leg_failed(&mut self, from: LegId, failure: LegFailure, now: Timestamp) {
        self.given_up.retain(|leg| *leg != from);
        if let State::Ringing { legs, .. } = &mut self.state
            && let Some(position) = legs.iter().position(|ringing| ringing.leg == from)
        {
            legs.remove(position);
            let (outcome, code, reason) = verdict::of_leg(failure);
            self.end_leg(from, outcome, code, reason);
            self.ask_when_none_rings(now);
        } else if matches!(self.state, State::Consenting { leg, .. } if leg == from) {
            let (outcome, code, reason) = verdict::of_leg(failure);
            self.end_leg(from, outcome, code, reason.clone());
            self.ask(Some(StepOutcome::NotAnswered { reason }), now);
        } else if self.is_rung_for_transfer(from) {
            self.transfer_leg_failed(from, failure, now);
        }
    }

    pub(crate) fn ringing_timeout(&mut self, now: Timestamp) {
        let State::Ringing { legs, manner, .. } = &mut self.state else {
            return;
        };
        let key = manner.accept_key;
        let (over, rings): (Vec<Ringing>, Vec<Ringing>) = std::mem::take(legs)
            .into_iter()
            .partition(|ringing| now >= ringing.until);
        *legs = rings;
        for ringing in over {
            if ringing.picked_up.is_some() {
                self.did_not_accept(ringing.leg, key);
                continue;
            }
            let seconds = ringing.seconds;
            let (outcome, reason) = if ringing.heard {
                (LegOutcome::NoAnswer, format!("no answer in {seconds} s"))
            } else {
                (LegOutcome::Failed, format!("not a word in {seconds} s"))
            };
            self.give_up(ringing.leg, outcome, reason);
        }
        self.ask_when_none_rings(now);
    }

    fn ask_when_none_rings(&mut self, now: Timestamp) {
        if let State::Ringing { legs, .. } = &self.state
            && legs.is_empty()
        {
            let reason = self.last_failure.clone().unwrap_or_default();
            self.ask(Some(StepOutcome::NotAnswered { reason }), now);
        }
    }
}
