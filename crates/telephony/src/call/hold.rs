//! Re-INVITEs (RFC 3261 §14) and UPDATEs (RFC 3311): hold, resume, and moves of a side's sound.
//!
//! Sound runs through us, so a side that only moves is answered at once. What changes the direction of sound
//! is asked of the other side first, and its answer comes back.

use ringfence_callflow::Input;
use ringfence_model::Party;
use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};

use super::arrival::other;
use super::running::{Running, was_accepted};
use crate::message;
use crate::sdp::{Description, LocalEnd};
use crate::wire::{Heard, Wire};

/// A side's offer that waits for the other's answer.
pub(super) struct Renegotiation {
    by: Party,
    request: Request,
    answers: TransactionEventSender,
    offer: Description,
    /// What the 2xx says of the session's timer.
    session: Vec<Header>,
}

impl Running {
    pub(super) fn renegotiate(&mut self, by: Party, transaction: Transaction) {
        let is_update = transaction.original.method == Method::Update;
        // An UPDATE without an offer only asks whether we are still here (RFC 4028 §7.4); that may be at any time.
        let asks = is_update && transaction.original.body.is_empty();
        // One at a time, and not before the first INVITE is done with (RFC 3261 §14.2, RFC 3311 §5.2).
        let busy = self.renegotiation.is_some() || self.offering.is_some();
        if !asks && (busy || !self.is_confirmed()) {
            return self.refuse(transaction, 491);
        }
        let request = transaction.original.clone();
        let session = match self.note_request(by, &request) {
            Ok(headers) => headers,
            Err(minimum) => return self.reply(Wire::Other, transaction, 422, minimum, None),
        };
        if let Some(dialog) = self.dialog_of(by) {
            dialog.retarget(&request);
        }
        if asks {
            return self.accept(by, transaction, session, None);
        }
        let Some(body) = message::sdp_of(&request.headers, &request.body) else {
            if is_update {
                return self.refuse(transaction, 415);
            }
            return self.offer_back(by, transaction, session);
        };
        let Ok(offer) = Description::parse(body) else {
            return self.refuse(transaction, 488);
        };
        let (said, others) = (self.said(by), self.said(other(by)));
        if let (Some(said), Some(others)) = (said, others)
            && offer.flows_like(&said)
        {
            self.set_remote(by, &offer);
            let body = self.end_of(by).map(|end| end.answer(&offer, &others));
            self.set_said(by, offer);
            return self.accept(by, transaction, session, body);
        }
        self.ask_the_other(by, offer, request, transaction, session);
    }

    fn ask_the_other(
        &mut self,
        by: Party,
        offer: Description,
        request: Request,
        transaction: Transaction,
        session: Vec<Header>,
    ) {
        let to = other(by);
        let Some(body) = self.end_of(to).map(|end| end.offer(&offer)) else {
            return self.refuse(transaction, 500);
        };
        let answers = transaction.tu_sender.clone();
        let wire = wire_of(&request, by);
        if request.method == Method::Invite {
            let trying = message::response(&request, 100, None, Vec::new(), None);
            let _ = answers.send(TransactionEvent::Respond(trying));
        }
        self.renegotiation = Some(Renegotiation {
            by,
            request,
            answers,
            offer,
            session,
        });
        self.listen(wire, transaction);
        let mut headers = vec![message::sdp_type()];
        if let Some(session) = self.session(to) {
            headers.extend(session.headers(self.limits()));
        }
        self.request(
            to,
            Wire::Forwarded(to),
            Method::Invite,
            headers,
            body.into_bytes(),
        );
    }

    /// A re-INVITE without an offer gets ours; its answer comes in the ACK.
    fn offer_back(&mut self, by: Party, transaction: Transaction, session: Vec<Header>) {
        let others = self.said(other(by)).unwrap_or_else(Description::anything);
        let body = self.end_of(by).map(|end| end.offer(&others));
        self.accept(by, transaction, session, body);
    }

    fn accept(
        &mut self,
        by: Party,
        transaction: Transaction,
        session: Vec<Header>,
        body: Option<String>,
    ) {
        let mut extra = self.capabilities(by);
        extra.extend(session);
        let wire = wire_of(&transaction.original, by);
        self.reply(wire, transaction, 200, extra, body);
    }

