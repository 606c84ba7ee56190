//! Identifiers: UUID version 7 (RFC 9562 §5.7), so that rows of one table sort by their time of birth.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

use crate::Timestamp;

/// A text that is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an identifier (a UUID), got {0:?}")]
pub struct IdError(pub String);

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// An identifier born at `now`; `random` gives the 74 bits that the time does not.
            pub fn new(now: Timestamp, random: u128) -> Self {
                Self(version_7(now, random))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError(text.chars().take(64).collect()))
            }
        }
    )*};
}

identifiers! {
    /// A tenant.
    AccountId;
    /// Somebody who signs in.
    UserId;
    /// A signed-in browser.
    SessionId;
    /// A link with which somebody becomes a user.
    InvitationId;
    /// A web property of an account.
    SiteId;
    /// A host name of a site.
    HostId;
    /// A tracking number.
    NumberId;
    /// Tracking numbers that visits share.
    PoolId;
    /// One number bound to one visit for a time.
    LeaseId;
    /// A browser.
    VisitorId;
    /// One stay of a browser on a site.
    VisitId;
    /// Something that a page told of a visit.
    VisitEventId;
    /// A connection to a carrier.
    TrunkId;
    /// Somewhere a call may go.
    TargetId;
    /// Targets that are balanced.
    TargetGroupId;
    /// The document that says what happens to a call.
    PlanId;
    /// An inbound leg and its outbound legs.
    CallId;
    /// One side of a call.
    LegId;
    /// The sound of a call on disk.
    RecordingId;
    /// What a program shows to use the API.
    ApiKeyId;
    /// An entry of the audit log.
    AuditId;
    /// A matter for the operator.
    CaseId;
    /// Something that belongs to a case.
    EvidenceId;
    /// Where an account's programs are told what happens.
    WebhookId;
    /// One message for one webhook.
    DeliveryId;
    /// One run of the program that takes calls.
    ServerId;
    /// An account's access to a carrier's numbers.
    CarrierId;
    /// One number that a carrier is asked for.
    NumberOrderId;
    /// A place at a platform that is told of conversions.
    ConversionDestinationId;
    /// A report that is kept under a name.
    SavedReportId;
    /// One mail to one user.
    MailId;
}

fn version_7(now: Timestamp, random: u128) -> Uuid {
    let milliseconds = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    let mut bytes = random.to_be_bytes();
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_birth_and_say_version_7() {
        let early = CallId::new(Timestamp::from_micros(1_000_000), u128::MAX);
        let late = CallId::new(Timestamp::from_micros(1_001_000), 0);
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }

    #[test]
    fn a_text_that_is_no_uuid_is_refused_with_the_text() {
        assert_eq!("x".parse::<CallId>(), Err(IdError("x".into())));
    }
}
