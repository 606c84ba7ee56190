//! One call, one task: from its INVITE to its last acknowledgement.

mod arrival;
mod hold;
mod keys;
mod leg;
mod outbox;
mod play;
mod prompts;
mod refresh;
mod reliable;
mod running;
mod sound;
mod takeover;
mod transfer;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use metrics::counter;
use ringfence_model::{Timestamp, masked};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use rsipstack::transport::SipConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::dialog::Dialog;
use crate::gate::ActiveCall;
use crate::loops::Path;
use crate::phones::Flow;
use crate::server::Shared;
use crate::session::{Limits, Session};
use crate::wire::{self, Heard, Wire};
use crate::{CallDecision, CallSetup, IncomingCall, InviteFacts, Origin};
use crate::{guard, message};
use running::Running;
pub(crate) use takeover::TakenLeg;

/// How long a call that is over stays for retransmissions: 64 times T1 and a little (RFC 3261 §17.1.1.2).
pub(crate) const TAIL: Duration = Duration::from_secs(34);

type Conversations = FuturesUnordered<BoxFuture<'static, Heard>>;

/// The caller's INVITE and the way to answer it.
struct Invite {
    request: Request,
    answers: TransactionEventSender,
    /// Our tag in the caller's dialog.
    tag: String,
    /// A final response has been sent.
    answered: bool,
}

impl Invite {
    fn respond(&mut self, code: u16, extra: Vec<Header>, body: Option<String>) {
        if self.answered {
            return;
        }
        self.answered = code >= 200;
        let response = message::response(&self.request, code, Some(&self.tag), extra, body);
        // The transaction ends before this task only when its stream is gone; then nobody waits for an answer.
        let _ = self.answers.send(TransactionEvent::Respond(response));
    }
}

impl Invite {
    /// A response that its sender looks after; `None` when the final one has been sent.
    fn response(&self, code: u16, extra: Vec<Header>, body: Option<String>) -> Option<Response> {
        (!self.answered)
            .then(|| message::response(&self.request, code, Some(&self.tag), extra, body))
    }
}

/// Takes a new INVITE through the platform's decision and, when that says so, through its call.
pub(crate) async fn run(shared: Arc<Shared>, transaction: Transaction, active: ActiveCall) {
    let received_at = Timestamp::from(SystemTime::now());
    let began = Instant::now();
    let mut invite = Invite {
        request: transaction.original.clone(),
        answers: transaction.tu_sender.clone(),
        tag: message::new_tag(),
        answered: false,
    };
    invite.respond(100, Vec::new(), None);
    let connection = transaction.connection.clone();
    let mut conversations = Conversations::new();
    conversations.push(wire::listen(Wire::Caller, transaction));

    let only_one = shared.loops.enter(&invite.request);
    if only_one.is_none() {
        counter!("ringfence_sip_refused_total", "reason" => "merged").increment(1);
        drop(active);
        invite.respond(482, Vec::new(), None);
        return conclude(conversations).await;
    }
    let prepared = prepare(&shared, &invite, connection.as_ref(), received_at);
    let (facts, dialog, path) = match prepared {
        Ok(prepared) => prepared,
        Err(Objection {
            code,
            reason,
            extra,
        }) => {
            counter!("ringfence_sip_refused_total", "reason" => reason).increment(1);
            drop(active);
            invite.respond(code, extra, None);
            return conclude(conversations).await;
        }
    };
    info!(
        source = %facts.source,
        dialled = %masked(&facts.dialled),
        "a call came in"
    );
    let seen = connection
        .as_ref()
        .and_then(|connection| shared.phones.behind_nat(connection.get_remote_addr()?));
    let caller = facts
        .caller
        .clone()
        .map(|number| (number, facts.caller_name.clone()));
    match decide(&shared, facts, &mut invite, &mut conversations).await {
        Decision::Refused(code) => {
            drop(active);
            invite.respond(code, retry_after(code), None);
            conclude(conversations).await;
        }
        Decision::Setup { setup, cancelled } => {
            let mut running = Running::new(
                shared,
                *setup,
                invite,
                dialog,
                caller,
                conversations,
                (received_at, began),
                path,
                active,
            );
            if let Some(seen) = seen {
                running.caller_is_behind_nat(seen);
            }
            if cancelled {
                running.caller_cancelled();
            }
            running.drive().await;
        }
    }
}

