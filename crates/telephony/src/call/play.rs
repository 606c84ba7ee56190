//! What the call's machine wants played and recorded, and the keys that are pressed meanwhile.

use std::time::Duration;

use ringfence_callflow::{Ear, Input, Played, Sound};
use ringfence_media as media;
use ringfence_model::{LegId, Party};
use rsipstack::sip::Method;
use rsipstack::transaction::Transaction;

use super::keys::KeysBy;
use super::running::{FromUs, Running};
use crate::dialogs::DialogOf;
use crate::message;
use crate::sdp::Description;
use crate::wire::Wire;

impl Running {
    /// Plays something into an ear; every way out tells what became of it.
    pub(super) fn play(&mut self, playing: u32, sound: Sound, to: Ear, stop_on_key: bool) {
        let heard = match to {
            Ear::Caller => self.let_caller_hear().map(|()| media::Ear::Caller),
            Ear::Leg(id) => self
                .leg(id)
                .filter(|leg| leg.answered)
                .and_then(|leg| leg.line)
                .map(media::Ear::Callee)
                .ok_or("the leg has not answered, or is gone"),
        };
        match heard {
            Ok(ear) => {
                if let Some(replaced) = self.sound.play(playing, sound, ear, stop_on_key) {
                    self.tell_played(replaced, Played::Stopped);
                }
            }
            Err(reason) => self.tell_played(
                playing,
                Played::Failed {
                    reason: reason.to_owned(),
                },
            ),
        }
    }

    pub(super) fn stop_playing(&mut self, playing: u32) {
        if self.sound.stop(playing) {
            self.tell_played(playing, Played::Stopped);
        }
    }

    pub(super) fn take_message(&mut self, longest: Duration, silence: Duration) {
        let told = self.sound.take_message(longest, silence);
        self.give(told);
    }

    fn tell_played(&mut self, playing: u32, outcome: Played) {
        self.give(Input::Played { playing, outcome });
    }

