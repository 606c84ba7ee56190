//! The gate: what is looked at before the stack makes a transaction of it.
//!
//! Strangers get no answer. New calls beyond what the server takes get 503 here, where that costs least.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use metrics::counter;
use parking_lot::Mutex;
use rsipstack::sip::{Header, Method, Request, SipMessage};
use rsipstack::transaction::endpoint::{EndpointInner, TransportEventInspector};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transport::{SipConnection, TransportEvent};

use crate::dialogs::Dialogs;
use crate::fold;
use crate::guard::{Guard, Proof};
use crate::message::{self, Flaw};
use crate::phones::{Admission, Door, Flow, PhoneDirectory, hide_nat};
use crate::registrar::Registrars;
use crate::{TelephonyConfig, TrunkDirectory};

/// How late the scheduler may be before new calls are refused: by then callers wait longer than for a 503.
const MAX_LAG: Duration = Duration::from_secs(1);

/// What the server carries now, and what it may.
pub(crate) struct Load {
    max_calls: usize,
    max_finished: usize,
    active: AtomicUsize,
    draining: AtomicBool,
    /// How late the scheduler was when last looked at, in microseconds.
    lag: AtomicU64,
    rate: Mutex<Bucket>,
    /// Woken whenever a call ends.
    pub ended: tokio::sync::Notify,
}

impl Load {
    pub(crate) fn new(config: &TelephonyConfig) -> Self {
        Self {
            max_calls: config.max_calls,
            max_finished: config.max_finished_transactions,
            active: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            lag: AtomicU64::new(0),
            rate: Mutex::new(Bucket::new(config.max_new_calls_per_second, Instant::now())),
            ended: tokio::sync::Notify::new(),
        }
    }

    /// Calls under way.
    pub(crate) fn active(&self) -> usize {
        self.active.load(Ordering::Acquire)
    }

    /// From now on every new call is refused.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Counts a call until the guard is dropped; `None` when there are as many as may be.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<ActiveCall> {
        let max = self.max_calls;
        self.active
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |active| {
                (active < max).then_some(active + 1)
            })
            .ok()?;
        metrics::gauge!("ringfence_active_calls").increment(1.0);
        Some(ActiveCall(Arc::clone(self)))
    }

    /// Watches how late the scheduler is. Runs for ever.
    pub(crate) async fn watch_lag(&self) {
        const STEP: Duration = Duration::from_millis(100);
        loop {
            let before = Instant::now();
            tokio::time::sleep(STEP).await;
            let late = before.elapsed().saturating_sub(STEP);
            let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            self.lag.store(micros, Ordering::Relaxed);
        }
    }

    /// Why a new call is refused now, in one word for the counter.
    fn refusal(&self, finished: usize) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            Some("draining")
        } else if self.active() >= self.max_calls {
            Some("calls")
        } else if finished >= self.max_finished {
            Some("transactions")
        } else if u128::from(self.lag.load(Ordering::Relaxed)) > MAX_LAG.as_micros() {
            Some("lag")
        } else if !self.rate.lock().take(Instant::now()) {
            Some("rate")
        } else {
            None
        }
    }
}

/// One call under way.
pub(crate) struct ActiveCall(Arc<Load>);

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("ringfence_active_calls").decrement(1.0);
        self.0.ended.notify_waiters();
    }
}

/// A token bucket that holds one second's worth.
pub(crate) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            tokens: per_second,
            filled: now,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + since * self.per_second).min(self.per_second);
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }
}

/// Looks at every message before the stack does.
pub(crate) struct Gate {
    pub trunks: TrunkDirectory,
    pub dialogs: Dialogs,
    pub load: Arc<Load>,
    pub guard: Guard,
    pub registrars: Registrars,
    pub phones: PhoneDirectory,
    pub door: Arc<Door>,
    pub endpoint: Arc<OnceLock<Weak<EndpointInner>>>,
}