struct Objection {
    code: u16,
    /// For the counter.
    reason: &'static str,
    extra: Vec<Header>,
}

const fn object(code: u16, reason: &'static str) -> Objection {
    Objection {
        code,
        reason,
        extra: Vec::new(),
    }
}

/// What an INVITE must have before anybody is asked about it.
fn prepare(
    shared: &Shared,
    invite: &Invite,
    connection: Option<&SipConnection>,
    received_at: Timestamp,
) -> Result<(InviteFacts, Dialog, Path), Objection> {
    let request = &invite.request;
    if message::max_forwards(request) == 0 {
        return Err(object(483, "too_many_hops"));
    }
    if let Some(required) = message::required(request) {
        return Err(Objection {
            code: 420,
            reason: "extension",
            extra: vec![Header::Unsupported(required.into())],
        });
    }
    if !request.body.is_empty() && !message::carries_sdp(&request.headers, &request.body) {
        return Err(Objection {
            code: 415,
            reason: "body",
            extra: vec![message::accept()],
        });
    }
    if !message::accepts_sdp(&request.headers) {
        return Err(object(406, "accept"));
    }
    let limits = Limits::new(&shared.config);
    if Session::requested(request, limits, Instant::now()).is_err() {
        return Err(Objection {
            code: 422,
            reason: "session_interval",
            extra: vec![limits.minimum()],
        });
    }
    let call_id = message::call_id(request).unwrap_or_default().to_owned();
    // A call of ours that a proxy sent back (RFC 3261 §16.3): our From tag and Call-ID are still on it.
    if message::from_tag(request).is_some_and(|tag| shared.dialogs.contains(&call_id, tag)) {
        return Err(object(482, "loop"));
    }
    let source = connection
        .and_then(|connection| connection.get_remote_addr()?.get_socketaddr().ok())
        .ok_or_else(|| object(500, "no_source"))?;
    let way = connection.and_then(|connection| Flow::of(connection.get_remote_addr()?));
    if let Some(way) = way.filter(|way| shared.phones.flow(*way).is_some()) {
        return prepare_of_phone(shared, invite, connection, way, received_at);
    }
    let mut trunk = shared
        .trunks
        .find(source.ip())
        .ok_or_else(|| object(403, "unknown_address"))?;
    // Of trunks that share a prefix it is the one whose password has been proved at the gate.
    if let Some(credentials) = guard::credentials(request) {
        let accounts = shared.trunks.challenged_at(source.ip());
        let proved = accounts.iter().find(|a| a.user == credentials.user);
        if let Some(account) = proved {
            trunk.trunk = account.trunk;
        }
    }
    let dialog = Dialog::incoming(request, invite.tag.clone(), connection, shared.config.nat)
        .ok_or_else(|| object(400, "malformed"))?;
    let uri = format!("<{}>", request.uri);
    let mut dialled = message::user_part(&uri).ok_or_else(|| object(484, "no_number"))?;
    // A registrar puts our contact in the place of the number (RFC 3261 §16.5).
    if let Some(registered) = shared.trunks.called_as(&dialled, source.ip()) {
        trunk = registered;
        dialled = message::called_party(request).ok_or_else(|| object(484, "no_number"))?;
    }
    let path = shared
        .loops
        .path(request, &dialled)
        .ok_or_else(|| object(482, "loop"))?;
    let (caller, caller_name) = message::caller(request).unzip();
    let facts = InviteFacts {
        origin: Origin::Trunk(trunk.trunk),
        country: trunk.country,
        source,
        sip_call_id: call_id,
        dialled,
        caller,
        caller_name: caller_name.flatten(),
        received_at,
    };
    Ok((facts, dialog, path))
}