    /// A caller that was not answered hears early media, once it knows where from (RFC 3960 §3).
    fn let_caller_hear(&mut self) -> Result<(), &'static str> {
        if self.from_us != FromUs::Nothing || self.talking.is_some() {
            return Ok(());
        }
        let (Some(offer), Some(end)) = (&self.caller.said, &mut self.caller.end) else {
            return Err("the caller cannot hear anything before it is answered: it made no offer");
        };
        let body = end.answer(offer, &Description::anything());
        self.from_us = FromUs::EarlySound;
        let contact = self.contact_towards_caller();
        self.tell_progress(183, vec![contact], Some(body));
        Ok(())
    }

    /// An ear of the media engine, as the machine knows it.
    pub(super) fn ear(&self, ear: media::Ear) -> Option<Ear> {
        match ear {
            media::Ear::Caller => Some(Ear::Caller),
            media::Ear::Callee(line) => {
                let leg = self.legs.iter().find(|leg| leg.line == Some(line))?;
                Some(Ear::Leg(leg.id))
            }
        }
    }

    /// What a side says now, for the media engine.
    pub(super) fn set_remote(&self, party: Party, said: &Description) {
        let ear = match party {
            Party::Caller => Some(media::Ear::Caller),
            _ => self
                .talking
                .and_then(|id| self.leg(id)?.line)
                .map(media::Ear::Callee),
        };
        if let Some(ear) = ear {
            self.sound.set_remote(ear, said);
        }
    }

    /// A leg needs no sound any more.
    pub(super) fn free_line(&mut self, id: LegId) {
        if let Some(line) = self.leg_mut(id).and_then(|leg| leg.line.take()) {
            self.sound.close_line(line);
        }
    }

    /// Whether we alone talk with the caller.
    pub(super) fn is_alone(&self) -> bool {
        self.from_us == FromUs::Answer
            && self.is_acknowledged()
            && self.talking.is_none()
            && !self.caller_left
    }

    /// A request of a leg that is not talked to. One that answered, and may hear something, is answered by us.
    pub(super) fn arrive_from_leg(&mut self, id: LegId, transaction: Transaction) {
        let method = transaction.original.method;
        let waits = |leg: &super::leg::Leg| leg.answered && leg.line.is_some();
        let Some(leg) = self.leg_mut(id).filter(|leg| waits(leg)) else {
            let code = if method == Method::Bye { 200 } else { 481 };
            return self.reply(Wire::Other, transaction, code, Vec::new(), None);
        };
        match method {
            Method::Bye => {
                leg.answered = false;
                self.reply(Wire::Other, transaction, 200, Vec::new(), None);
                self.give(Input::LegFailed {
                    leg: id,
                    failure: ringfence_callflow::LegFailure::HungUp,
                });
            }
            Method::Info => {
                let body = transaction.original.body.clone();
                let kind = super::content_type(&transaction.original);
                self.reply(Wire::Other, transaction, 200, Vec::new(), None);
                if let Some(rsipstack::sip::Header::ContentType(kind)) = kind
                    && let Some(key) = message::key(kind.value(), &body)
                {
                    self.key(Ear::Leg(id), key, KeysBy::Info);
                }
            }
            Method::Invite | Method::Update => {
                self.renegotiate_alone(DialogOf::Leg(id), transaction);
            }
            _ => self.refuse(transaction, 481),
        }
    }

    /// A side that talks to nobody but us changes its sound: hold, a move.
    pub(super) fn renegotiate_alone(&mut self, dialog: DialogOf, transaction: Transaction) {
        let request = transaction.original.clone();
        let mut headers = Vec::new();
        if dialog == DialogOf::Caller {
            match self.note_request(Party::Caller, &request) {
                Ok(session) => headers = session,
                Err(minimum) => return self.reply(Wire::Other, transaction, 422, minimum, None),
            }
        }
        let offer = message::sdp_of(&request.headers, &request.body).map(Description::parse);
        let ours = self
            .caller
            .said
            .clone()
            .filter(|_| dialog != DialogOf::Caller)
            .unwrap_or_else(Description::anything);
        let (end, remote, transport) = match dialog {
            DialogOf::Caller => {
                self.caller.dialog.retarget(&request);
                let transport = self.caller.dialog.transport();
                (
                    self.caller.end.as_mut(),
                    Some(media::Ear::Caller),
                    transport,
                )
            }
            DialogOf::Leg(id) => {
                let Some(leg) = self.leg_mut(id) else {
                    return self.refuse(transaction, 481);
                };
                leg.dialog.retarget(&request);
                let transport = leg.dialog.transport();
                let line = leg.line.map(media::Ear::Callee);
                (Some(&mut leg.end), line, transport)
            }
        };
        let Some(end) = end else {
            return self.refuse(transaction, 500);
        };
        let body = match &offer {
            // An UPDATE without an offer only asks whether we are still here (RFC 4028 §7.4).
            None if request.method == Method::Update => None,
            None => Some(end.offer(&ours)),
            Some(Ok(offer)) => Some(end.answer(offer, &ours)),
            Some(Err(_)) => return self.refuse(transaction, 488),
        };
        if let Some(Ok(offer)) = offer {
            if let Some(remote) = remote {
                self.sound.set_remote(remote, &offer);
            }
            match dialog {
                DialogOf::Caller => self.caller.said = Some(offer),
                DialogOf::Leg(id) => {
                    if let Some(leg) = self.leg_mut(id) {
                        leg.said = Some(offer);
                    }
                }
            }
        }
        headers.extend([
            self.shared.identity.contact(transport),
            message::allow(),
            message::supported(),
        ]);
        let wire = match (dialog, request.method) {
            (DialogOf::Caller, Method::Invite) => Wire::Reinvite(Party::Caller),
            _ => Wire::Other,
        };
        self.reply(wire, transaction, 200, headers, body);
    }
}
