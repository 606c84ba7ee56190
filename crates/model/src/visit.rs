//! Visits: where a browser came from, and the number that it was shown.

use serde::{Deserialize, Serialize};

use crate::{AccountId, E164, LeaseId, NumberId, PoolId, SiteId, Timestamp, VisitId, VisitorId};

/// The class of a source, the same words in reports and rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A paid advertisement (a click id, or `utm_medium` of a paid kind).
    Paid,
    /// An unpaid result of a search engine.
    Search,
    /// A social network.
    Social,
    /// A mail.
    Mail,
    /// An AI assistant that gave a link.
    Assistant,
    /// Any other page that links here.
    Referral,
    /// Named by UTM parameters of no paid kind.
    Campaign,
    /// Typed, bookmarked, or without a trace.
    Direct,
}

impl SourceKind {
    /// The word that rows carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Search => "search",
            Self::Social => "social",
            Self::Mail => "mail",
            Self::Assistant => "assistant",
            Self::Referral => "referral",
            Self::Campaign => "campaign",
            Self::Direct => "direct",
        }
    }

    /// The kind that a row's word names.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Paid,
            Self::Search,
            Self::Social,
            Self::Mail,
            Self::Assistant,
            Self::Referral,
            Self::Campaign,
            Self::Direct,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// Where a visit came from, as the source rules decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its class.
    pub kind: SourceKind,
    /// What reports show: `Google Ads`, `news.example.com`, `Direct`.
    pub name: String,
    /// The campaign, when one is named.
    pub campaign: Option<String>,
    /// The keyword, when one is named.
    pub keyword: Option<String>,
}

/// The five UTM parameters of a page's URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Utm {
    /// `utm_source`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `utm_medium`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// `utm_campaign`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `utm_term`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// `utm_content`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// An advertising network's mark on a click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickId {
    /// The parameter: `gclid`, `msclkid`, `fbclid`, …
    pub parameter: String,
    /// Its value.
    pub value: String,
}

/// One stay of a browser on a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Its identifier.
    pub id: VisitId,
    /// Whose site it is.
    pub account: AccountId,
    /// The site.
    pub site: SiteId,
    /// The browser.
    pub visitor: VisitorId,
    /// When its first page asked for a number.
    pub started_at: Timestamp,
    /// The last sign of life.
    pub seen_at: Timestamp,
    /// The URL of the first page, without user and password, at most 2,048 octets.
    pub landing_page: String,
    /// The referrer of the first page.
    pub referrer: Option<String>,
    /// What the source rules made of it.
    pub source: Source,
    /// UTM parameters.
    pub utm: Utm,
    /// The click id, when there is one.
    pub click_id: Option<ClickId>,
    /// The browser's first language (RFC 5646).
    pub language: Option<String>,
    /// `phone`, `tablet`, `desktop`, told by the browser's user agent.
    pub device: Option<String>,
    /// The visitor's address with its host part cut off (/24 or /48).
    pub address_prefix: Option<String>,
}

/// One number bound to one visit for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its identifier, unguessable.
    pub id: LeaseId,
    /// Whose it is.
    pub account: AccountId,
    /// The pool that the number came from.
    pub pool: PoolId,
    /// The number.
    pub number: NumberId,
    /// The number's digits, so that the answer needs no second read.
    pub e164: E164,
    /// The visit that was shown the number.
    pub visit: VisitId,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ends, unless a beat moves this on.
    pub expires_at: Timestamp,
    /// The overflow number of its pool: shared by many visits, attributed at source level.
    pub overflow: bool,
}
