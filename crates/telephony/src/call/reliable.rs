//! Provisional responses that are acknowledged (RFC 3262): ours to a caller that requires it, and a target's.

use std::collections::VecDeque;
use std::time::Duration;

use ringfence_callflow::Input;
use ringfence_model::{LegId, Party};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Response};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::TransactionEvent;
use tokio::time::Instant;

use super::running::Running;
use crate::message;
use crate::sdp::Description;
use crate::wire::Wire;

/// T1: the first retransmission comes after it, each later one after twice as long (RFC 3262 §3).
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(500);
/// 64 times T1: by then the caller has acknowledged, or the call is refused.
const PATIENCE: Duration = Duration::from_secs(32);
/// Responses that wait for the acknowledgement of one before them.
const MAX_WAITING: usize = 4;
/// Branches of one leg whose provisional responses are acknowledged.
const MAX_BRANCHES: usize = 8;

/// A provisional or final response that is still to be sent.
struct Planned {
    code: u16,
    headers: Vec<Header>,
    body: Option<String>,
}

struct Sent {
    response: Response,
    /// Its `RSeq`.
    number: u32,
    again: Instant,
    pause: Duration,
    until: Instant,
}

/// What the caller is told before the answer, when it wants that acknowledged.
#[derive(Default)]
pub(super) struct Reliable {
    wanted: bool,
    number: u32,
    sent: Option<Sent>,
    waiting: VecDeque<Planned>,
    /// An answer to its offer is on its way, or there: the 200 says nothing more (RFC 6337 §2.2).
    sound_told: bool,
}

impl Reliable {
    /// For this INVITE.
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            wanted,
            number: rand::random_range(1..1 << 30),
            ..Self::default()
        }
    }
}

/// Whose reliable provisional responses have been acknowledged, and up to which.
#[derive(Default)]
pub(super) struct Acknowledged {
    branches: Vec<(String, u32)>,
}

impl Acknowledged {
    /// Whether a response with this number is the next one of its branch (RFC 3262 §4).
    fn takes(&mut self, tag: &str, number: u32) -> bool {
        let full = self.branches.len() >= MAX_BRANCHES;
        match self.branches.iter_mut().find(|(branch, _)| branch == tag) {
            Some((_, last)) => {
                let next = last.wrapping_add(1) == number;
                if next {
                    *last = number;
                }
                next
            }
            None if full => false,
            None => {
                self.branches.push((tag.to_owned(), number));
                true
            }
        }
    }
}

impl Running {
    /// Tells the caller how it goes.
    pub(super) fn tell_progress(&mut self, code: u16, headers: Vec<Header>, body: Option<String>) {
        if !self.caller.reliable.wanted {
            return self.caller.invite.respond(code, headers, body);
        }
        // Without an offer of the caller's a reliable response had to make one (RFC 3262 §5); 100 will do.
        if self.caller.said.is_none() {
            return;
        }
        let reliable = &mut self.caller.reliable;
        if reliable.waiting.len() < MAX_WAITING {
            reliable.waiting.push_back(Planned {
                code,
                headers,
                body,
            });
        }
        self.send_planned();
    }

    /// Answers the caller with 200, as soon as nothing stands before it (RFC 3262 §3).
    pub(super) fn tell_answer(&mut self, headers: Vec<Header>, body: String) {
        let reliable = &mut self.caller.reliable;
        reliable.waiting.retain(|planned| planned.body.is_some());
        reliable.waiting.push_back(Planned {
            code: 200,
            headers,
            body: Some(body),
        });
        self.send_planned();
    }

    /// Whether the answer waits for an acknowledgement of something before it.
    pub(super) fn answer_waits(&self) -> bool {
        let mut waiting = self.caller.reliable.waiting.iter();
        waiting.any(|planned| planned.code == 200)
    }

    /// Nothing more is to be told but what comes now.
    pub(super) fn forget_planned(&mut self) {
        self.caller.reliable.sent = None;
        self.caller.reliable.waiting.clear();
    }

    fn send_planned(&mut self) {
        let caller = &mut self.caller;
        let reliable = &mut caller.reliable;
        if reliable.sent.is_some() {
            return;
        }
        let Some(Planned {
            code,
            mut headers,
            body,
        }) = reliable.waiting.pop_front()
        else {
            return;
        };
        let body = body.filter(|_| !reliable.sound_told);
        if code >= 200 {
            caller.acknowledge_by = Some(Instant::now() + super::TAIL);
            return caller.invite.respond(code, headers, body);
        }
        reliable.sound_told |= body.is_some();
        reliable.number += 1;
        headers.push(Header::Require("100rel".to_owned().into()));
        headers.push(Header::RSeq(reliable.number.to_string().into()));
        let Some(response) = caller.invite.response(code, headers, body) else {
            return;
        };
        let _ = caller
            .invite
            .answers
            .send(TransactionEvent::Respond(response.clone()));
        let now = Instant::now();
        reliable.sent = Some(Sent {
            response,
            number: reliable.number,
            again: now + FIRST_RETRANSMISSION,
            pause: FIRST_RETRANSMISSION,
            until: now + PATIENCE,
        });
    }

