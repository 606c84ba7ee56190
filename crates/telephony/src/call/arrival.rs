//! Requests that a side sends inside its dialog.

use ringfence_callflow::{Input, MessageEnd};
use ringfence_model::Party;
use rsipstack::sip::{Header, Method};
use rsipstack::transaction::Transaction;

use super::running::Running;
use crate::dialog::Dialog;
use crate::dialogs::{Arrival, DialogOf};
use crate::message;
use crate::wire::Wire;

impl Running {
    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let (dialog, transaction) = match arrival {
            Arrival::Request {
                dialog,
                transaction,
            } => (dialog, transaction),
            Arrival::LegWanted(answer) => return self.give_callee(answer),
        };
        let request = &transaction.original;
        let method = request.method;
        let from_tag = message::from_tag(request).map(ToOwned::to_owned);
        let in_order = {
            let Some(dialog) = self.dialog_mut(dialog) else {
                return self.refuse(transaction, 481);
            };
            if !dialog.is_with(from_tag.as_deref()) {
                return self.refuse(transaction, 481);
            }
            dialog.accepts(request)
        };
        // A request that comes after a later one was lost in time (RFC 3261 §12.2.2).
        if !in_order || (!self.has_room() && method != Method::Bye) {
            return self.refuse(transaction, 500);
        }
        let by = self.party(dialog);
        if let (None, DialogOf::Leg(id)) = (by, dialog) {
            return self.arrive_from_leg(id, transaction);
        }
        match (method, by) {
            (Method::Bye, _) => {
                self.refuse_renegotiation();
                self.reply(Wire::Other, transaction, 200, Vec::new(), None);
                if by == Some(Party::Callee) {
                    self.callee_left();
                }
                if let Some(by) = by {
                    self.give(Input::HungUp { by });
                }
                if by == Some(Party::Caller) {
                    self.caller_left = true;
                    self.sound.end_message(MessageEnd::HungUp);
                }
            }
            (Method::Invite | Method::Update, Some(Party::Caller)) if self.is_alone() => {
                self.renegotiate_alone(DialogOf::Caller, transaction);
            }
            (Method::Invite | Method::Update, Some(by)) => self.renegotiate(by, transaction),
            (Method::PRack, Some(Party::Caller)) => self.acknowledged(transaction),
            (Method::Info, Some(by)) => self.info(by, transaction),
            (Method::Options, _) => {
                let extra = vec![message::allow()];
                self.reply(Wire::Other, transaction, 200, extra, None);
            }
            (Method::Refer, Some(Party::Callee)) => self.refer(transaction),
            (Method::Refer, _) => self.refuse_refer(transaction, 603, "caller"),
            (Method::PRack, _) | (Method::Invite | Method::Info | Method::Update, None) => {
                self.refuse(transaction, 481);
            }
            _ => {
                let extra = vec![message::allow()];
                self.reply(Wire::Other, transaction, 405, extra, None);
            }
        }
    }

    pub(super) fn refuse(&mut self, transaction: Transaction, code: u16) {
        self.reply(Wire::Other, transaction, code, Vec::new(), None);
    }

    /// Sends a request to a side that is talked to.
    pub(super) fn request(
        &mut self,
        to: Party,
        wire: Wire,
        method: Method,
        extra: Vec<Header>,
        body: Vec<u8>,
    ) {
        let shared = self.shared.clone();
        let transaction = self.dialog_of(to).and_then(|dialog| {
            let request = dialog.request(method, &shared.identity, extra, body);
            dialog.transaction(request, &shared.endpoint)
        });
        self.send(wire, transaction);
    }

    /// The dialog with a side that is talked to.
    pub(super) fn dialog_of(&mut self, party: Party) -> Option<&mut Dialog> {
        if party == Party::Caller {
            return Some(&mut self.caller.dialog);
        }
        let id = self.talking?;
        self.leg_mut(id).map(|leg| &mut leg.dialog)
    }

    fn dialog_mut(&mut self, dialog: DialogOf) -> Option<&mut Dialog> {
        match dialog {
            DialogOf::Caller => Some(&mut self.caller.dialog),
            DialogOf::Leg(id) => self.leg_mut(id).map(|leg| &mut leg.dialog),
        }
    }

    /// Which side of the call a dialog is; `None` for a leg that is not talked to.
    fn party(&self, dialog: DialogOf) -> Option<Party> {
        match dialog {
            DialogOf::Caller => Some(Party::Caller),
            DialogOf::Leg(id) if self.talking == Some(id) => Some(Party::Callee),
            DialogOf::Leg(_) => None,
        }
    }
}

/// The side that talks to a side.
pub(super) const fn other(party: Party) -> Party {
    match party {
        Party::Caller => Party::Callee,
        _ => Party::Caller,
    }
}
