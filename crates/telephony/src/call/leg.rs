//! The legs: ringing targets, giving them up, hanging them up.

use ringfence_callflow::{Input, LegFailure};
use ringfence_media::{Ear, Line};
use ringfence_model::{LegId, masked};
use ringfence_routing::Candidate;
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, Uri};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipAddr, SipConnection};
use tokio::time::Instant;
use tracing::debug;

use super::from_value;
use super::keys::KeysBy;
use super::reliable::Acknowledged;
use super::running::Running;
use crate::dialog::{self, Dialog};
use crate::dialogs::{DialogOf, Entry, Registration};
use crate::digest::Challenge;
use crate::message;
use crate::peers::Peer;
use crate::sdp::{Description, LocalEnd};
use crate::session::{self, Limits, Session};
use crate::wire::{Heard, Identity, Wire};

/// How often an INVITE is sent anew when a target wants it otherwise.
const MAX_AGAIN: u8 = 3;

/// One target that was rung.
pub(super) struct Leg {
    pub id: LegId,
    pub dialog: Dialog,
    /// What it says now, from a provisional response or its answer.
    pub said: Option<Description>,
    /// Our end towards it.
    pub end: LocalEnd,
    /// Its line in the media session, while it needs one.
    pub line: Option<Line>,
    /// It has answered, and has not hung up.
    pub answered: bool,
    /// Who talks with the caller, and is to be followed by this one.
    pub follows: Option<LegId>,
    /// By which way its keys come.
    pub keys_by: Option<KeysBy>,
    pub session: Option<Session>,
    /// The INVITE that was sent last.
    invite: Request,
    /// What every INVITE to it says beside what belongs to the dialog.
    headers: Vec<Header>,
    /// And what they say of the session's timer.
    asked: Vec<Header>,
    /// How often it was sent anew because the target wanted it otherwise.
    again: u8,
    /// The way that the INVITE went, once something came back.
    pub way: Option<(SipConnection, Option<SipAddr>)>,
    /// Its provisional responses that it wanted acknowledged.
    pub acknowledged: Acknowledged,
    given_up: Option<GivenUp>,
    cancel_sent: bool,
    /// A final response came.
    settled: bool,
    pub registration: Registration,
    peer: Option<Peer>,
}

/// Why a leg was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenUp {
    /// Another leg took the call.
    Elsewhere,
    /// It took too long, or the caller left.
    ForGood,
}

impl Leg {
    /// Why it is let go, when its phone should know (RFC 3326 §2): one that says nothing lists the call as missed.
    fn reason(&self) -> Option<Header> {
        (self.given_up == Some(GivenUp::Elsewhere)).then(elsewhere)
    }
}

impl Running {
    /// Sends an INVITE to a candidate; words when that cannot be.
    pub(super) fn ring(&mut self, candidate: &Candidate) -> Result<(), String> {
        let shared = &self.shared;
        let target = Uri::try_from(candidate.uri.as_str())
            .map_err(|_| "its URI is no SIP URI; correct it".to_owned())?;
        let (mut destination, mut transport) = shared.identity.destination(&target)?;
        let shown = candidate.shown.as_ref();
        let shown = shown.map(|number| (number.as_str().to_owned(), None));
        let shown = shown.as_ref().or(self.identity.as_ref());
        let mut from = from_value(shown, shared.identity.host());
        let mut who = Vec::new();
        let place = target.host_with_port.to_string();
        if let Some(trunk) = shared.trunks.out_by(&place, &self.logins) {
            if let Some(address) = trunk.way_out()? {
                (destination, transport) = (address.into(), address.stack_transport());
            }
            (from, who) = trunk.identified(shown);
        }
        let mut dialog = Dialog::outgoing(target, &from, transport);
        let (line, mut end) = self.sound.open_line()?;
        if let Some(seen) = shared.phones.behind_nat(&destination) {
            self.sound.is_behind_nat(Ear::Callee(line), seen);
        }
        let offer = end.offer(&self.wanted_of_leg());
        let hops = message::max_forwards(&self.caller.invite.request).saturating_sub(1);
        let mut headers = vec![
            Header::MaxForwards(hops.min(70).to_string().into()),
            message::sdp_type(),
            self.path.header(),
        ];
        headers.extend(who);
        let asked = Limits::new(&shared.config).ask(0);
        let invite = invite(
            &mut dialog,
            &shared.identity,
            headers.iter().chain(&asked).cloned(),
            offer.into_bytes(),
        );
        let transaction = dialog.transaction(invite.clone(), &shared.endpoint);
        let Some(mut transaction) = transaction else {
            self.sound.close_line(line);
            return Err("its INVITE could not be made".to_owned());
        };
        transaction.destination = Some(destination);
        let registration = shared.dialogs.register(
            &dialog.call_id,
            &dialog.local_tag,
            self.entry(DialogOf::Leg(candidate.leg)),
        );
        debug!(call = %self.id, leg = %candidate.leg, target = %masked(&candidate.uri), "ringing");
        self.legs.push(Leg {
            id: candidate.leg,
            dialog,
            said: None,
            end,
            line: Some(line),
            answered: false,
            follows: self.talking,
            keys_by: None,
            session: None,
            invite,
            headers,
            asked,
            again: 0,
            way: None,
            acknowledged: Acknowledged::default(),
            given_up: None,
            cancel_sent: false,
            settled: false,
            registration,
            peer: None,
        });
        self.send(Wire::Leg(candidate.leg), Some(transaction));
        Ok(())
    }

