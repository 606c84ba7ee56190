//! A campaign key of a page that was written for Retreaver.

use crate::{AccountId, SiteId};

/// With which key such a page asks, and what it means here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignKey {
    /// Whose it is.
    pub account: AccountId,
    /// The site whose numbers it asks for.
    pub site: SiteId,
    /// What the page calls `campaign_key`.
    pub key: String,
    /// The campaign of visits that ask with it; `None` leaves them to the source rules.
    pub campaign: Option<String>,
}
