//! Looks at pages that show numbers: what was seen, from where, in which order.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, SiteId, Timestamp};

words! {
    /// What a look at a page came to.
    LookOutcome {
        /// Nothing that a person would have to look at.
        Clean = "clean",
        /// A person should look.
        Suspicious = "suspicious",
        /// Surely a page that locks and alarms its visitor.
        Scam = "scam",
        /// The page could not be looked at.
        Unseen = "unseen",
    }
}

/// A look at a page, from several vantages at once.
#[derive(Debug, Clone, PartialEq)]
pub struct PageLook {
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// The page: its address without values of its query.
    pub page: String,
    /// When.
    pub at: Timestamp,
    /// What it came to.
    pub outcome: LookOutcome,
    /// The highest score, in thousandths, 0 to 1000.
    pub risk: u16,
    /// What was seen from each vantage.
    pub views: Vec<PageView>,
}

/// What was seen from one vantage. Rows keep it as JSON, so fields may be added to, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageView {
    /// From where, in words: `a browser on a phone`.
    pub vantage: String,
    /// Why nothing was seen, in words.
    pub failed: Option<String>,
    /// The HTTP status code.
    pub status: Option<u16>,
    /// Where the page came from in the end, without its query.
    pub url: Option<String>,
    /// What the page was; `unseen` where it could not be had.
    pub verdict: LookOutcome,
    /// The score, in thousandths, 0 to 1000.
    pub risk: u16,
    /// SHA-256 of the body, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Octets of the body.
    pub length: Option<u64>,
    /// Scripts, frames and styles that were not fetched, or not to their end.
    pub left_out: u32,
}

/// A page that asked for numbers, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedPage {
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// The page: its address without values of its query.
    pub page: String,
    /// How often it was tried to look at it.
    pub tries: u32,
    /// How often it was seen.
    pub looks: u32,
    /// Tries since it was seen last.
    pub failures: u32,
    /// When it was tried last.
    pub tried_at: Timestamp,
    /// When it was seen last.
    pub looked_at: Option<Timestamp>,
    /// What the last try came to.
    pub outcome: LookOutcome,
    /// The highest score of the last try, in thousandths.
    pub risk: u16,
}
