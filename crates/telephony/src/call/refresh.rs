//! Signs of life of both sides (RFC 4028): asked for in time, and a call without them ended.

use std::time::Duration;

use ringfence_callflow::Input;
use ringfence_model::Party;
use rsipstack::sip::{Header, Method, Response, SipMessage};
use tokio::time::Instant;

use super::running::Running;
use crate::message;
use crate::sdp::Description;
use crate::session::{Due, Limits, Session};
use crate::wire::{Heard, Wire};

impl Running {
    /// When a side is to be asked or given up.
    pub(super) fn next_sign_of_life(&self) -> Option<Instant> {
        [Party::Caller, Party::Callee]
            .into_iter()
            .filter(|party| self.is_up(*party))
            .filter_map(|party| Some(self.session(party)?.next()))
            .min()
    }

    /// Asks the sides whose time it is, and gives up those that said nothing.
    pub(super) fn watch_sessions(&mut self) {
        let now = Instant::now();
        for party in [Party::Caller, Party::Callee] {
            if !self.is_up(party) {
                continue;
            }
            let due = self
                .session_mut(party)
                .and_then(Option::as_mut)
                .map(|session| session.due(now));
            match due {
                Some(Due::Refresh) => self.refresh(party),
                Some(Due::Gone(interval)) => self.gone(
                    party,
                    &format!("gave no sign of life in {} s", interval.as_secs()),
                ),
                Some(Due::Nothing) | None => {}
            }
        }
    }

    fn gone(&mut self, party: Party, what: &str) {
        metrics::counter!("ringfence_sessions_expired_total", "side" => party.as_str())
            .increment(1);
        self.give(Input::Gone {
            party,
            reason: format!("the {} {what}", party.as_str()),
        });
    }

    /// UPDATE where the side takes it (it carries no offer, so nothing can go wrong with one), else re-INVITE
    /// with what we last said.
    fn refresh(&mut self, party: Party) {
        let limits = self.limits();
        let takes_update = self
            .dialog_of(party)
            .is_some_and(|dialog| dialog.takes_update());
        let busy = self.renegotiation.is_some() || self.offering.is_some() || !self.has_room();
        let Some(Some(session)) = self.session_mut(party) else {
            return;
        };
        if busy && !takes_update {
            return session.ask_again_at(Instant::now() + Duration::from_secs(1));
        }
        let mut headers = session.headers(limits);
        if takes_update {
            return self.request(
                party,
                Wire::Refresh(party),
                Method::Update,
                headers,
                Vec::new(),
            );
        }
        let Some(body) = self.end_of(party).map(|end| end.said().to_owned()) else {
            return;
        };
        self.offering = Some(party);
        headers.push(message::sdp_type());
        self.request(
            party,
            Wire::Refresh(party),
            Method::Invite,
            headers,
            body.into_bytes(),
        );
    }

    pub(super) fn hear_refresh(&mut self, party: Party, heard: Heard) {
        let response = match heard.message {
            Some(SipMessage::Response(response)) => response,
            Some(SipMessage::Request(_)) => {
                return self.listen(Wire::Refresh(party), heard.transaction);
            }
            None => {
                self.offering.take_if(|offering| *offering == party);
                // The stream to it is gone: the next attempt makes a new one.
                return self.ask_later(party, true);
            }
        };
        let code = response.status_code.code();
        if code < 200 {
            return self.listen(Wire::Refresh(party), heard.transaction);
        }
        self.offering.take_if(|offering| *offering == party);
        match code {
            200..300 => self.refreshed(party, &response),
            // It does not know this call any more, or is not there (RFC 3261 §12.2.1.2).
            408 | 481 if !self.is_confirmed() => {}
            408 => self.gone(party, "does not answer any more"),
            481 => self.gone(party, "does not know this call any more"),
            422 => {
                let now = Instant::now();
                let raised = self
                    .session_mut(party)
                    .and_then(Option::as_mut)
                    .is_some_and(|session| session.raise(&response, now));
                if !raised {
                    self.ask_later(party, false);
                }
            }
            // Both sides asked at once, it is busy, or it wants what we have not: it is there, and time will tell.
            _ => self.ask_later(party, message::is_local(&response)),
        }
    }

    fn refreshed(&mut self, party: Party, response: &Response) {
        if let Some(dialog) = self.dialog_of(party) {
            dialog.retarget(response);
        }
        if let Some(body) = message::sdp_of(&response.headers, &response.body)
            && let Ok(said) = Description::parse(body)
        {
            self.set_remote(party, &said);
            self.set_said(party, said);
        }
        self.note_answer(party, response);
    }

    /// A side's 2xx to an INVITE or UPDATE of ours.
    pub(super) fn note_answer(&mut self, party: Party, response: &Response) {
        let limits = self.limits();
        if let Some(session) = self.session_mut(party) {
            *session = Session::answered(response, limits, *session, Instant::now());
        }
    }

    /// What a request of a side that refreshes its session gets in its 2xx.
    ///
    /// # Errors
    /// The interval is too short; then the request is to be refused with 422 and these headers.
    pub(super) fn note_request(
        &mut self,
        party: Party,
        request: &rsipstack::sip::Request,
    ) -> Result<Vec<Header>, Vec<Header>> {
        let limits = self.limits();
        let (new, headers) = Session::requested(request, limits, Instant::now())
            .map_err(|()| vec![limits.minimum()])?;
        if let Some(session) = self.session_mut(party) {
            *session = new;
        }
        Ok(headers)
    }

    fn ask_later(&mut self, party: Party, without_connection: bool) {
        // Between two and four seconds, so that both sides do not meet again (RFC 3261 §14.1).
        let pause = Duration::from_millis(rand::random_range(2_100..4_000));
        if without_connection && let Some(dialog) = self.dialog_of(party) {
            dialog.pin(None);
        }
        if let Some(Some(session)) = self.session_mut(party) {
            session.ask_again_at(Instant::now() + pause);
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits::new(&self.shared.config)
    }

    pub(super) fn session(&self, party: Party) -> Option<&Session> {
        match party {
            Party::Caller => self.caller.session.as_ref(),
            _ => self.leg(self.talking?)?.session.as_ref(),
        }
    }

    fn session_mut(&mut self, party: Party) -> Option<&mut Option<Session>> {
        if party == Party::Caller {
            return Some(&mut self.caller.session);
        }
        let id = self.talking?;
        self.leg_mut(id).map(|leg| &mut leg.session)
    }
}