    /// What a leg is offered: what the caller takes. One that is to follow another finds the caller perhaps on hold, and is
    /// not to be.
    pub(super) fn wanted_of_leg(&self) -> Description {
        let said = self.caller.said.clone();
        let mut wanted = said.unwrap_or_else(Description::anything);
        if self.talking.is_some() {
            wanted.flow_both_ways();
        }
        wanted
    }

    /// What says that a dialog is this call's.
    pub(super) fn entry(&self, dialog: DialogOf) -> Entry {
        Entry {
            dialog,
            call: self.id,
            remote_tag: None,
            inbox: self.inbox_sender.clone(),
        }
    }

    /// Gives a leg up. CANCEL must wait for a provisional response (RFC 3261 §9.1).
    pub(super) fn cancel(&mut self, id: LegId, elsewhere: bool) {
        if let Some(leg) = self.leg_mut(id) {
            leg.given_up = Some(if elsewhere {
                GivenUp::Elsewhere
            } else {
                GivenUp::ForGood
            });
        }
        self.free_line(id);
        self.send_cancel(id);
    }

    fn send_cancel(&mut self, id: LegId) {
        let endpoint = self.shared.endpoint.clone();
        // Phones do not list a call as missed that somebody else took (RFC 3326 §2).
        // One that says its first word late: somebody may have taken the call since.
        let talking = self.talking.is_some();
        let why = self.caller.reason.clone();
        let Some(leg) = self.leg_mut(id) else {
            return;
        };
        let late = talking && leg.follows.is_none();
        let reason = leg.reason().or_else(|| late.then(elsewhere)).or(why);
        let Some((connection, destination)) = &leg.way else {
            return;
        };
        if leg.given_up.is_none() || leg.cancel_sent || leg.settled {
            return;
        }
        leg.cancel_sent = true;
        let cancel = dialog::cancel_of(&leg.invite, reason);
        // A transaction of its own, so that a CANCEL that is lost is sent again.
        let transaction = TransactionKey::from_request(&cancel, TransactionRole::Client)
            .ok()
            .map(|key| {
                let mut transaction =
                    Transaction::new_client(key, cancel, endpoint, Some(connection.clone()));
                transaction.destination.clone_from(destination);
                transaction
            });
        self.send(Wire::Other, transaction);
    }

    /// Sends BYE to a leg that answered.
    pub(super) fn hang_up_leg(&mut self, id: LegId) {
        let shared = self.shared.clone();
        self.free_line(id);
        let Some(leg) = self.leg_mut(id) else {
            return;
        };
        let reason = leg.reason().into_iter().collect();
        let bye = leg
            .dialog
            .request(Method::Bye, &shared.identity, reason, Vec::new());
        let transaction = leg.dialog.transaction(bye, &shared.endpoint);
        self.send(Wire::Other, transaction);
    }

