//! Keys that are pressed in a call: told upwards once each, and INFO passed on to the other side.

use ringfence_callflow::Ear;
use ringfence_model::Party;
use rsipstack::sip::{Header, Method};
use rsipstack::transaction::Transaction;

use super::arrival::other;
use super::running::Running;
use crate::message;
use crate::wire::Wire;

/// The largest INFO body that is passed on, in octets; DTMF has 30.
const MAX_INFO: usize = 1024;

/// How a side's keys reach us. Some phones use both ways at once: the first one that a side uses is its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeysBy {
    /// Telephone events between its RTP packets (RFC 4733).
    Sound,
    /// INFO requests with `application/dtmf-relay` or `application/dtmf`.
    Info,
}

impl Running {
    /// A key came by one of the ways.
    pub(super) fn key(&mut self, from: Ear, key: char, way: KeysBy) {
        let known = match from {
            Ear::Caller => Some(&mut self.caller_keys_by),
            Ear::Leg(id) => self.leg_mut(id).map(|leg| &mut leg.keys_by),
        };
        if known.is_some_and(|known| *known.get_or_insert(way) == way) {
            self.pressed(from, key);
        }
    }

    /// Acknowledged at once, and passed on to the other side.
    pub(super) fn info(&mut self, by: Party, transaction: Transaction) {
        let body = transaction.original.body.clone();
        let kind = super::content_type(&transaction.original);
        self.reply(Wire::Other, transaction, 200, Vec::new(), None);
        if body.len() > MAX_INFO {
            return;
        }
        if let Some(Header::ContentType(kind)) = &kind
            && let Some(key) = message::key(kind.value(), &body)
        {
            let from = match (by, self.talking) {
                (Party::Callee, Some(leg)) => Ear::Leg(leg),
                _ => Ear::Caller,
            };
            self.key(from, key, KeysBy::Info);
        }
        if self.is_confirmed() {
            let extra: Vec<Header> = kind.into_iter().collect();
            self.request(other(by), Wire::Other, Method::Info, extra, body);
        }
    }
}
