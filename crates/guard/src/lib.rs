//! What the fence knows, in the forms in which networks take it: feeds for name servers, sensors, browsers and sharing
//! communities.
//!
//! A feed is text made of entries; where those come from, and who may have them, others decide.

mod feed;
mod misp;
mod zone;

pub use feed::{FeedFormat, UnknownFormat, write};