/// The same of a phone that registers here. Its password was proved at the gate; it is nobody's trunk, wherever it is.
fn prepare_of_phone(
    shared: &Shared,
    invite: &Invite,
    connection: Option<&SipConnection>,
    way: Flow,
    received_at: Timestamp,
) -> Result<(InviteFacts, Dialog, Path), Objection> {
    let request = &invite.request;
    let (target, user) = guard::credentials(request)
        .and_then(|credentials| {
            let target = shared.phones.target_on(&credentials.user, way)?;
            Some((target, credentials.user))
        })
        .ok_or_else(|| object(403, "another_phone"))?;
    let nat = shared.config.nat
        || shared
            .phones
            .flow(way)
            .is_some_and(|facts| facts.behind_nat);
    let dialog = Dialog::incoming(request, invite.tag.clone(), connection, nat)
        .ok_or_else(|| object(400, "malformed"))?;
    let uri = format!("<{}>", request.uri);
    let dialled = message::user_part(&uri).ok_or_else(|| object(484, "no_number"))?;
    let path = shared
        .loops
        .path(request, &dialled)
        .ok_or_else(|| object(482, "loop"))?;
    let facts = InviteFacts {
        origin: Origin::Phone(target),
        country: None,
        source: way.address,
        sip_call_id: message::call_id(request).unwrap_or_default().to_owned(),
        dialled,
        caller: Some(user),
        caller_name: None,
        received_at,
    };
    Ok((facts, dialog, path))
}

enum Decision {
    Refused(u16),
    Setup {
        setup: Box<CallSetup>,
        /// The caller gave up meanwhile.
        cancelled: bool,
    },
}

/// Hands the call up and waits for the decision, no longer than it may take.
async fn decide(
    shared: &Shared,
    facts: InviteFacts,
    invite: &mut Invite,
    conversations: &mut Conversations,
) -> Decision {
    let refused = |code: u16, reason: &'static str| {
        counter!("ringfence_sip_refused_total", "reason" => reason).increment(1);
        Decision::Refused(code)
    };
    let (decision, mut decided) = oneshot::channel();
    if shared
        .incoming
        .try_send(IncomingCall { facts, decision })
        .is_err()
    {
        return refused(503, "queue");
    }
    let deadline = tokio::time::sleep(shared.config.decision_timeout);
    tokio::pin!(deadline);
    let mut cancelled = false;
    loop {
        tokio::select! {
            decision = &mut decided => {
                return match decision {
                    Ok(CallDecision::Proceed(setup)) => Decision::Setup { setup, cancelled },
                    Ok(CallDecision::Refuse { code, reason }) => {
                        debug!(code, reason, "the call is refused");
                        let code = if (400..=699).contains(&code) { code } else { 603 };
                        refused(code, "decision")
                    }
                    Err(_) => refused(503, "no_decision"),
                };
            }
            Some(heard) = conversations.next() => {
                if let Some(SipMessage::Request(request)) = &heard.message
                    && request.method == Method::Cancel
                {
                    cancelled = true;
                    invite.respond(487, Vec::new(), None);
                }
                if heard.message.is_some() {
                    conversations.push(wire::listen(heard.wire, heard.transaction));
                } else {
                    cancelled = true;
                }
            }
            () = &mut deadline => return refused(503, "decision_timeout"),
            () = shared.stop.cancelled() => return refused(503, "draining"),
        }
    }
}

fn retry_after(code: u16) -> Vec<Header> {
    (code == 503)
        .then(|| Header::RetryAfter("2".to_owned().into()))
        .into_iter()
        .collect()
}

/// Stays until the final response has been acknowledged, or nobody will any more.
async fn conclude(mut conversations: Conversations) {
    let acknowledged = async {
        while let Some(heard) = conversations.next().await {
            match heard.message {
                Some(SipMessage::Request(request)) if request.method == Method::Ack => return,
                Some(_) => conversations.push(wire::listen(heard.wire, heard.transaction)),
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(TAIL, acknowledged).await;
}

/// The `<sip:…>` that a target sees as the caller.
fn from_value(caller: Option<&(String, Option<String>)>, host: std::net::IpAddr) -> String {
    match caller {
        None => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
        Some((number, name)) => {
            let host = rsipstack::sip::Host::IpAddr(host);
            let number = message::escaped(number);
            name.as_deref().map_or_else(
                || format!("<sip:{number}@{host}>"),
                |name| format!("\"{name}\" <sip:{number}@{host}>"),
            )
        }
    }
}

/// The Content-Type of a message.
fn content_type(request: &Request) -> Option<Header> {
    request.headers.iter().find_map(|header| match header {
        Header::ContentType(kind) if kind.value().len() <= 128 => Some(header.clone()),
        _ => None,
    })
}
