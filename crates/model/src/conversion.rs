//! Conversions: which calls an account's advertising platforms are told of, and each telling.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, CallId, ConversionDestinationId, DeliveryId, Timestamp, VisitId};

words! {
    /// Who is told.
    ConversionPlatform {
        /// Google Analytics 4, by its Measurement Protocol.
        GoogleAnalytics = "google_analytics",
        /// Google Ads, by Google's Data Manager API.
        GoogleAds = "google_ads",
        /// Meta, by its Conversions API.
        Meta = "meta",
    }
}

impl ConversionPlatform {
    /// As the platform writes itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoogleAnalytics => "Google Analytics 4",
            Self::GoogleAds => "Google Ads",
            Self::Meta => "Meta",
        }
    }
}

words! {
    /// Which calls count.
    CountedCalls {
        /// Those that somebody answered.
        Answered = "answered",
        /// Those whose caller may buy, or bought.
        Qualified = "qualified",
        /// Those whose caller bought.
        Converted = "converted",
    }
}

words! {
    /// How it is known that a visitor agreed.
    ConsentRule {
        /// The page has to say so of each visit.
        Told = "told",
        /// The site's tag waits until the visitor agreed, so that who did not has no visit.
        Waited = "waited",
    }
}

/// What makes a call a conversion for a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversionRule {
    /// Which calls count.
    pub counts: CountedCalls,
    /// They talked for so many seconds at least; 0 for any.
    pub seconds: u32,
    /// Only the first call of a caller.
    pub first_only: bool,
    /// How it is known that the visitor agreed.
    pub consent: ConsentRule,
    /// The caller's number goes too, hashed as the platform wants it.
    pub hashed_caller: bool,
}

/// A place at a platform that is told of an account's conversions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionDestination {
    /// Its identifier.
    pub id: ConversionDestinationId,
    /// Whose it is.
    pub account: AccountId,
    /// At which platform.
    pub platform: ConversionPlatform,
    /// Where there: the measurement id, the customer's number, the dataset.
    pub target: String,
    /// As what: the event's name, or the number of the conversion action.
    pub event: String,
    /// What counts.
    pub rule: ConversionRule,
    /// What proves that we may, sealed.
    pub secret: Vec<u8>,
    /// It is told.
    pub enabled: bool,
    /// Since when nothing was taken, while something should have been.
    pub failing_since: Option<Timestamp>,
    /// When it was added; calls that ended before are not told.
    pub created_at: Timestamp,
}

words! {
    /// Where a conversion is in its life.
    ConversionState {
        /// It is due now or later.
        Pending = "pending",
        /// The platform took it.
        Sent = "sent",
        /// The call does not count as things stand; what is said of it later may change that.
        PassedOver = "passed_over",
        /// It was refused, or given up.
        Failed = "failed",
    }
}

/// One call for one destination; there is never a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// Its identifier among all deliveries.
    pub id: DeliveryId,
    /// Whose it is.
    pub account: AccountId,
    /// The destination.
    pub destination: ConversionDestinationId,
    /// The call.
    pub call: CallId,
    /// The visit that the call was attributed to; nothing once the call was erased.
    pub visit: Option<VisitId>,
    /// When the call began.
    pub happened_at: Timestamp,
    /// Where it is.
    pub state: ConversionState,
    /// When the next attempt is due, while pending.
    pub next_at: Timestamp,
    /// No attempt is made after this; `None` before the first one.
    pub retry_until: Option<Timestamp>,
    /// Attempts made.
    pub attempts: u32,
    /// When the platform took it.
    pub sent_at: Option<Timestamp>,
    /// What was sent last, without what proves that we may; nothing once the person was erased.
    pub sent: Option<String>,
    /// What the platform said last, or why the call does not count.
    pub said: Option<String>,
}