#[async_trait::async_trait]
impl TransportEventInspector for Gate {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        let TransportEvent::Incoming(mut message, connection, from) = event else {
            return Some(event);
        };
        if connection.is_reliable() {
            match &mut message {
                SipMessage::Request(request) => fold::plain(&mut request.headers),
                SipMessage::Response(response) => fold::plain(&mut response.headers),
            }
        }
        let way = Flow::of(&from)?;
        let flaw = message::flaw(&message);
        let phone = self.phones.flow(way);
        if phone.is_some_and(|facts| facts.behind_nat) {
            match &mut message {
                // Of a REGISTER it says whether the phone is behind NAT, and what it wants to be known by.
                SipMessage::Request(request) if request.method == Method::Register => {}
                SipMessage::Request(request) => hide_nat(&mut request.headers, way),
                SipMessage::Response(response) => hide_nat(&mut response.headers, way),
            }
        }
        let request = match message {
            SipMessage::Request(request) => request,
            // The stack lets go of responses that belong to no request of ours.
            SipMessage::Response(_) if flaw.is_some() => {
                dropped("malformed");
                return None;
            }
            SipMessage::Response(response)
                if message::is_of(&response, Method::Register)
                    && !self.registrars.may_answer(&response, way) =>
            {
                dropped("unknown_registrar");
                return None;
            }
            SipMessage::Response(_) => {
                return Some(TransportEvent::Incoming(message, connection, from));
            }
        };
        let flaw = flaw.or_else(|| {
            let stream = connection.is_reliable();
            stream.then(|| message::stream_flaw(&request)).flatten()
        });
        match self.judge(&request, flaw, way, phone.is_some()) {
            Judgement::Pass => {
                return Some(TransportEvent::Incoming(request.into(), connection, from));
            }
            Judgement::Drop(reason) => dropped(reason),
            Judgement::Refuse {
                code,
                reason,
                extra,
            } => {
                counter!("ringfence_sip_refused_total", "reason" => reason).increment(1);
                refuse(&request, code, extra, connection);
            }
        }
        None
    }
}

enum Judgement {
    Pass,
    Drop(&'static str),
    Refuse {
        code: u16,
        reason: &'static str,
        extra: Vec<Header>,
    },
}

impl Gate {
    fn judge(&self, request: &Request, flaw: Option<Flaw>, way: Flow, is_phone: bool) -> Judgement {
        if request.method == Method::Register && self.phones.is_open() {
            return self.judge_register(request, flaw, way);
        }
        let source = way.address.ip();
        let known = is_phone || self.trunks.contains(source);
        if !known && !self.is_expected(request) {
            return Judgement::Drop("unknown_address");
        }
        if let Some(flaw) = flaw {
            let (code, reason) = match flaw {
                Flaw::TooLarge => (513, "oversized"),
                Flaw::Malformed => (400, "malformed"),
                Flaw::Scheme => (416, "scheme"),
                Flaw::Version => (505, "version"),
            };
            return if request.method == Method::Ack {
                Judgement::Drop(reason)
            } else {
                Judgement::Refuse {
                    code,
                    reason,
                    extra: Vec::new(),
                }
            };
        }
        if message::is_new_invite(request) && !self.is_retransmission(request) {
            let finished = self
                .endpoint()
                .map_or(0, |endpoint| endpoint.finished_transactions.len());
            if let Some(reason) = self.load.refusal(finished) {
                let seconds = if reason == "draining" { 30 } else { 2 };
                return Judgement::Refuse {
                    code: 503,
                    reason,
                    extra: vec![Header::RetryAfter(seconds.to_string().into())],
                };
            }
            if is_phone {
                // It may be at a trunk's address: whoever dials a feature code proves to be the phone.
                return self.judge_proof(request, way);
            }
            let accounts = self.trunks.challenged_at(source);
            if !accounts.is_empty() {
                match self.guard.judge(request, source, &accounts) {
                    Proof::Good => {}
                    Proof::Silence => return Judgement::Drop("guessing"),
                    Proof::Ask(challenges) => {
                        return Judgement::Refuse {
                            code: 401,
                            reason: "no_password",
                            extra: challenges,
                        };
                    }
                }
            }
        }
        Judgement::Pass
    }

