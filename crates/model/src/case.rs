//! Cases: what was seen on the pages of a site, what is withheld for it, and who decided.

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{AccountId, CaseId, EvidenceId, SiteId, Timestamp, UserId};

words! {
    /// Where a case is in its life.
    CaseState {
        /// Nobody has decided yet.
        Open = "open",
        /// It was a false alarm: nothing is withheld.
        Released = "released",
        /// It is abuse: numbers stay withheld.
        Confirmed = "confirmed",
    }
}

words! {
    /// What a piece of evidence is.
    EvidenceKind {
        /// A look at a page.
        Look = "look",
        /// Browsers were shown different pages at one address.
        Difference = "difference",
        /// A network asked for numbers that no page showed.
        Silence = "silence",
        /// What a page did in a visitor's browser, as its own tag says.
        Sensor = "sensor",
        /// The site's numbers are withheld from now on.
        Held = "held",
        /// An operator agreed to a release.
        ReleaseAgreed = "release_agreed",
        /// An operator confirmed the abuse.
        Confirmed = "confirmed",
        /// An operator froze the account.
        AccountFrozen = "account_frozen",
        /// Somebody of the account answered.
        Appeal = "appeal",
    }
}

/// A matter for the operator: the abuse of a site's numbers, or what looks like it. A site has one open case at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbuseCase {
    /// Its identifier.
    pub id: CaseId,
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// Where it is in its life.
    pub state: CaseState,
    /// The highest score of a look, in thousandths, 0 to 1000.
    pub risk: u16,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was released or confirmed last.
    pub decided_at: Option<Timestamp>,
}

/// Something that belongs to a case. It is only ever added, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseEvidence {
    /// Its identifier; sorts by time.
    pub id: EvidenceId,
    /// The case.
    pub case: CaseId,
    /// Whose site the case is about.
    pub account: AccountId,
    /// What it is.
    pub kind: EvidenceKind,
    /// In words, for operators.
    pub what: String,
    /// The score of a look, in thousandths, 0 to 1000.
    pub risk: Option<u16>,
    /// What counted.
    pub signals: Vec<CaseSignal>,
    /// The page that was looked at.
    pub page: Option<EvidencePage>,
    /// When.
    pub at: Timestamp,
    /// The operator who did it, or who of the account answered; `None` for the platform itself.
    pub by: Option<UserId>,
}

/// A page as it was served to a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidencePage {
    /// Where it came from in the end.
    pub url: String,
    /// Its body from the beginning, as far as it is kept; empty where it was not asked for.
    pub octets: Vec<u8>,
    /// The whole body's length in octets.
    pub length: u64,
    /// SHA-256 of the whole body, 32 octets.
    pub sha256: Vec<u8>,
}

/// A fact about a page that counted. Rows keep it as JSON, so fields may be added to, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseSignal {
    /// The detector's stable word: `full_screen`.
    pub kind: String,
    /// How strongly it was seen: 0 to 1.
    pub strength: f64,
    /// How often it was seen.
    pub count: u32,
    /// What it added to the score's logit by itself; 0 where it counts only together with others.
    pub weight: f64,
    /// The part of the page: `inline script 2`.
    pub part: String,
    /// The line in that part, from 1.
    pub line: Option<u32>,
    /// What stands there, at most 120 characters, on one line.
    pub excerpt: String,
    /// Why it counts.
    pub why: String,
}

/// A host that a case was confirmed for, as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its name, in lower case, without a port.
    pub host: String,
    /// When a page of it was first seen to be abuse.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// When it should be forgotten.
    pub expires: Timestamp,
}

/// What withholds a site's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Whose site it is.
    pub account: AccountId,
    /// The case that it belongs to.
    pub case: CaseId,
    /// The site.
    pub site: SiteId,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it ended; numbers are withheld until then.
    pub ended_at: Option<Timestamp>,
}
