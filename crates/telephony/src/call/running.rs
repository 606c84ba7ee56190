//! A call that runs: its flow, both of its sides, its sound, and the one loop that hears them all.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use metrics::counter;
use ringfence_callflow::{Action, Ear, Input, LegFailure, MessageEnd, Output, Played};
use ringfence_media as media;
use ringfence_model::{CallEventKind, CallId, LegId, Party, Timestamp, TrunkId};
use rsipstack::sip::{Header, Method, Request, SipMessage, StatusCodeKind};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::TransactionEvent;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tracing::{info, warn};

use super::hold::Renegotiation;
use super::keys::KeysBy;
use super::leg::Leg;
use super::outbox::Outbox;
use super::reliable::Reliable;
use super::sound::{Heard as Sounded, Sound};
use super::takeover::{Taking, taken};
use super::transfer::Transfer;
use super::{Conversations, Invite, TAIL};
use crate::dialog::Dialog;
use crate::dialogs::{Arrival, DialogOf, Entry, Registration};
use crate::gate::ActiveCall;
use crate::loops::Path;
use crate::sdp::{Description, LocalEnd};
use crate::server::Shared;
use crate::session::Session;
use crate::wire::{self, Heard, Wire};
use crate::{CallNotice, CallSetup, Flow, message};

/// Requests inside dialogs that may wait for the call's task.
const INBOX: usize = 16;
/// Transactions of one call at once; a side that wants more gets 500.
pub(super) const MAX_CONVERSATIONS: usize = 64;

/// The side that called.
pub(super) struct Caller {
    pub dialog: Dialog,
    pub invite: Invite,
    /// What it says now; `None` before it has said anything (its INVITE made no offer).
    pub said: Option<Description>,
    /// Our end towards it.
    pub end: Option<LocalEnd>,
    pub session: Option<Session>,
    pub reliable: Reliable,
    /// Why it gave up, as its CANCEL says (RFC 3326).
    pub reason: Option<Header>,
    /// The dialog is confirmed by its ACK.
    acknowledged: bool,
    /// Until when that must come; `None` before the answer and after the ACK.
    pub acknowledge_by: Option<Instant>,
    /// Hang up as soon as it is (RFC 3261 §15).
    hang_up_wanted: bool,
    /// Its answer is awaited in the ACK.
    offer_in_answer: bool,
    _registration: Registration,
}

/// What a caller has got from us before any leg answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FromUs {
    Nothing,
    /// Early media, which is ours.
    EarlySound,
    /// The answer.
    Answer,
}

/// A call and everything that it holds.
pub(super) struct Running {
    pub shared: Arc<Shared>,
    pub id: CallId,
    pub flow: Box<dyn Flow>,
    /// The caller's number and name, for the targets.
    pub identity: Option<(String, Option<String>)>,
    /// What its INVITEs say of where it has been.
    pub path: Path,
    pub caller: Caller,
    /// What the caller has from us and from no leg.
    pub from_us: FromUs,
    /// The caller hung up, or was hung up.
    pub caller_left: bool,
    pub legs: Vec<Leg>,
    /// The leg that answered and is talked to.
    pub talking: Option<LegId>,
    pub sound: Sound,
    pub renegotiation: Option<Renegotiation>,
    /// The side that we have made an offer to on our own account, not answered yet.
    pub offering: Option<Party>,
    /// By which way the caller's keys come.
    pub caller_keys_by: Option<KeysBy>,
    /// The trunks whose passwords may be used.
    pub logins: Vec<TrunkId>,
    pub transfer: Option<Transfer>,
    /// The callee of another call that is to come over.
    pub taking: Option<Taking>,
    outbox: Outbox,
    conversations: Conversations,
    /// Those of them that the end of the call waits for.
    open: usize,
    inbox: mpsc::Receiver<Arrival>,
    pub inbox_sender: mpsc::Sender<Arrival>,
    clock: (Timestamp, Instant),
    wake: Option<Timestamp>,
    /// The flow is told by it to look again.
    flow_wake: Option<Arc<Notify>>,
    active: Option<ActiveCall>,
    /// When the call was over.
    over: Option<Instant>,
    stopped: bool,
}

