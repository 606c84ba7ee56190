//! The fence: pages that show numbers are fetched and looked at, and what is found has consequences.

mod cases;
mod fetching;
pub mod vantages;

pub use cases::{CaseError, CaseFile, FenceSettings, ReleaseAnswer};
pub use fetching::{FetchedPage, FetchedPart, PageLimits, fetch_page};
pub use ringfence_fence::look;