    pub(super) fn hear_reinvite(&mut self, by: Party, heard: Heard) {
        match heard.message {
            Some(SipMessage::Request(request)) if request.method == Method::Ack => {
                // An answer to the offer that we made (see `offer_back`).
                if was_accepted(&heard.transaction)
                    && let Some(body) = message::sdp_of(&request.headers, &request.body)
                    && let Ok(answer) = Description::parse(body)
                {
                    self.set_remote(by, &answer);
                    let held = answer.is_hold();
                    self.set_said(by, answer);
                    self.tell_hold(by, held);
                }
            }
            Some(SipMessage::Request(request)) if request.method == Method::Cancel => {
                if self
                    .renegotiation
                    .as_ref()
                    .is_some_and(|waiting| waiting.by == by)
                {
                    self.refuse_renegotiation();
                }
                self.listen(Wire::Reinvite(by), heard.transaction);
            }
            Some(_) => self.listen(Wire::Reinvite(by), heard.transaction),
            None if was_accepted(&heard.transaction) => self.give(Input::Broken {
                code: 500,
                reason: format!("the {} never acknowledged a re-INVITE", by.as_str()),
            }),
            None => {}
        }
    }

    pub(super) fn hear_forwarded(&mut self, to: Party, heard: Heard) {
        let Some(SipMessage::Response(response)) = heard.message else {
            return self.answer_renegotiation(500, None);
        };
        match response.status_code.code() {
            0..200 => self.listen(Wire::Forwarded(to), heard.transaction),
            // Acknowledged by the stack, which also keeps the ACK for its retransmissions.
            200..300 => self.renegotiated(to, &response),
            code @ (408 | 481) => {
                // The other side does not know this call any more (RFC 3261 §12.2.1.2).
                self.answer_renegotiation(code, None);
                self.give(Input::HungUp { by: to });
            }
            401 | 407 | 422 => self.answer_renegotiation(488, None),
            code => self.answer_renegotiation(code, None),
        }
    }

    fn renegotiated(&mut self, to: Party, response: &Response) {
        if let Some(dialog) = self.dialog_of(to) {
            dialog.retarget(response);
        }
        self.note_answer(to, response);
        let answer = message::sdp_of(&response.headers, &response.body)
            .and_then(|body| Description::parse(body).ok());
        let Some(answer) = answer else {
            return self.answer_renegotiation(488, None);
        };
        self.set_remote(to, &answer);
        self.set_said(to, answer.clone());
        let Some((by, offer)) = self
            .renegotiation
            .as_ref()
            .map(|waiting| (waiting.by, waiting.offer.clone()))
        else {
            return;
        };
        self.set_remote(by, &offer);
        let body = self.end_of(by).map(|end| end.answer(&offer, &answer));
        let held = offer.is_hold();
        self.set_said(by, offer);
        self.answer_renegotiation(200, body);
        self.tell_hold(by, held);
    }

    /// A hang-up or a CANCEL comes before the other side's answer (RFC 3261 §15.1.2).
    pub(super) fn refuse_renegotiation(&mut self) {
        self.answer_renegotiation(487, None);
    }

    fn answer_renegotiation(&mut self, code: u16, body: Option<String>) {
        let Some(waiting) = self.renegotiation.take() else {
            return;
        };
        let extra = if code == 200 {
            let mut extra = self.capabilities(waiting.by);
            extra.extend(waiting.session);
            extra
        } else {
            Vec::new()
        };
        let response = message::response(&waiting.request, code, None, extra, body);
        let _ = waiting.answers.send(TransactionEvent::Respond(response));
    }

    fn tell_hold(&mut self, by: Party, held: bool) {
        self.give(if held {
            Input::Held { by }
        } else {
            Input::Resumed { by }
        });
    }

    /// Where a side reaches us, and what we know: what every 2xx to an INVITE or UPDATE says.
    pub(super) fn capabilities(&mut self, party: Party) -> Vec<Header> {
        let transport = self
            .dialog_of(party)
            .map(|dialog| dialog.transport())
            .unwrap_or_default();
        vec![
            self.shared.identity.contact(transport),
            message::allow(),
            message::supported(),
        ]
    }

    fn said(&self, party: Party) -> Option<Description> {
        match party {
            Party::Caller => self.caller.said.clone(),
            _ => self.leg(self.talking?)?.said.clone(),
        }
    }

    pub(super) fn set_said(&mut self, party: Party, said: Description) {
        match party {
            Party::Caller => self.caller.said = Some(said),
            _ => {
                if let Some(leg) = self.talking.and_then(|id| self.leg_mut(id)) {
                    leg.said = Some(said);
                }
            }
        }
    }

    pub(super) fn end_of(&mut self, party: Party) -> Option<&mut LocalEnd> {
        if party == Party::Caller {
            return self.caller.end.as_mut();
        }
        let id = self.talking?;
        self.leg_mut(id).map(|leg| &mut leg.end)
    }
}

/// An INVITE is over when it is acknowledged, any other request when it is answered.
fn wire_of(request: &Request, by: Party) -> Wire {
    if request.method == Method::Invite {
        Wire::Reinvite(by)
    } else {
        Wire::Other
    }
}