impl Running {
    #[expect(
        clippy::too_many_arguments,
        reason = "each comes from another step of the call's beginning"
    )]
    pub(super) fn new(
        shared: Arc<Shared>,
        setup: CallSetup,
        invite: Invite,
        dialog: Dialog,
        identity: Option<(String, Option<String>)>,
        conversations: Conversations,
        clock: (Timestamp, Instant),
        path: Path,
        active: ActiveCall,
    ) -> Self {
        let (inbox_sender, inbox) = mpsc::channel(INBOX);
        let registration = shared.dialogs.register(
            &dialog.call_id,
            &dialog.local_tag,
            Entry {
                dialog: DialogOf::Caller,
                call: setup.call,
                remote_tag: dialog.remote_tag.clone(),
                inbox: inbox_sender.clone(),
            },
        );
        let reliable = Reliable::new(message::requires(&invite.request.headers, "100rel"));
        let open = conversations.len();
        let sound = Sound::new(&shared, setup.recording, setup.message, setup.prompts);
        let mut running = Self {
            shared,
            id: setup.call,
            flow_wake: setup.flow.wake(),
            flow: setup.flow,
            identity,
            path,
            caller: Caller {
                dialog,
                invite,
                said: None,
                end: None,
                session: None,
                reliable,
                reason: None,
                acknowledged: false,
                acknowledge_by: None,
                hang_up_wanted: false,
                offer_in_answer: false,
                _registration: registration,
            },
            from_us: FromUs::Nothing,
            caller_left: false,
            legs: Vec::new(),
            talking: None,
            sound,
            renegotiation: None,
            offering: None,
            caller_keys_by: None,
            logins: setup.logins,
            transfer: None,
            taking: None,
            outbox: Outbox::new(setup.notices),
            conversations,
            open,
            inbox,
            inbox_sender,
            clock,
            wake: None,
            active: Some(active),
            over: None,
            stopped: false,
        };
        running.read_offer();
        running
    }

    /// What the caller offers; an offer that is of no use ends the call before it rings anybody.
    fn read_offer(&mut self) {
        if let Some(reason) = self.sound.refusal() {
            return self.give(Input::Broken { code: 503, reason });
        }
        let request = &self.caller.invite.request;
        if let Some(body) = message::sdp_of(&request.headers, &request.body) {
            match Description::parse(body) {
                Ok(offer) => {
                    self.set_remote(Party::Caller, &offer);
                    self.caller.said = Some(offer);
                }
                Err(error) => {
                    return self.give(Input::Broken {
                        code: 488,
                        reason: format!("the caller's SDP: {error}"),
                    });
                }
            }
        }
        self.caller.end = Some(self.sound.caller_end());
    }

    /// The caller gave up while the decision was made.
    pub(super) fn caller_cancelled(&mut self) {
        self.give(Input::CallerCancelled);
    }

    /// Drives the call to its end, and stays until its last message is acknowledged.
    pub(super) async fn drive(mut self) {
        loop {
            self.follow_flow();
            if self.is_done() {
                return;
            }
            let wake = self.wake_in();
            tokio::select! {
                Some(heard) = self.conversations.next(), if !self.conversations.is_empty() => {
                    self.hear(heard);
                }
                Some(arrival) = self.inbox.recv() => self.arrive(arrival),
                came = taken(self.taking.as_mut()) => self.comes_over(came),
                heard = self.sound.next() => {
                    if let Some(report) = self.sound.take_report() {
                        self.outbox.push(CallNotice::Recorded(report));
                    }
                    match heard {
                        Sounded::Input(input) => self.give(input),
                        Sounded::Key(ear, key) => if let Some(from) = self.ear(ear) {
                            self.key(from, key, KeysBy::Sound);
                        },
                    }
                }
                () = notified(self.flow_wake.as_deref()), if self.over.is_none() => {
                    self.give(Input::LookAgain);
                }
                () = self.outbox.ready(), if !self.outbox.is_empty() => {}
                () = self.shared.stop.cancelled(), if !self.stopped => {
                    self.stopped = true;
                    self.give(Input::Stop);
                }
                () = tokio::time::sleep(wake) => {
                    let now = Instant::now();
                    if self.caller.acknowledge_by.is_some_and(|by| now >= by) {
                        self.never_acknowledged();
                    }
                    self.watch_sessions();
                    self.retransmit();
                    if self.over.is_none() {
                        self.give(Input::Timeout);
                    }
                }
            }
        }
    }

    /// Tells the flow something.
    pub(super) fn give(&mut self, input: Input) {
        if let Input::LegFailed { leg, .. } = &input {
            self.free_line(*leg);
        }
        let now = self.now();
        self.flow.handle(input, now);
    }

    /// The time of this call: it began by the wall's clock and runs by one that never jumps.
    fn now(&self) -> Timestamp {
        self.clock.0 + self.clock.1.elapsed()
    }

    fn wake_in(&self) -> Duration {
        let wake = match (self.over, self.wake) {
            (Some(over), _) => TAIL.saturating_sub(over.elapsed()),
            (None, Some(at)) => at.since(self.now()),
            (None, None) => TAIL,
        };
        let others = self
            .caller
            .acknowledge_by
            .into_iter()
            .chain(self.next_sign_of_life())
            .chain(self.next_retransmission())
            .map(|at| at.saturating_duration_since(Instant::now()));
        others.fold(wake, Duration::min)
    }

    fn is_done(&self) -> bool {
        self.over.is_some_and(|over| {
            let waits = self.open > 0 || self.taking.is_some();
            self.outbox.is_empty() && (!waits || over.elapsed() >= TAIL)
        })
    }

    fn follow_flow(&mut self) {
        loop {
            match self.flow.poll() {
                Output::Emit(kind) => self.emit(kind),
                Output::Do(action) => self.act(action),
                // A flow that asks is answered by whoever made it; one that is not cannot go on.
                Output::Ask(_) => self.give(Input::Broken {
                    code: 500,
                    reason: "nobody says what the call does next".to_owned(),
                }),
                Output::AskTransfer(_) => self.give(Input::TransferRefused {
                    code: 603,
                    reason: "nobody says whom a caller may be put through to".to_owned(),
                }),
                Output::Timeout(at) => {
                    self.wake = Some(at);
                    return;
                }
                Output::Idle => {
                    if self.over.is_none() {
                        self.over = Some(Instant::now());
                        self.sound.end();
                        self.outbox.push(CallNotice::Finished);
                        self.active = None;
                    }
                    return;
                }
            }
        }
    }

    fn emit(&mut self, kind: CallEventKind) {
        if let CallEventKind::Ended {
            disposition,
            code,
            reason,
        } = &kind
        {
            counter!("ringfence_calls_total", "disposition" => disposition.as_str()).increment(1);
            info!(call = %self.id, disposition = disposition.as_str(), code, reason, "the call ended");
        }
        self.outbox.event(self.now(), kind);
    }

    /// Somebody pressed a key.
    pub(super) fn pressed(&mut self, from: Ear, key: char) {
        let (by, ear) = match from {
            Ear::Caller => (Some(Party::Caller), Some(media::Ear::Caller)),
            Ear::Leg(id) => (
                (self.talking == Some(id)).then_some(Party::Callee),
                self.leg(id)
                    .and_then(|leg| leg.line)
                    .map(media::Ear::Callee),
            ),
        };
        if let Some(playing) = ear.and_then(|ear| self.sound.key_pressed(ear)) {
            self.give(Input::Played {
                playing,
                outcome: Played::KeyPressed,
            });
        }
        match (by, from) {
            (Some(by), _) => {
                let at = self.now();
                self.outbox.push(CallNotice::Digit { at, by, key });
                self.give(Input::Digit { by, key });
            }
            (None, Ear::Leg(leg)) => self.give(Input::LegDigit { leg, key }),
            (None, Ear::Caller) => {}
        }
        if (by, key) == (Some(Party::Caller), '#') {
            self.sound.end_message(MessageEnd::Key);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Ring(candidate) => {
                let leg = candidate.leg;
                if let Err(reason) = self.ring(&candidate) {
                    self.give(Input::LegFailed {
                        leg,
                        failure: LegFailure::Unreachable(reason),
                    });
                }
            }
            Action::RelayProgress {
                leg,
                code,
                early_media,
            } => self.relay_progress(leg, code, early_media),
            Action::AnswerCaller => self.answer_caller(),
            Action::Play {
                playing,
                sound,
                to,
                stop_on_key,
            } => self.play(playing, sound, to, stop_on_key),
            Action::StopPlaying { playing } => self.stop_playing(playing),
            Action::TakeMessage { longest, silence } => self.take_message(longest, silence),
            Action::Cancel { leg, elsewhere } => self.cancel(leg, elsewhere),
            Action::Bridge { leg, record } => self.bridge(leg, record),
            Action::HandOver { leg } => self.hand_over(leg),
            Action::TakeOver { leg } => self.take_over(leg),
            Action::TellTransfer { leg, code, phrase } => self.tell_transfer(leg, code, &phrase),
            Action::Release { leg } => self.hang_up_leg(leg),
            Action::RefuseCaller { code, reason: _ } => {
                self.forget_planned();
                let extra = super::retry_after(code);
                self.caller.invite.respond(code, extra, None);
            }
            Action::HangUp {
                party: Party::Callee,
            } => {
                if let Some(leg) = self.talking {
                    self.hang_up_leg(leg);
                }
            }
            Action::HangUp { .. } => self.hang_up_caller(),
            Action::CloseRecording => self.sound.close_recording(),
        }
    }

    fn relay_progress(&mut self, leg: LegId, code: u16, early_media: bool) {
        let said = self
            .legs
            .iter()
            .find(|candidate| candidate.id == leg)
            .and_then(|leg| leg.said.clone())
            .filter(|_| early_media);
        if early_media && let Some(line) = self.leg(leg).and_then(|leg| leg.line) {
            self.sound.join(line);
        }
        if self.from_us == FromUs::Answer {
            return;
        }
        let body = match (&self.caller.said, said, &mut self.caller.end) {
            (Some(offer), Some(said), Some(end)) => Some(end.answer(offer, &said)),
            _ => None,
        };
        let contact = self.contact_towards_caller();
        self.tell_progress(code, vec![contact], body);
    }

    fn bridge(&mut self, leg: LegId, record: bool) {
        self.talking = Some(leg);
        let Some(said) = self.leg(leg).and_then(|leg| leg.said.clone()) else {
            return self.give(Input::Broken {
                code: 500,
                reason: "the answer has no sound".to_owned(),
            });
        };
        self.sound.silence(media::Ear::Caller);
        if let Some(line) = self.leg(leg).and_then(|leg| leg.line) {
            self.sound.silence(media::Ear::Callee(line));
            self.sound.join(line);
        }
        match self.from_us {
            FromUs::Nothing => self.answer(&said),
            // What was said with the early sound stands (RFC 6337 §2.2).
            FromUs::EarlySound => self.answer(&Description::anything()),
            FromUs::Answer => {}
        }
        if record && let Some(input) = self.sound.start_recording() {
            self.give(input);
        }
    }

    /// Answers the caller before any leg has answered.
    fn answer_caller(&mut self) {
        if self.from_us != FromUs::Answer && self.talking.is_none() {
            self.from_us = FromUs::Answer;
            self.answer(&Description::anything());
        }
    }

    /// Sends the caller 200, with what the other end, `said`, takes.
    fn answer(&mut self, said: &Description) {
        let Some(end) = &mut self.caller.end else {
            return;
        };
        let body = if let Some(offer) = &self.caller.said {
            end.answer(offer, said)
        } else {
            self.caller.offer_in_answer = true;
            end.offer(said)
        };
        let mut extra = self.capabilities(Party::Caller);
        let limits = self.limits();
        // An interval that is too short was refused before the call began.
        if let Ok((session, headers)) =
            Session::requested(&self.caller.invite.request, limits, Instant::now())
        {
            self.caller.session = session;
            extra.extend(headers);
        }
        self.tell_answer(extra, body);
    }

    pub(super) fn contact_towards_caller(&self) -> Header {
        self.shared.identity.contact(self.caller.dialog.transport())
    }

    fn hang_up_caller(&mut self) {
        self.caller_left = true;
        // Before the ACK the caller's side may not have the answer yet (RFC 3261 §15).
        if self.caller.acknowledged {
            let Self { caller, shared, .. } = self;
            let bye = caller
                .dialog
                .request(Method::Bye, &shared.identity, Vec::new(), Vec::new());
            let transaction = caller.dialog.transaction(bye, &shared.endpoint);
            self.send(Wire::Other, transaction);
        } else {
            self.caller.hang_up_wanted = true;
        }
    }

    /// Whether this call's sides both know that they talk.
    pub(super) fn is_confirmed(&self) -> bool {
        self.caller.acknowledged && self.talking.is_some() && self.flow.is_talking()
    }

    /// Whether a side is talked to, by the other or by us.
    pub(super) fn is_up(&self, party: Party) -> bool {
        self.is_confirmed() || (party == Party::Caller && self.is_alone())
    }

    /// Whether the caller knows that it was answered.
    pub(super) const fn is_acknowledged(&self) -> bool {
        self.caller.acknowledged
    }

    /// Whether a side may begin another transaction.
    pub(super) fn has_room(&self) -> bool {
        self.conversations.len() < MAX_CONVERSATIONS
    }

    /// Sends a client transaction and listens to it.
    pub(super) fn send(&mut self, wire: Wire, transaction: Option<Transaction>) {
        if let Some(transaction) = transaction {
            self.open += usize::from(wire.keeps_open());
            self.conversations.push(wire::send(wire, transaction));
        } else {
            warn!(call = %self.id, "a request could not be made into a transaction");
        }
    }

    /// Listens to a transaction.
    pub(super) fn listen(&mut self, wire: Wire, transaction: Transaction) {
        self.open += usize::from(wire.keeps_open());
        self.conversations.push(wire::listen(wire, transaction));
    }

    /// Answers a request of a side and listens to its transaction to the end.
    pub(super) fn reply(
        &mut self,
        wire: Wire,
        transaction: Transaction,
        code: u16,
        extra: Vec<Header>,
        body: Option<String>,
    ) {
        let response = message::response(&transaction.original, code, None, extra, body);
        let _ = transaction
            .tu_sender
            .send(TransactionEvent::Respond(response));
        self.listen(wire, transaction);
    }

    fn hear(&mut self, heard: Heard) {
        self.open -= usize::from(heard.wire.keeps_open());
        match heard.wire {
            Wire::Caller => self.hear_caller(heard),
            Wire::Leg(leg) => self.hear_leg(leg, heard),
            Wire::Settled(leg) => self.hear_settled(leg, heard),
            Wire::Reinvite(by) => self.hear_reinvite(by, heard),
            Wire::Forwarded(to) => self.hear_forwarded(to, heard),
            Wire::Refresh(party) => self.hear_refresh(party, heard),
            Wire::Moved(leg) => self.hear_moved(leg, heard),
            // Their last word has been said when a client's final response is here; a server's transaction goes
            // on until it needs no retransmission.
            Wire::Other => {
                let is_final = matches!(&heard.message, None | Some(SipMessage::Response(_)))
                    && !is_provisional(heard.message.as_ref());
                let is_ack = matches!(&heard.message, Some(SipMessage::Request(request)) if request.method == Method::Ack);
                if !is_final && !is_ack {
                    self.listen(Wire::Other, heard.transaction);
                }
            }
        }
    }

    fn hear_caller(&mut self, heard: Heard) {
        match heard.message {
            Some(SipMessage::Request(request)) if request.method == Method::Cancel => {
                self.caller.reason = message::reason(&request);
                if self.answer_waits() {
                    // Somebody has answered, and the caller does not know yet.
                    self.forget_planned();
                    self.caller.invite.respond(487, Vec::new(), None);
                    self.give(Input::HungUp { by: Party::Caller });
                } else {
                    self.give(Input::CallerCancelled);
                }
                self.listen(Wire::Caller, heard.transaction);
            }
            // The stack keeps the response for late retransmissions of the INVITE; we need no more of it.
            Some(SipMessage::Request(request)) if request.method == Method::Ack => {
                self.caller.acknowledged = true;
                self.caller.acknowledge_by = None;
                if was_accepted(&heard.transaction) {
                    self.caller_acknowledged(&request);
                }
            }
            Some(_) => self.listen(Wire::Caller, heard.transaction),
            None => {
                let accepted = was_accepted(&heard.transaction);
                let unanswered = !self.caller.invite.answered;
                self.caller.invite.answered = true;
                if accepted {
                    self.never_acknowledged();
                } else if unanswered {
                    self.give(Input::CallerCancelled);
                }
            }
        }
    }

    /// No ACK in 64 times T1 ends the session with a BYE (RFC 3261 §13.3.1.4).
    fn never_acknowledged(&mut self) {
        self.caller.acknowledge_by = None;
        self.caller.acknowledged = true;
        self.give(Input::Broken {
            code: 500,
            reason: "the caller never acknowledged the answer".to_owned(),
        });
        if std::mem::take(&mut self.caller.hang_up_wanted) {
            self.hang_up_caller();
        }
    }

    fn caller_acknowledged(&mut self, ack: &Request) {
        if std::mem::take(&mut self.caller.offer_in_answer) {
            match message::sdp_of(&ack.headers, &ack.body).map(Description::parse) {
                Some(Ok(answer)) => {
                    self.set_remote(Party::Caller, &answer);
                    self.caller.said = Some(answer);
                }
                Some(Err(error)) => self.give(Input::Broken {
                    code: 488,
                    reason: format!("the caller's SDP: {error}"),
                }),
                None => self.give(Input::Broken {
                    code: 488,
                    reason: "the caller's ACK has no SDP answer".to_owned(),
                }),
            }
        }
        if std::mem::take(&mut self.caller.hang_up_wanted) {
            return self.hang_up_caller();
        }
        if self.from_us == FromUs::Answer {
            self.give(Input::CallerAnswered);
        }
    }

    pub(super) fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    pub(super) fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }
}

async fn notified(wake: Option<&Notify>) {
    match wake {
        Some(wake) => wake.notified().await,
        None => std::future::pending().await,
    }
}

/// Whether a server transaction's INVITE was answered with 2xx.
pub(super) fn was_accepted(transaction: &Transaction) -> bool {
    transaction
        .last_response
        .as_ref()
        .is_some_and(|response| response.status_code.kind() == StatusCodeKind::Successful)
}

fn is_provisional(message: Option<&SipMessage>) -> bool {
    matches!(message, Some(SipMessage::Response(response)) if response.status_code.code() < 200)
}