    pub(super) fn hear_leg(&mut self, id: LegId, heard: Heard) {
        let peers = self.shared.peers.clone();
        let Some(leg) = self.leg_mut(id) else {
            return;
        };
        let Heard {
            transaction,
            message,
            ..
        } = heard;
        let Some(SipMessage::Response(response)) = message else {
            if !leg.settled {
                leg.settled = true;
                let failure = LegFailure::Unreachable("there is no way to its address".into());
                self.give(Input::LegFailed { leg: id, failure });
            }
            return;
        };
        if leg.way.is_none()
            && let Some(connection) = &transaction.connection
        {
            leg.way = Some((connection.clone(), transaction.destination.clone()));
            leg.dialog.pin(Some(connection));
            let address = transaction
                .destination
                .as_ref()
                .and_then(|destination| destination.get_socketaddr().ok());
            leg.peer = address.map(|address| peers.enter(address.ip()));
        }
        let code = response.status_code.code();
        match code {
            0..200 => {
                if code == 100 || self.acknowledge(id, &response) {
                    self.leg_progressed(id, &response);
                }
                self.send_cancel(id);
                self.listen(Wire::Leg(id), transaction);
            }
            200..300 => {
                self.leg_answered(id, &response);
                self.listen(Wire::Settled(id), transaction);
            }
            422 if self.ask_longer(id, &transaction, &response) => {}
            401 | 407 if self.prove(id, &transaction, &response) => {}
            _ => {
                if let Some(leg) = self.leg_mut(id) {
                    leg.settled = true;
                }
                let failure = if message::is_local(&response) {
                    LegFailure::Unreachable(match code {
                        408 => "nothing came back from its address".into(),
                        _ => "its address takes no connection".into(),
                    })
                } else {
                    LegFailure::Response {
                        code,
                        phrase: message::phrase(&response),
                    }
                };
                self.give(Input::LegFailed { leg: id, failure });
            }
        }
    }

    fn leg_progressed(&mut self, id: LegId, response: &Response) {
        let code = response.status_code.code();
        let mut early_media = false;
        let talking = self.talking.is_some();
        if let Some(body) = message::sdp_of(&response.headers, &response.body)
            && let Ok(said) = Description::parse(body)
            && let Some(leg) = self.leg_mut(id)
            && leg.given_up.is_none()
        {
            leg.said = Some(said.clone());
            early_media = !talking;
        }
        if early_media {
            self.hear_on_line(id);
        }
        self.give(Input::Progress {
            leg: id,
            code,
            early_media,
        });
    }

    /// The target takes no session as short as ours (RFC 4028 §7.4); whether it is asked for a longer one.
    fn ask_longer(&mut self, id: LegId, refused: &Transaction, response: &Response) -> bool {
        let Some(minimum) = session::minimum(&response.headers) else {
            return false;
        };
        let asked = self.limits().ask(minimum);
        let Some(leg) = self.leg_mut(id).filter(|_| !asked.is_empty()) else {
            return false;
        };
        leg.asked = asked;
        self.ring_again(id, refused)
    }

    /// The target wants a password (RFC 3261 §22); whether there is one for it.
    fn prove(&mut self, id: LegId, refused: &Transaction, response: &Response) -> bool {
        let by_proxy = response.status_code.code() == 407;
        let challenges = response.headers.iter().filter_map(|header| match header {
            Header::WwwAuthenticate(value) if !by_proxy => Challenge::parse(value.value()),
            Header::ProxyAuthenticate(value) if by_proxy => Challenge::parse(value.value()),
            _ => None,
        });
        let trunks = self.shared.trunks.clone();
        let logins = self.logins.clone();
        let Some(leg) = self.leg_mut(id) else {
            return false;
        };
        let host = leg.dialog.target().host_with_port.host.to_string();
        let mut answerable = challenges.filter_map(|challenge| {
            let account = trunks.account_at(&host, &challenge.realm, &logins)?;
            Some((challenge, account))
        });
        let Some((challenge, account)) = answerable.next() else {
            return false;
        };
        leg.dialog
            .challenged(challenge, by_proxy, account.user, account.password)
            && self.ring_again(id, refused)
    }

