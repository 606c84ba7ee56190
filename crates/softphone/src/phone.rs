//! The telephone itself: what starts it, what ends it, and who takes what comes in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Method, StatusCode};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::TransportLayer;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::line::{self, Line};
use crate::port::Port;
use crate::{
    Behaviour, CallRequest, CallResult, Counters, Hold, SoftphoneConfig, SoftphoneError, incoming,
    outgoing,
};

/// More calls at once than this are refused with 503.
const MOST_CALLS: usize = 4096;
/// How long calls have to end when the telephone is put away.
const FAREWELL: Duration = Duration::from_secs(5);

/// A telephone in software. Cheap to clone; [`Softphone::shutdown`] ends it, and so does dropping the last clone.
#[derive(Clone)]
pub struct Softphone(Arc<Phone>);

struct Phone {
    desk: Arc<Desk>,
    port: Port,
    /// Ends the SIP stack.
    off: CancellationToken,
    tasks: TaskTracker,
}

/// What calls that come in share.
struct Desk {
    line: Line,
    behaviour: Mutex<Behaviour>,
    expect: Vec<f64>,
    counters: Mutex<Counters>,
    calls: TaskTracker,
}

impl Softphone {
    /// Binds and begins to take calls.
    ///
    /// # Errors
    /// [`SoftphoneError::Bind`].
    pub async fn start(config: SoftphoneConfig) -> Result<Self, SoftphoneError> {
        let off = CancellationToken::new();
        let transports = TransportLayer::new(off.clone());
        let port = Port::bind(config.bind, config.transport, &transports, &off).await?;
        let endpoint = EndpointBuilder::new()
            .with_user_agent("Ringfence softphone")
            .with_cancel_token(off.clone())
            .with_transport_layer(transports)
            .build();
        let incoming = endpoint.incoming_transactions().map_err(line::sip)?;
        let desk = Arc::new(Desk {
            line: Line {
                layer: Arc::new(DialogLayer::new(endpoint.inner.clone())),
                local: port.address(),
                transport: config.transport,
                leaving: CancellationToken::new(),
            },
            behaviour: Mutex::new(config.behaviour),
            expect: config.expect,
            counters: Mutex::default(),
            calls: TaskTracker::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(async move { endpoint.serve().await });
        tasks.spawn(
            off.clone()
                .run_until_cancelled_owned(receive(desk.clone(), incoming)),
        );
        let phone = Self(Arc::new(Phone {
            desk,
            port,
            off,
            tasks,
        }));
        phone.0.port.open().await?;
        Ok(phone)
    }

    /// The SIP URI under which it is called: `sip:softphone@127.0.0.1:49152`.
    pub fn uri(&self) -> String {
        self.0.desk.line.contact().to_string()
    }

    /// The address that SIP is bound on.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.desk.line.local
    }

    /// What it does with calls that come in from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.0.desk.behaviour.lock() = behaviour;
    }

    /// Calls that came in so far.
    pub fn counters(&self) -> Counters {
        self.0.desk.counters.lock().clone()
    }

    /// Makes a call and stays with it to its end.
    ///
    /// # Errors
    /// [`SoftphoneError::Number`], [`SoftphoneError::Bind`] for the RTP port, [`SoftphoneError::Sip`]. A call that is
    /// refused is no error.
    pub async fn call(&self, request: CallRequest) -> Result<CallResult, SoftphoneError> {
        outgoing::make(&self.0.desk.line, request, None).await
    }

    /// Makes a call that is put on hold for a while.
    ///
    /// # Errors
    /// As [`Softphone::call`].
    pub async fn call_with_hold(
        &self,
        request: CallRequest,
        hold: Hold,
    ) -> Result<CallResult, SoftphoneError> {
        outgoing::make(&self.0.desk.line, request, Some(hold)).await
    }

    /// Ends all calls (a few seconds at most) and frees the port.
    pub async fn shutdown(&self) {
        let desk = &self.0.desk;
        desk.line.leaving.cancel();
        desk.calls.close();
        if timeout(FAREWELL, desk.calls.wait()).await.is_err() {
            tracing::warn!(calls = desk.calls.len(), "calls were cut");
        }
        self.0.off.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.port.free().await;
    }
}

impl std::fmt::Debug for Softphone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Softphone").field(&self.uri()).finish()
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.desk.line.leaving.cancel();
        self.off.cancel();
    }
}

async fn receive(desk: Arc<Desk>, mut incoming: TransactionReceiver) {
    while let Some(transaction) = incoming.recv().await {
        let desk = desk.clone();
        let tracker = desk.calls.clone();
        tracker.spawn(async move {
            if let Err(error) = desk.take(transaction).await {
                tracing::warn!(%error, "a request that came in was not dealt with");
            }
        });
    }
}

impl Desk {
    async fn take(&self, mut transaction: Transaction) -> Result<(), SoftphoneError> {
        if let Some(mut dialog) = self.line.layer.match_dialog(&transaction) {
            return dialog.handle(&mut transaction).await.map_err(line::sip);
        }
        let begins = transaction
            .original
            .to_header()
            .and_then(rsipstack::sip::To::tag)
            .is_ok_and(|tag| tag.is_none());
        match transaction.original.method {
            Method::Invite if begins && self.calls.len() > MOST_CALLS => transaction
                .reply(StatusCode::ServiceUnavailable)
                .await
                .map_err(line::sip),
            Method::Invite if begins => {
                let behaviour = self.behaviour.lock().clone();
                incoming::take(
                    &self.line,
                    transaction,
                    behaviour,
                    &self.expect,
                    &self.counters,
                )
                .await
            }
            Method::Options if begins => transaction.reply(StatusCode::OK).await.map_err(line::sip),
            Method::Ack => Ok(()),
            _ => transaction
                .reply(StatusCode::CallTransactionDoesNotExist)
                .await
                .map_err(line::sip),
        }
    }
}
