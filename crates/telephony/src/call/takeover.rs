//! The callee of one call goes on in another (RFC 5589 §7, RFC 3891): its dialog with us stays, and its sound moves.
//!
//! The call that wants it asks by the other's inbox; the one that gives it passes the leg on whole, with its place among the
//! dialogs, so that no request of it is lost. Until a re-INVITE has told it where its sound goes now, it talks with nobody.

use std::net::IpAddr;

use ringfence_callflow::{Input, LegFailure};
use ringfence_media::Ear;
use ringfence_model::{LegId, Party};
use rsipstack::sip::{Header, Method, Response, SipMessage};
use tokio::sync::oneshot;

use super::leg::Leg;
use super::running::Running;
use crate::dialogs::{Arrival, DialogOf};
use crate::message;
use crate::sdp::Description;
use crate::wire::{Heard, Wire};

/// A callee on its way from one call to another.
pub(crate) struct TakenLeg(Box<Leg>);

/// A callee that is to come over.
pub(super) struct Taking {
    /// The leg that it is to be.
    leg: LegId,
    comes: oneshot::Receiver<TakenLeg>,
}

/// Waits for a callee to come over; `None` when its call does not give it.
pub(super) async fn taken(taking: Option<&mut Taking>) -> Option<TakenLeg> {
    match taking {
        Some(taking) => (&mut taking.comes).await.ok(),
        None => std::future::pending().await,
    }
}

impl Running {
    /// Asks for the callee of the call that the transfer names.
    pub(super) fn take_over(&mut self, leg: LegId) {
        let replaced = self.transfer.as_ref().and_then(|one| one.replaces.as_ref());
        let other = replaced.and_then(|one| self.shared.dialogs.find(&one.call_id, &one.to_tag));
        let (answer, comes) = oneshot::channel();
        let asked = other.is_some_and(|other| {
            let wanted = Arrival::LegWanted(answer);
            other.call != self.id && other.inbox.try_send(wanted).is_ok()
        });
        if asked {
            self.taking = Some(Taking { leg, comes });
        } else {
            self.stays_away(leg);
        }
    }

    /// Another call wants this one's callee. What is under way with either side is not cut off: it stays then.
    pub(super) fn give_callee(&mut self, answer: oneshot::Sender<TakenLeg>) {
        let busy = self.renegotiation.is_some() || self.offering.is_some();
        if busy || !self.is_confirmed() || answer.is_closed() {
            return;
        }
        let answered = |leg: &Leg| Some(leg.id) == self.talking && leg.answered;
        let Some(index) = self.legs.iter().position(answered) else {
            return;
        };
        if let Some(id) = self.talking {
            self.free_line(id);
        }
        let leg = self.legs.swap_remove(index);
        match answer.send(TakenLeg(Box::new(leg))) {
            Ok(()) => {
                self.talking = None;
                self.give(Input::TakenOver);
            }
            // The other call ended in this moment.
            Err(TakenLeg(leg)) => {
                let id = leg.id;
                self.legs.push(*leg);
                self.hang_up_leg(id);
                self.give(Input::HungUp { by: Party::Callee });
            }
        }
    }

    /// The callee of another call comes over, or stays there.
    pub(super) fn comes_over(&mut self, came: Option<TakenLeg>) {
        let Some(Taking { leg: id, .. }) = self.taking.take() else {
            return;
        };
        let Some(TakenLeg(leg)) = came else {
            return self.stays_away(id);
        };
        let mut leg = *leg;
        leg.id = id;
        leg.follows = self.talking;
        leg.registration.pass_on(self.entry(DialogOf::Leg(id)));
        let seen = leg.way.as_ref().and_then(|(_, to)| to.as_ref());
        let seen = seen.and_then(|to| self.shared.phones.behind_nat(to));
        let offer = match self.sound.open_line() {
            Ok((line, end)) => {
                leg.end.moved_to(&end);
                leg.line = Some(line);
                if let Some(seen) = seen {
                    self.sound.is_behind_nat(Ear::Callee(line), seen);
                }
                leg.end.offer(&self.wanted_of_leg())
            }
            Err(reason) => {
                self.legs.push(leg);
                return self.does_without(id, LegFailure::Unreachable(reason));
            }
        };
        let mut headers = vec![message::sdp_type()];
        if let Some(session) = &leg.session {
            headers.extend(session.headers(self.limits()));
        }
        self.legs.push(leg);
        self.invite_anew(id, headers, offer.into_bytes());
    }

    fn invite_anew(&mut self, id: LegId, headers: Vec<Header>, body: Vec<u8>) {
        let shared = self.shared.clone();
        let transaction = self.leg_mut(id).and_then(|leg| {
            let invite = leg
                .dialog
                .request(Method::Invite, &shared.identity, headers, body);
            leg.dialog.transaction(invite, &shared.endpoint)
        });
        if transaction.is_some() {
            self.send(Wire::Moved(id), transaction);
        } else {
            let reason = "its re-INVITE could not be made".to_owned();
            self.does_without(id, LegFailure::Unreachable(reason));
        }
    }

    /// What a callee that came over says to its sound's new place.
    pub(super) fn hear_moved(&mut self, id: LegId, heard: Heard) {
        let Some(SipMessage::Response(response)) = heard.message else {
            let reason = "there is no way to its address".to_owned();
            return self.does_without(id, LegFailure::Unreachable(reason));
        };
        match response.status_code.code() {
            0..200 => self.listen(Wire::Moved(id), heard.transaction),
            200..300 => self.has_moved(id, &response),
            // It does not know this dialog any more (RFC 3261 §12.2.1.2): it hung up in this moment.
            408 | 481 => self.does_without(id, LegFailure::HungUp),
            code => {
                let phrase = message::phrase(&response);
                self.does_without(id, LegFailure::Response { code, phrase });
            }
        }
    }

    fn has_moved(&mut self, id: LegId, response: &Response) {
        let said = message::sdp_of(&response.headers, &response.body)
            .and_then(|body| Description::parse(body).ok());
        let limits = self.limits();
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.answered) else {
            return;
        };
        leg.dialog.retarget(response);
        let now = tokio::time::Instant::now();
        leg.session = crate::session::Session::answered(response, limits, leg.session, now);
        if let Some(said) = said {
            leg.said = Some(said);
            self.hear_on_line(id);
            self.give(Input::Answered { leg: id });
        } else {
            let reason = "its answer is of no use".to_owned();
            self.does_without(id, LegFailure::Unreachable(reason));
        }
    }

    /// A callee that came over and cannot be used is hung up.
    fn does_without(&mut self, id: LegId, failure: LegFailure) {
        let Some(leg) = self.leg_mut(id).filter(|leg| leg.answered) else {
            return;
        };
        leg.answered = false;
        self.hang_up_leg(id);
        self.give(Input::LegFailed { leg: id, failure });
    }

    fn stays_away(&mut self, leg: LegId) {
        let reason = "the talk with it is over, or something of it is being changed".to_owned();
        let failure = LegFailure::Unreachable(reason);
        self.give(Input::LegFailed { leg, failure });
    }

    /// The caller's phone is behind NAT: its sound comes from where its messages come from.
    pub(super) fn caller_is_behind_nat(&mut self, seen: IpAddr) {
        self.sound.is_behind_nat(Ear::Caller, seen);
        if let Some(said) = self.caller.said.clone() {
            self.set_remote(Party::Caller, &said);
        }
    }
}