    /// Whoever sends one is a stranger until it has proved its password: all get the same answer, and those who make no
    /// sense get none.
    fn judge_register(&self, request: &Request, flaw: Option<Flaw>, way: Flow) -> Judgement {
        if flaw.is_some() {
            return Judgement::Drop("malformed");
        }
        if self.is_retransmission(request) {
            return Judgement::Pass;
        }
        self.judge_proof(request, way)
    }

    /// Whether a request proves a phone's password.
    fn judge_proof(&self, request: &Request, way: Flow) -> Judgement {
        match self.door.judge(request, way) {
            Admission::Good => Judgement::Pass,
            Admission::Ask(challenges) => Judgement::Refuse {
                code: 401,
                reason: "no_password",
                extra: challenges,
            },
            Admission::Silence(reason) => Judgement::Drop(reason),
        }
    }

    /// A target's address is no trunk's: what it sends is let in when it belongs to a dialog or a transaction of
    /// ours, both of which carry more chance than can be guessed.
    fn is_expected(&self, request: &Request) -> bool {
        let in_dialog = || {
            let call_id = message::call_id(request)?;
            let local_tag = message::to_tag(request)?;
            Some(self.dialogs.contains(call_id, local_tag))
        };
        in_dialog().unwrap_or(false) || self.is_retransmission(request)
    }

    fn is_retransmission(&self, request: &Request) -> bool {
        let (Some(endpoint), Ok(key)) = (
            self.endpoint(),
            TransactionKey::from_request(request, TransactionRole::Server),
        ) else {
            return false;
        };
        endpoint.transactions.contains_key(&key)
            || endpoint.finished_transactions.contains_key(&key)
    }

    fn endpoint(&self) -> Option<Arc<EndpointInner>> {
        self.endpoint.get().and_then(Weak::upgrade)
    }
}

fn dropped(reason: &'static str) {
    counter!("ringfence_sip_dropped_total", "reason" => reason).increment(1);
}

/// Answers without a transaction (RFC 3261 §8.2.7): a retransmission is answered again.
fn refuse(request: &Request, code: u16, extra: Vec<Header>, connection: SipConnection) {
    let tag = message::new_tag();
    let response = message::response(request, code, Some(&tag), extra, None);
    if connection.is_reliable() {
        // A stream whose reader sleeps must not hold up the others: at worst this one waits alone.
        tokio::spawn(tokio::time::timeout(Duration::from_secs(5), async move {
            connection.send(response.into(), None).await
        }));
    } else {
        use futures::FutureExt;
        // A datagram is sent at once or not at all.
        let _ = connection.send(response.into(), None).now_or_never();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_through_and_no_more() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let taken = (0..100).filter(|_| bucket.take(start)).count();
        assert_eq!(taken, 10);
        let later = start + Duration::from_millis(500);
        let taken = (0..100).filter(|_| bucket.take(later)).count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn calls_are_counted_while_their_guards_live() {
        let config = TelephonyConfig {
            max_calls: 1,
            ..TelephonyConfig::default()
        };
        let load = Arc::new(Load::new(&config));
        let first = load.enter().expect("there is room");
        assert!(load.enter().is_none());
        assert_eq!(load.refusal(0), Some("calls"));
        drop(first);
        assert_eq!(load.active(), 0);
        assert_eq!(load.refusal(0), None);
        assert_eq!(
            load.refusal(config.max_finished_transactions),
            Some("transactions")
        );
        load.drain();
        assert_eq!(load.refusal(0), Some("draining"));
    }
}