    /// Sends a leg's INVITE once more, with other headers (RFC 3261 §8.1.3.5); whether that could be.
    fn ring_again(&mut self, id: LegId, refused: &Transaction) -> bool {
        let shared = self.shared.clone();
        let Some(leg) = self.leg_mut(id) else {
            return false;
        };
        if leg.given_up.is_some() || leg.again >= MAX_AGAIN {
            return false;
        }
        leg.again += 1;
        let headers = leg.headers.iter().chain(&leg.asked).cloned();
        let body = leg.invite.body.clone();
        leg.invite = invite(&mut leg.dialog, &shared.identity, headers, body);
        let transaction = leg
            .dialog
            .transaction(leg.invite.clone(), &shared.endpoint)
            .map(|mut transaction| {
                transaction.destination.clone_from(&refused.destination);
                transaction
            });
        if transaction.is_none() {
            return false;
        }
        // Until something comes back for this one there is nothing to cancel.
        leg.way = None;
        self.send(Wire::Leg(id), transaction);
        true
    }

    fn leg_answered(&mut self, id: LegId, response: &Response) {
        let limits = self.limits();
        let Some(leg) = self.leg_mut(id) else {
            return;
        };
        leg.settled = true;
        leg.dialog.learn(response);
        leg.session = Session::answered(response, limits, None, Instant::now());
        let said = match message::sdp_of(&response.headers, &response.body) {
            Some(body) => Description::parse(body).map_err(|error| error.to_string()),
            // An answer may have come in a reliable provisional response already.
            None => leg.said.clone().ok_or_else(|| "it has no SDP".to_owned()),
        };
        match said {
            Ok(said) => {
                leg.said = Some(said);
                leg.answered = true;
                self.hear_on_line(id);
                self.give(Input::Answered { leg: id });
            }
            Err(_) if leg.given_up.is_some() => self.give(Input::Answered { leg: id }),
            Err(reason) => {
                self.hang_up_leg(id);
                let reason = format!("its answer is of no use: {reason}");
                self.give(Input::LegFailed {
                    leg: id,
                    failure: LegFailure::Unreachable(reason),
                });
            }
        }
    }

    /// Takes sound from where a leg says that it sends it from.
    pub(super) fn hear_on_line(&self, id: LegId) {
        if let Some(leg) = self.leg(id)
            && let (Some(said), Some(line)) = (&leg.said, leg.line)
        {
            self.sound.set_remote(Ear::Callee(line), said);
        }
    }

    /// After the first 2xx: its retransmissions, and answers of other branches of a forked INVITE, which are
    /// hung up (RFC 3261 §13.2.2.4). The stack has acknowledged both.
    pub(super) fn hear_settled(&mut self, id: LegId, heard: Heard) {
        let Some(SipMessage::Response(response)) = heard.message else {
            return;
        };
        let shared = self.shared.clone();
        let Some(leg) = self.leg_mut(id) else {
            return;
        };
        let is_answer = (200..300).contains(&response.status_code.code());
        if is_answer && !leg.dialog.is_with(message::to_tag(&response)) {
            let mut other = leg.dialog.clone();
            other.learn(&response);
            let bye = other.request(Method::Bye, &shared.identity, Vec::new(), Vec::new());
            let transaction = other.transaction(bye, &shared.endpoint);
            if self.has_room() {
                self.send(Wire::Other, transaction);
            }
        }
        self.listen(Wire::Settled(id), heard.transaction);
    }
}

fn elsewhere() -> Header {
    let reason = "SIP;cause=200;text=\"Call completed elsewhere\"";
    Header::Reason(reason.to_owned().into())
}

/// An INVITE that begins a dialog; a header of `headers` stands in the place of one of the dialog's own.
fn invite(
    dialog: &mut Dialog,
    identity: &Identity,
    headers: impl Iterator<Item = Header>,
    body: Vec<u8>,
) -> Request {
    let mut invite = dialog.request(Method::Invite, identity, Vec::new(), body);
    for header in headers {
        invite.headers.unique_push(header);
    }
    invite
}
