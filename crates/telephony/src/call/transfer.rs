//! Blind transfer (RFC 3515, RFC 5589 §6.1): the callee asks for the caller to be put through to somebody else.
//!
//! Who may be called is decided above; here a request is passed up, and what comes of it is told to the one who
//! asked. A caller's request is never passed up: whoever calls a number must not make it call another.

use std::time::Duration;

use futures::future::BoxFuture;
use ringfence_callflow::{Input, LegFailure};
use ringfence_model::{LegId, Party};
use rsipstack::sip::{Header, Method, Request};
use rsipstack::transaction::Transaction;
use tokio::sync::oneshot;

use super::running::Running;
use crate::message;
use crate::wire::Wire;
use crate::{TransferDecision, TransferRequest};

/// How long the one who asked is told how it goes, in seconds; no target rings longer.
const SUBSCRIPTION: u32 = 180;

/// A transfer that was asked for.
pub(super) struct Transfer {
    /// The leg that asked.
    from: LegId,
    /// Who is rung instead, once that is decided.
    to: Option<LegId>,
}

/// Waits for a decision about a transfer.
pub(super) type Deciding = BoxFuture<'static, TransferDecision>;

impl Running {
    /// A REFER of the callee.
    pub(super) fn refer(&mut self, transaction: Transaction) {
        let Some(requests) = self.transfers.clone() else {
            return self.refuse(transaction, 603);
        };
        let (Some(from), true) = (self.talking, self.is_confirmed()) else {
            return self.refuse(transaction, 481);
        };
        if self.transfer.is_some() {
            return self.refuse(transaction, 491);
        }
        let Some(to) = refer_to(&transaction.original) else {
            return self.refuse(transaction, 400);
        };
        let (decision, decided) = oneshot::channel();
        let request = TransferRequest {
            call: self.id,
            to,
            decision,
        };
        if requests.try_send(request).is_err() {
            return self.refuse(transaction, 503);
        }
        let patience = self.shared.config.decision_timeout;
        self.deciding = Some(Box::pin(decide(decided, patience)));
        self.transfer = Some(Transfer { from, to: None });
        let contact = self.capabilities(Party::Callee);
        self.reply(Wire::Other, transaction, 202, contact, None);
        self.tell_transfer(100, "Trying");
    }

    pub(super) fn transfer_decided(&mut self, decision: TransferDecision) {
        self.deciding = None;
        match decision {
            TransferDecision::Ring(candidate) if self.is_confirmed() => {
                if let Some(transfer) = &mut self.transfer {
                    transfer.to = Some(candidate.leg);
                }
                self.give(Input::Transfer { candidate });
            }
            TransferDecision::Ring(_) => self.end_transfer(487, "Request Terminated"),
            TransferDecision::Refuse { code } => {
                let code = if (400..=699).contains(&code) {
                    code
                } else {
                    603
                };
                self.end_transfer(code, "Refused");
            }
        }
    }

    /// Whether this leg is rung for a transfer.
    pub(super) fn is_transfer(&self, leg: LegId) -> bool {
        self.transfer.as_ref().is_some_and(|t| t.to == Some(leg))
    }

    /// The leg that was rung for a transfer did not take the call.
    pub(super) fn transfer_failed(&mut self, leg: LegId, failure: Option<&LegFailure>) {
        if !self.is_transfer(leg) {
            return;
        }
        match failure {
            Some(LegFailure::Response { code, phrase }) => {
                let phrase = phrase.clone();
                self.end_transfer(*code, &phrase);
            }
            Some(LegFailure::Unreachable(_) | LegFailure::HungUp) => {
                self.end_transfer(503, "Service Unavailable");
            }
            None => self.end_transfer(480, "Temporarily Unavailable"),
        }
    }

    /// Puts the caller through to the leg that answered, and hangs up the one who asked for it.
    pub(super) fn hand_over(&mut self, leg: LegId) {
        let before = self.talking;
        self.end_transfer(200, "OK");
        if let Some(before) = before {
            self.hang_up_leg(before);
        }
        self.talking = Some(leg);
        let Some(said) = self.leg(leg).and_then(|leg| leg.said.clone()) else {
            return;
        };
        if let Some(line) = self.leg(leg).and_then(|leg| leg.line) {
            self.sound.join(line);
        }
        // The caller may have been put on hold by the one who left.
        if self.offering.is_none()
            && self.renegotiation.is_none()
            && let Some(body) = self.end_of(Party::Caller).map(|end| end.offer(&said))
        {
            self.offering = Some(Party::Caller);
            let headers = vec![message::sdp_type()];
            self.request(
                Party::Caller,
                Wire::Refresh(Party::Caller),
                Method::Invite,
                headers,
                body.into_bytes(),
            );
        }
    }

    fn end_transfer(&mut self, code: u16, phrase: &str) {
        self.tell_transfer(code, phrase);
        self.transfer = None;
        self.deciding = None;
    }

    /// Tells the one who asked how it goes (RFC 3515 §2.4.4).
    fn tell_transfer(&mut self, code: u16, phrase: &str) {
        let Some(from) = self.transfer.as_ref().map(|transfer| transfer.from) else {
            return;
        };
        let state = if code < 200 {
            format!("active;expires={SUBSCRIPTION}")
        } else {
            "terminated;reason=noresource".to_owned()
        };
        let shared = self.shared.clone();
        let room = self.has_room();
        let Some(leg) = self.leg_mut(from).filter(|_| room) else {
            return;
        };
        let headers = vec![
            Header::Event("refer".to_owned().into()),
            Header::SubscriptionState(state.into()),
            Header::ContentType("message/sipfrag;version=2.0".to_owned().into()),
            shared.identity.contact(leg.dialog.transport()),
        ];
        let body = format!("SIP/2.0 {code} {phrase}\r\n").into_bytes();
        let notify = leg
            .dialog
            .request(Method::Notify, &shared.identity, headers, body);
        let transaction = leg.dialog.transaction(notify, &shared.endpoint);
        self.send(Wire::Other, transaction);
    }
}

async fn decide(
    decided: oneshot::Receiver<TransferDecision>,
    patience: Duration,
) -> TransferDecision {
    match tokio::time::timeout(patience, decided).await {
        Ok(Ok(decision)) => decision,
        _ => TransferDecision::Refuse { code: 503 },
    }
}

/// The URI of a Refer-To that asks for an INVITE; one that would take over another call (`Replaces`) is none.
fn refer_to(request: &Request) -> Option<String> {
    let value = request.headers.iter().find_map(|header| match header {
        Header::ReferTo(value) => Some(value.value()),
        _ => message::header_of(header, "r"),
    })?;
    let uri = match (value.find('<'), value.find('>')) {
        (Some(start), Some(end)) if start < end => &value[start + 1..end],
        _ => value.split(';').next()?,
    };
    let uri = uri.trim();
    let other_method = uri
        .to_ascii_lowercase()
        .split(';')
        .any(|part| part.starts_with("method=") && part != "method=invite");
    (!uri.is_empty() && uri.len() <= 256 && !uri.contains('?') && !other_method)
        .then(|| uri.to_owned())
}
