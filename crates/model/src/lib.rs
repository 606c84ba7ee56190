//! The product's words as types: what every other crate speaks in.
//!
//! Nothing here does I/O, asks for the time or draws a random number; all of that comes in from outside.

mod call;
mod id;
mod number;
mod plan;
mod records;
mod time;
mod visit;

pub use call::{
    Call, CallEvent, CallEventKind, Confidence, Disposition, Leg, LegOutcome, Party, Recording,
    RecordingState,
};
pub use id::{
    AccountId, CallId, HostId, IdError, LeaseId, LegId, NumberId, PlanId, PoolId, RecordingId,
    SessionId, SiteId, TargetGroupId, TargetId, TrunkId, UserId, VisitId, VisitorId,
};
pub use number::{E164, NumberError, masked};
pub use plan::{CallPlan, PlanDocument, Step};
pub use records::{
    Account, Host, HostProof, NumberState, Pool, Role, Session, Site, Target, TargetGroup,
    TargetGroupMember, TrackingNumber, Trunk, User,
};
pub use time::{Duration, Timestamp};
pub use visit::{ClickId, Lease, Source, SourceKind, Utm, Visit};
