//! The fence: pages that show numbers are fetched and looked at, and what is found has consequences.

mod appeals;
mod cases;
mod export;
mod feed;
mod fetching;
mod judging;
mod lists;
mod looking;
mod page_gate;
mod reported;
pub mod vantages;

pub use appeals::{AppealError, HeldSite, LONGEST_APPEAL};
pub use cases::{CaseError, CaseFile, FenceSettings, ReleaseAnswer};
pub(crate) use cases::{evidence, new_case};
pub use export::Pages;
pub use fetching::{FetchedPage, FetchedPart, PageLimits, fetch_page};
pub use judging::hexadecimal;
pub use lists::{CaseLine, UnseenPage};
pub use page_gate::PageLooks;
pub(crate) use page_gate::{Asked, Wish};
pub(crate) use ringfence_fence::Visitor;
pub use ringfence_fence::look;
