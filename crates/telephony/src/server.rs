//! The server: listeners, the gate, and one task per call.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::BoxFuture;
use metrics::counter;
use ringfence_media::MediaEngine;
use rsipstack::EndpointBuilder;
use rsipstack::sip::{Header, Method};
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::transaction::TransactionEvent;
use rsipstack::transaction::{Transaction, TransactionReceiver};
use rsipstack::transport::{SipConnection, TransportLayer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::dialogs::{Delivery, Dialogs};
use crate::gate::{Gate, Load};
use crate::guard::Guard;
use crate::loops::Loops;
use crate::peers::Peers;
use crate::phones::{self, Door};
use crate::registrar::Registrars;
use crate::streams::Entrance;
use crate::tls::{self, Shown};
use crate::wire::Identity;
use crate::{
    Binding, Certificate, IncomingCall, PhoneDirectory, TelephonyConfig, TelephonyError,
    TrunkDirectory, TrunkIdentity, call, listen, message,
};

/// New calls that may wait for the platform to look at them.
const INCOMING_QUEUE: usize = 256;
/// Requests outside of calls (OPTIONS and the like) that may be answered at once.
const MAX_BYSTANDERS: usize = 256;
/// How long the end of a drain waits for recordings to be closed.
const LAST_PATIENCE: Duration = Duration::from_secs(15);
/// How long after that for the last messages to be acknowledged.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// A running SIP server. Cheap to clone; the last clone dropped stops it.
#[derive(Clone)]
pub struct Telephony {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    udp: Option<SocketAddr>,
    tcp: Option<SocketAddr>,
    tls: Option<(SocketAddr, Shown)>,
    calls: TaskTracker,
    shutdown: CancellationToken,
    _stop_when_dropped: DropGuard,
}

impl std::fmt::Debug for Telephony {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Telephony")
            .field("udp", &self.inner.udp)
            .field("tcp", &self.inner.tcp)
            .field("active_calls", &self.active_calls())
            .finish_non_exhaustive()
    }
}

/// What every call's task uses.
pub(crate) struct Shared {
    pub config: TelephonyConfig,
    pub trunks: TrunkDirectory,
    pub phones: PhoneDirectory,
    pub media: MediaEngine,
    pub endpoint: EndpointInnerRef,
    pub identity: Identity,
    pub dialogs: Dialogs,
    pub peers: Peers,
    pub registrars: Registrars,
    pub loops: Loops,
    pub incoming: mpsc::Sender<IncomingCall>,
    pub load: Arc<Load>,
    /// Ends every call under way.
    pub stop: CancellationToken,
}

impl Shared {
    /// Begins to take streams.
    fn accept(
        &self,
        plain: Option<TcpListener>,
        secured: Option<(TcpListener, Shown)>,
        entrance: Entrance,
        shutdown: &CancellationToken,
    ) {
        if let (Some(listener), Some(advertised)) = (plain, self.identity.tcp) {
            tokio::spawn(listen::accept_streams(
                listener,
                advertised,
                Arc::clone(&self.endpoint),
                entrance.clone(),
                shutdown.clone(),
            ));
        }
        if let (Some((listener, shown)), Some(advertised)) = (secured, self.identity.tls) {
            tokio::spawn(tls::accept_streams(
                listener,
                advertised,
                shown,
                Arc::clone(&self.endpoint),
                entrance,
                shutdown.clone(),
            ));
        }
    }
}

