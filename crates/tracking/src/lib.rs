//! Where a visit came from, which number it is shown, and which visit a call came from.
//!
//! Pure: no I/O, no clock, no chance. Time and identifiers come in from outside.

mod attribution;
mod device;
mod landing;
mod pool;
mod recent;
mod referrers;
mod source;

pub use attribution::{Attribution, RunnerUp, attribute};
pub use device::device;
pub use landing::{
    LANDING_STORED_MAX, Landing, LandingError, PAGE_URL_MAX, VALUE_MAX, parse_landing, shortened,
};
pub use pool::{Held, LostRace, PoolLeases, Proposal};
pub use recent::{RECENT_MAX, RecentLease, RecentLeases};
pub use source::{SourceRule, SourceRules, VisitFacts, classify};