    /// When a response is to be sent again.
    pub(super) fn next_retransmission(&self) -> Option<Instant> {
        let sent = self.caller.reliable.sent.as_ref()?;
        Some(sent.again.min(sent.until))
    }

    pub(super) fn retransmit(&mut self) {
        let now = Instant::now();
        let Some(sent) = &mut self.caller.reliable.sent else {
            return;
        };
        if self.caller.invite.answered {
            return self.forget_planned();
        }
        if now >= sent.until {
            let waits = self.answer_waits();
            self.forget_planned();
            self.give(Input::Broken {
                code: 504,
                reason: "the caller never acknowledged what it was told (PRACK)".to_owned(),
            });
            if waits {
                self.caller.invite.respond(504, Vec::new(), None);
            }
        } else if now >= sent.again {
            sent.pause *= 2;
            sent.again = now + sent.pause;
            let again = TransactionEvent::Respond(sent.response.clone());
            let _ = self.caller.invite.answers.send(again);
        }
    }

    /// The caller's PRACK.
    pub(super) fn acknowledged(&mut self, transaction: Transaction) {
        let request = &transaction.original;
        let rack = request.headers.iter().find_map(|header| match header {
            Header::RAck(rack) => Some(rack.value().to_owned()),
            _ => None,
        });
        let invite = self.caller.invite.request.cseq_header().ok();
        let invite = invite.and_then(|cseq| cseq.seq().ok()).unwrap_or_default();
        let expected = self.caller.reliable.sent.as_ref().map(|sent| sent.number);
        let named = rack.as_deref().and_then(numbers);
        if named.is_none() || named != expected.map(|number| (number, invite)) {
            return self.refuse(transaction, 481);
        }
        // It may carry another offer (RFC 3262 §5).
        let offer = message::sdp_of(&request.headers, &request.body).map(Description::parse);
        let body = match offer {
            None => None,
            Some(Err(_)) => {
                self.caller.reliable.sent = None;
                self.refuse(transaction, 488);
                return self.send_planned();
            }
            Some(Ok(offer)) => {
                self.set_remote(Party::Caller, &offer);
                let others = self
                    .legs
                    .last()
                    .and_then(|leg| leg.said.clone())
                    .unwrap_or_else(Description::anything);
                let end = self.caller.end.as_mut();
                let body = end.map(|end| end.answer(&offer, &others));
                self.caller.said = Some(offer);
                body
            }
        };
        self.caller.reliable.sent = None;
        self.reply(Wire::Other, transaction, 200, Vec::new(), body);
        self.send_planned();
    }

    /// Acknowledges a target's provisional response when it asks for that; whether the response is news.
    pub(super) fn acknowledge(&mut self, id: LegId, response: &Response) -> bool {
        let number = response.headers.iter().find_map(|header| match header {
            Header::RSeq(number) => number.value().trim().parse::<u32>().ok(),
            _ => None,
        });
        let required = response.headers.iter().any(|header| {
            matches!(header, Header::Require(tags) if tags
                .value()
                .split(',')
                .any(|tag| tag.trim().eq_ignore_ascii_case("100rel")))
        });
        let (true, Some(number)) = (required, number) else {
            return true;
        };
        let Some(tag) = message::to_tag(response).map(ToOwned::to_owned) else {
            return true;
        };
        let shared = self.shared.clone();
        let room = self.has_room();
        let Some(leg) = self.leg_mut(id) else {
            return false;
        };
        if !room || !leg.acknowledged.takes(&tag, number) {
            return false;
        }
        let invite = response.cseq_header().ok();
        let invite = invite.and_then(|cseq| cseq.seq().ok()).unwrap_or_default();
        let rack = Header::RAck(format!("{number} {invite} INVITE").into());
        let (early, prack) =
            leg.dialog
                .early_request(response, Method::PRack, &shared.identity, vec![rack]);
        let transaction = early.transaction(prack, &shared.endpoint);
        self.send(Wire::Other, transaction);
        true
    }
}

/// The response's and the request's numbers of a `RAck` (RFC 3262 §7.2).
fn numbers(rack: &str) -> Option<(u32, u32)> {
    let mut words = rack.split_ascii_whitespace();
    let numbers = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (words.next()?.eq_ignore_ascii_case("INVITE") && words.next().is_none()).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_of_a_branch_are_acknowledged_once_and_in_order() {
        let mut acknowledged = Acknowledged::default();
        assert!(acknowledged.takes("a", 7));
        assert!(!acknowledged.takes("a", 7), "it came again");
        assert!(!acknowledged.takes("a", 9), "one before it is missing");
        assert!(acknowledged.takes("a", 8));
        assert!(acknowledged.takes("b", 1));
    }

    #[test]
    fn a_rack_names_both_numbers_and_the_method() {
        assert_eq!(numbers("776656 1 INVITE"), Some((776_656, 1)));
        for wrong in ["", "1", "1 2", "1 2 BYE", "x 2 INVITE", "1 2 INVITE 3"] {
            assert_eq!(numbers(wrong), None, "{wrong}");
        }
    }
}
