//! Webhooks: where an account's programs are told what happens, and each telling.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, CallId, DeliveryId, RecordingId, Timestamp, WebhookId};

words! {
    /// What a webhook can be told.
    WebhookEvent {
        /// A call came in.
        CallStarted = "call.started",
        /// Somebody answered it.
        CallAnswered = "call.answered",
        /// It is over.
        CallEnded = "call.ended",
        /// Its recording can be played.
        RecordingReady = "recording.ready",
    }
}

words! {
    /// Where a delivery is in its life.
    DeliveryState {
        /// It is due now or later.
        Pending = "pending",
        /// The endpoint took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

/// An endpoint of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Whose it is.
    pub account: AccountId,
    /// Where messages are posted.
    pub url: String,
    /// What it is told; at least one.
    pub events: Vec<WebhookEvent>,
    /// The signing secret, sealed.
    pub secret: Vec<u8>,
    /// It is told what happens.
    pub enabled: bool,
    /// Since when nothing was delivered, while something should have been.
    pub failing_since: Option<Timestamp>,
    /// Why it was switched off by the server; `None` when it is on or somebody switched it off.
    pub off_reason: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// One message for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identifier, which stays the same from attempt to attempt.
    pub id: DeliveryId,
    /// Whose it is.
    pub account: AccountId,
    /// The endpoint.
    pub webhook: WebhookId,
    /// What happened.
    pub event: WebhookEvent,
    /// To which call.
    pub call: CallId,
    /// With which recording.
    pub recording: Option<RecordingId>,
    /// When it happened.
    pub happened_at: Timestamp,
    /// Where it is.
    pub state: DeliveryState,
    /// When the next attempt is due, while pending.
    pub next_at: Timestamp,
    /// No attempt is made after this; `None` before the first one.
    pub retry_until: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// When the endpoint took it.
    pub delivered_at: Option<Timestamp>,
}

/// One try to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The HTTP status code, when one came.
    pub status: Option<u16>,
    /// What came of it, in words.
    pub outcome: String,
}