impl Telephony {
    /// Binds the listeners and begins to serve. New calls come out of the receiver, which holds a bounded
    /// number of them; when it is full or dropped, new calls are refused with 503.
    ///
    /// # Errors
    /// [`TelephonyError`] when an address cannot be bound.
    pub fn start(
        config: TelephonyConfig,
        trunks: TrunkDirectory,
        phones: PhoneDirectory,
        media: MediaEngine,
    ) -> BoxFuture<'static, Result<(Self, mpsc::Receiver<IncomingCall>), TelephonyError>> {
        Box::pin(async move {
            let udp_socket = config.udp.map(listen::bind_udp).transpose()?;
            let tcp_listener = config.tcp.map(listen::bind_tcp).transpose()?;
            let udp = udp_socket.as_ref().and_then(|s| s.local_addr().ok());
            let tcp = tcp_listener.as_ref().and_then(|l| l.local_addr().ok());
            let secured = config.tls.as_ref().map(tls::bind).transpose()?;
            let tls = secured.as_ref().and_then(|(l, _)| l.local_addr().ok());
            if udp.is_none() && tcp.is_none() && tls.is_none() {
                return Err(TelephonyError::NoListener);
            }
            let identity = identity(&config, [udp, tcp, tls], media.address());

            let shutdown = CancellationToken::new();
            let transport = TransportLayer::new(shutdown.clone());
            if let Some(tls) = &config.tls {
                tls::believe(&transport, tls);
            }
            if let (Some(socket), Some(advertised)) = (udp_socket, identity.udp) {
                let (trunks, phones) = (trunks.clone(), phones.clone());
                let connection =
                    listen::hand_over(socket, advertised, trunks, phones, shutdown.clone()).await?;
                transport.add_transport(connection);
            }
            let dialogs = Dialogs::default();
            let load = Arc::new(Load::new(&config));
            let door = Arc::new(Door::new(phones.clone(), config.phone_md5_only));
            let peers = Peers::default();
            let registrars = Registrars::default();
            let entrance = Entrance::new(
                trunks.clone(),
                peers.clone(),
                phones.clone(),
                Arc::clone(&door),
            );
            let backlink = Arc::new(OnceLock::new());
            let endpoint = EndpointBuilder::new()
                .with_user_agent(message::PRODUCT)
                .with_transport_layer(transport)
                .with_cancel_token(shutdown.clone())
                .with_transport_inspector(Box::new(Gate {
                    trunks: trunks.clone(),
                    dialogs: dialogs.clone(),
                    load: Arc::clone(&load),
                    guard: Guard::new(),
                    registrars: registrars.clone(),
                    phones: phones.clone(),
                    door,
                    endpoint: Arc::clone(&backlink),
                }))
                .build();
            let requests = endpoint
                .incoming_transactions()
                .map_err(|error| TelephonyError::Stack(error.to_string()))?;
            let _ = backlink.set(Arc::downgrade(&endpoint.inner));

            let (incoming, incoming_calls) = mpsc::channel(INCOMING_QUEUE);
            let shared = Arc::new(Shared {
                config,
                trunks,
                phones,
                media,
                endpoint: Arc::clone(&endpoint.inner),
                identity,
                dialogs,
                peers,
                registrars,
                loops: Loops::new(),
                incoming,
                load,
                stop: CancellationToken::new(),
            });
            let tls = tls.zip(secured.as_ref().map(|(_, shown)| shown.clone()));
            shared.accept(tcp_listener, secured, entrance, &shutdown);
            tokio::spawn(async move { endpoint.serve().await });
            let watch = (Arc::clone(&shared.load), shutdown.clone());
            tokio::spawn(async move { watch.1.run_until_cancelled(watch.0.watch_lag()).await });
            let calls = TaskTracker::new();
            tokio::spawn(dispatch(
                Arc::clone(&shared),
                requests,
                calls.clone(),
                shutdown.clone(),
            ));
            info!(udp = ?udp, tcp = ?tcp, tls = ?tls.as_ref().map(|(address, _)| address), "listening for SIP");
            let inner = Inner {
                shared,
                udp,
                tcp,
                tls,
                calls,
                shutdown: shutdown.clone(),
                _stop_when_dropped: shutdown.drop_guard(),
            };
            Ok((
                Self {
                    inner: Arc::new(inner),
                },
                incoming_calls,
            ))
        })
    }

    /// The address that SIP over UDP is served on.
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.inner.udp
    }

    /// The address that SIP over TCP is served on.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.inner.tcp
    }

    /// The address that SIP over TLS is served on.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.inner.tls.as_ref().map(|(address, _)| *address)
    }

    /// Shows another certificate to whoever connects over TLS from now on. Streams that are open stay as they are.
    ///
    /// # Errors
    /// [`TelephonyError::Certificate`] when it cannot be used; the old one stays. [`TelephonyError::NoListener`]
    /// without TLS.
    pub fn replace_certificate(&self, certificate: &Certificate) -> Result<(), TelephonyError> {
        let (_, shown) = self.inner.tls.as_ref().ok_or(TelephonyError::NoListener)?;
        shown.replace(certificate)
    }

    /// Calls that are under way: let in and not ended.
    pub fn active_calls(&self) -> usize {
        self.inner.shared.load.active()
    }

    /// What registers us at a trunk (RFC 3261 §10.2), which has to be asked to.
    pub fn binding(&self, identity: TrunkIdentity) -> Binding {
        Binding::new(Arc::clone(&self.inner.shared), identity)
    }

    /// Refuses new calls with 503 from now on.
    pub fn refuse_calls(&self) {
        self.inner.shared.load.drain();
    }

    /// Refuses new calls with 503 from now on, lets those under way go on for `patience`, then hangs them up,
    /// waits for their ends and stops serving.
    pub async fn drain(&self, patience: Duration) {
        let Inner {
            shared,
            calls,
            shutdown,
            ..
        } = &*self.inner;
        shared.load.drain();
        let _ = tokio::time::timeout(patience, self.quiet()).await;
        shared.stop.cancel();
        if tokio::time::timeout(LAST_PATIENCE, self.quiet())
            .await
            .is_err()
        {
            error!(calls = self.active_calls(), "calls did not end in time");
        }
        calls.close();
        let _ = tokio::time::timeout(LAST_WORDS, calls.wait()).await;
        shutdown.cancel();
    }

    async fn quiet(&self) {
        loop {
            let ended = self.inner.shared.load.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.active_calls() == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// What we are known by at the addresses of UDP, TCP and TLS.
fn identity(
    config: &TelephonyConfig,
    [udp, tcp, tls]: [Option<SocketAddr>; 3],
    media: IpAddr,
) -> Identity {
    let advertise = |bound: SocketAddr| {
        let bound = SipConnection::resolve_bind_address(bound);
        SocketAddr::new(config.advertised.unwrap_or(bound.ip()), bound.port())
    };
    Identity {
        udp: udp.map(advertise),
        tcp: tcp.map(advertise),
        tls: tls.map(advertise),
        media: media_address(config, media),
        bound: udp.into_iter().chain(tcp).chain(tls).collect(),
    }
}

fn media_address(config: &TelephonyConfig, engine: IpAddr) -> IpAddr {
    config
        .advertised
        .unwrap_or_else(|| SipConnection::resolve_bind_address(SocketAddr::new(engine, 0)).ip())
}

/// Takes what the stack lets through: each request goes to its call, begins one, or is answered here.
async fn dispatch(
    shared: Arc<Shared>,
    mut requests: TransactionReceiver,
    calls: TaskTracker,
    shutdown: CancellationToken,
) {
    let bystanders = Arc::new(Semaphore::new(MAX_BYSTANDERS));
    let registering = Arc::new(Semaphore::new(phones::MAX_REGISTERING));
    loop {
        let request = tokio::select! {
            () = shutdown.cancelled() => return,
            request = requests.recv() => request,
        };
        let Some(transaction) = request else {
            return;
        };
        let request = &transaction.original;
        let (transaction, code) = if let Some(local_tag) = message::to_tag(request) {
            let call_id = message::call_id(request).unwrap_or_default().to_owned();
            let local_tag = local_tag.to_owned();
            match shared.dialogs.deliver(&call_id, &local_tag, transaction) {
                Delivery::Delivered => continue,
                Delivery::Unknown(transaction) => (transaction, 481),
                Delivery::Full(transaction) => (transaction, 500),
            }
        } else {
            match request.method {
                Method::Invite => {
                    if let Some(active) = shared.load.enter() {
                        calls.spawn(call::run(Arc::clone(&shared), transaction, active));
                        continue;
                    }
                    counter!("ringfence_sip_refused_total", "reason" => "calls").increment(1);
                    (transaction, 503)
                }
                Method::Register if shared.phones.is_open() => {
                    if let Ok(permit) = Arc::clone(&registering).try_acquire_owned() {
                        let shared = Arc::clone(&shared);
                        tokio::spawn(async move {
                            phones::answer(shared, transaction, permit).await;
                        });
                        continue;
                    }
                    counter!("ringfence_sip_refused_total", "reason" => "registering").increment(1);
                    (transaction, 503)
                }
                Method::Options if message::max_forwards(request) == 0 => (transaction, 483),
                Method::Options if message::required(request).is_some() => (transaction, 420),
                Method::Options => (transaction, 200),
                Method::Bye | Method::Info | Method::Update | Method::PRack => (transaction, 481),
                Method::Refer => (transaction, 603),
                _ => (transaction, 405),
            }
        };
        let Ok(permit) = Arc::clone(&bystanders).try_acquire_owned() else {
            counter!("ringfence_sip_dropped_total", "reason" => "queue").increment(1);
            continue;
        };
        tokio::spawn(async move {
            answer(transaction, code).await;
            drop(permit);
        });
    }
}

/// Gives a request its final answer and stays until that needs no retransmission.
async fn answer(mut transaction: Transaction, code: u16) {
    let mut extra = Vec::new();
    if matches!(code, 200 | 405) {
        extra.push(message::allow());
    }
    if code == 200 {
        extra.push(message::accept());
        extra.push(message::supported());
    }
    if let (420, Some(unknown)) = (code, message::required(&transaction.original)) {
        extra.push(Header::Unsupported(unknown.into()));
    }
    if code == 503 {
        extra.push(Header::RetryAfter("2".to_owned().into()));
    }
    let tag = message::new_tag();
    let response = message::response(&transaction.original, code, Some(&tag), extra, None);
    let _ = transaction
        .tu_sender
        .send(TransactionEvent::Respond(response));
    let until_acknowledged =
        async { while transaction.receive().await.is_some_and(|m| !is_ack(&m)) {} };
    let _ = tokio::time::timeout(call::TAIL, until_acknowledged).await;
}

fn is_ack(message: &rsipstack::sip::SipMessage) -> bool {
    matches!(message, rsipstack::sip::SipMessage::Request(request) if request.method == Method::Ack)
}
