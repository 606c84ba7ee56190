//! Where a visit came from, which number it is shown, and which visit a call came from.
//!
//! Pure: no I/O, no clock, no chance. Time and identifiers come in from outside.

mod attribution;
mod choice;
mod click_ids;
mod conversion;
mod device;
mod finding;
mod landing;
mod pool;
mod quarantine;
mod recent;
mod referrers;
mod retention;
mod sizing;
mod source;

pub use attribution::{Attribution, RunnerUp, attribute};
pub use choice::{
    ChoiceExplanation, ChoiceFacts, Mismatch, attribute_fixed, choose, explain_choice,
};
pub use conversion::{CallKnown, NotCounted, ToldForConversions, counts};
pub use device::device;
pub use finding::Finding;
pub use landing::{
    LANDING_STORED_MAX, Landing, LandingError, PAGE_URL_MAX, VALUE_MAX, parse_landing, shortened,
};
pub use pool::{GivenUp, Held, LostRace, PoolLeases, Proposal};
pub use quarantine::{PoolMove, move_number};
pub use recent::{RECENT_MAX, RecentLease, RecentLeases};
pub use retention::Keep;
pub use sizing::{ERLANGS_MAX, OfferedLoad, POOL_NUMBERS_MAX, SHARE_MIN, SizingError};
pub use source::{Explanation, SourceRule, SourceRules, VisitFacts, classify, explain};
