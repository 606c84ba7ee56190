//! What telephony hands up, and what it is told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use ringfence_callflow::{Call, Input, Output};
use ringfence_media::RecordingReport;
use ringfence_model::{CallEventKind, CallId, Party, RecordingId, TargetId, Timestamp, TrunkId};
use tokio::sync::{Notify, mpsc, oneshot};

/// A new call that waits for a decision. Dropping it refuses the call with 503.
#[derive(Debug)]
pub struct IncomingCall {
    /// What the INVITE says.
    pub facts: InviteFacts,
    /// Where the decision goes, within [`decision_timeout`](crate::TelephonyConfig::decision_timeout).
    pub decision: oneshot::Sender<CallDecision>,
}

/// What is known of a call from its INVITE alone. Texts are as they came, at most 256 octets long.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteFacts {
    /// Who it came from.
    pub origin: Origin,
    /// ISO 3166-1 alpha-2: how that trunk writes numbers that lack a country code.
    pub country: Option<String>,
    /// Where it came from.
    pub source: SocketAddr,
    /// The Call-ID of the inbound leg (RFC 3261 §20.8).
    pub sip_call_id: String,
    /// The user part of the Request-URI: the dialled number as the trunk writes it.
    pub dialled: String,
    /// The caller's number as the trunk writes it: P-Asserted-Identity (RFC 3325 §9.1), else From. `None` when
    /// it is withheld: `anonymous`, no user part, or `Privacy: id`.
    pub caller: Option<String>,
    /// The caller's display name, when there is one and the number is not withheld.
    pub caller_name: Option<String>,
    /// When the INVITE came.
    pub received_at: Timestamp,
}

/// Who sends a new call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A trunk, known by its address.
    Trunk(TrunkId),
    /// The phone of a target, registered where the call came from, with its password proved: it dials a feature code or a
    /// colleague, and its user stands as the caller.
    Phone(TargetId),
}

impl Origin {
    /// The trunk, if it is one.
    pub const fn trunk(self) -> Option<TrunkId> {
        match self {
            Self::Trunk(trunk) => Some(trunk),
            Self::Phone(_) => None,
        }
    }
}

/// Numbers masked, so that they never reach a log through `{:?}`.
impl std::fmt::Debug for InviteFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InviteFacts")
            .field("origin", &self.origin)
            .field("source", &self.source)
            .field("dialled", &ringfence_model::masked(&self.dialled))
            .field(
                "caller",
                &self.caller.as_deref().map(ringfence_model::masked),
            )
            .finish_non_exhaustive()
    }
}

/// What becomes of a new call.
#[derive(Debug)]
pub enum CallDecision {
    /// Refuse it before it has become a call.
    Refuse {
        /// A SIP status code, 400 to 699 (RFC 3261 §21); anything else is sent as 603.
        code: u16,
        /// The words beside it.
        reason: String,
    },
    /// Let it run.
    Proceed(Box<CallSetup>),
}

/// What decides about a running call: [`Call`], or a script of a test that wants an action in an order of its own.
pub trait Flow: Send + std::fmt::Debug {
    /// See [`Call::handle`].
    fn handle(&mut self, input: Input, now: Timestamp);
    /// See [`Call::poll`].
    fn poll(&mut self) -> Output;
    /// See [`Call::is_talking`].
    fn is_talking(&self) -> bool;
    /// Where the flow is told that what its caller waits for may have come ([`Input::LookAgain`]). Asked once.
    fn wake(&self) -> Option<Arc<Notify>> {
        None
    }
}

impl Flow for Call {
    fn handle(&mut self, input: Input, now: Timestamp) {
        Self::handle(self, input, now);
    }

    fn poll(&mut self) -> Output {
        Self::poll(self)
    }

    fn is_talking(&self) -> bool {
        Self::is_talking(self)
    }
}

/// What a call needs to run.
#[derive(Debug)]
pub struct CallSetup {
    /// Its identifier, for logs.
    pub call: CallId,
    /// Its flow, with its candidates.
    pub flow: Box<dyn Flow>,
    /// How to record the conversation; `None` records nothing.
    pub recording: Option<RecordingPlan>,
    /// Where a message of the caller's goes (`TakeMessage`); `None` takes none. The report that comes with
    /// [`CallNotice::Recorded`] says by its path which of the two it is.
    pub message: Option<RecordingPlan>,
    /// The account's own prompts: names, and the audio files that they stand for. Those that every installation has
    /// (`builtin:…`) need not be among them.
    pub prompts: Arc<HashMap<String, PathBuf>>,
    /// The trunks whose passwords may answer the challenges of those that it rings.
    pub logins: Vec<TrunkId>,
    /// Where its notices go. The call never waits for it; what does not fit is kept until it does.
    pub notices: mpsc::Sender<CallNotice>,
}

/// How a call is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingPlan {
    /// Its identifier, for the events.
    pub recording: RecordingId,
    /// The file to make; one that exists is refused.
    pub path: PathBuf,
}

/// What a running call tells, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallNotice {
    /// Something happened.
    Event {
        /// When.
        at: Timestamp,
        /// What.
        kind: CallEventKind,
    },
    /// A side pressed a key: once for each press, by RFC 4733 or by INFO. It is the flow's too, as an input; here
    /// it is for whoever watches.
    Digit {
        /// When.
        at: Timestamp,
        /// The caller or the callee.
        by: Party,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        key: char,
    },
    /// The recording is closed and on disk. Comes before `RecordingFinished`, or tells what there is of one that failed.
    Recorded(RecordingReport),
    /// Nothing more will come. `Ended` came before.
    Finished,
}
