//! Carriers whose numbers an account orders here, and the orders.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, CarrierId, E164, NumberOrderId, PlanId, PoolId, Timestamp};

words! {
    /// Whose number API is spoken.
    CarrierKind {
        /// Twilio's API of 2010-04-01.
        Twilio = "twilio",
        /// Telnyx's API, version 2.
        Telnyx = "telnyx",
    }
}

impl CarrierKind {
    /// As the carrier writes itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "Twilio",
            Self::Telnyx => "Telnyx",
        }
    }
}

/// An account's access to a carrier's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carrier {
    /// Its identifier.
    pub id: CarrierId,
    /// Whose it is.
    pub account: AccountId,
    /// Whose API is spoken.
    pub kind: CarrierKind,
    /// What people call it.
    pub name: String,
    /// Who we are there: Twilio's Account SID; empty at Telnyx, whose key says it.
    pub user: String,
    /// The token or key that proves it, sealed.
    pub secret: Vec<u8>,
    /// The carrier's own identifier of the trunk that calls of ordered numbers come over: Twilio's Trunk SID, Telnyx'
    /// connection. Empty leaves that to the carrier's pages.
    pub trunk: String,
    /// When it was added.
    pub created_at: Timestamp,
}

words! {
    /// What is wanted of a carrier.
    NumberOrderKind {
        /// The number becomes the account's.
        Order = "order",
        /// It goes back to the carrier.
        GiveBack = "give_back",
    }
}

words! {
    /// Where an order is.
    NumberOrderState {
        /// The carrier is asked, now or again later.
        Open = "open",
        /// It was carried out.
        Done = "done",
        /// It was not, and is not tried again.
        Failed = "failed",
    }
}

/// One number that a carrier is asked for, or that it gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberOrder {
    /// Its identifier, which the carrier is told: the same from attempt to attempt.
    pub id: NumberOrderId,
    /// Whose it is.
    pub account: AccountId,
    /// The carrier.
    pub carrier: CarrierId,
    /// The number; one order at most is open for it, in whatever account.
    pub e164: E164,
    /// What is wanted.
    pub kind: NumberOrderKind,
    /// The pool that the number belongs to once it is there.
    pub pool: Option<PoolId>,
    /// What happens to its calls then.
    pub plan: Option<PlanId>,
    /// Where it is.
    pub state: NumberOrderState,
    /// Attempts made.
    pub attempts: u32,
    /// When the next attempt is due, while open.
    pub next_at: Timestamp,
    /// What the carrier said last, in a sentence.
    pub said: Option<String>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
}
