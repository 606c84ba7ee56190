//! What a page's tag tells of it: which of the site's numbers it found there, and what happened in a visit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::records::words;
use crate::{AccountId, SiteId, Timestamp, VisitEventId, VisitId};

/// One of the numbers that a page's tag was to replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSeen {
    /// As the tag was told of it.
    pub target: String,
    /// It stands on the page at least once, and was replaced.
    pub found: bool,
}

/// What a page's tag found when it was looked at last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageReport {
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// Host and path: `www.example.com/prices`.
    pub page: String,
    /// When it was told.
    pub at: Timestamp,
    /// Each target, in the site's order.
    pub targets: Vec<TargetSeen>,
}

impl PageReport {
    /// How many of the targets were found.
    pub fn found(&self) -> usize {
        self.targets.iter().filter(|seen| seen.found).count()
    }
}

words! {
    /// What a page tells of a visit.
    VisitEventKind {
        /// Something happened: a form was sent.
        Event = "event",
        /// Words about the visit.
        Tag = "tag",
    }
}

/// Something that a page told of a visit.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitEvent {
    /// Its identifier.
    pub id: VisitEventId,
    /// Whose visit it is.
    pub account: AccountId,
    /// The visit.
    pub visit: VisitId,
    /// When it was told.
    pub at: Timestamp,
    /// What kind it is of.
    pub kind: VisitEventKind,
    /// The event's name; tags have none.
    pub name: Option<String>,
    /// What the page says of it.
    pub data: BTreeMap<String, Value>,
}
