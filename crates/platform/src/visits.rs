//! Visits: tokens, number requests and beats, from the browser to the durable lease.

use std::net::IpAddr;

use ringfence_fence::Refusal;
use ringfence_model::{Duration, LeaseId, SiteId, Timestamp};
use ringfence_store::StoreError;

use crate::Platform;

/// What number requests need to know of sites, hosts and pools, kept in memory.
#[derive(Debug, Default)]
pub struct TagFacts {}

impl TagFacts {
    /// Nothing known yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Reads leases and spent tokens back from rows.
///
/// # Errors
/// When the rows cannot be read.
#[expect(clippy::unused_async, reason = "the body follows")]
pub async fn restore(platform: &Platform, now: Timestamp) -> Result<(), StoreError> {
    let _ = (platform, now);
    Ok(())
}

/// Who asks for a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// The site's key, when the page's script tag gave it.
    pub site: Option<&'a str>,
    /// The page's URL or origin: the `Referer` of a script, the `Origin` of a request.
    pub page: &'a str,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The browser's address.
    pub address: IpAddr,
}

/// Who asks for a number, and from where.
#[derive(Debug, Clone, Copy, Default)]
pub struct NumberRequest<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The browser's address.
    pub address: Option<IpAddr>,
    /// The site's key.
    pub site: &'a str,
    /// The token that the script carried.
    pub token: Option<&'a str>,
    /// The credential of a visit under way.
    pub visit: Option<&'a str>,
    /// The page's URL.
    pub page: &'a str,
    /// The page's referrer.
    pub referrer: Option<&'a str>,
    /// The first page of the visit, when the browser remembers it.
    pub first_page: Option<&'a str>,
    /// The first page's referrer.
    pub first_referrer: Option<&'a str>,
    /// The browser's first language (RFC 5646).
    pub language: Option<&'a str>,
    /// The campaign that the page asked for.
    pub campaign: Option<&'a str>,
}

/// The number that a visit is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberAnswer {
    /// `+442079460123`
    pub e164: String,
    /// `020 7946 0123`
    pub national: String,
    /// `+44 20 7946 0123`
    pub international: String,
    /// The lease.
    pub lease: LeaseId,
    /// When it ends unless a beat moves this on.
    pub expires_at: Timestamp,
    /// The visit's campaign.
    pub campaign: Option<String>,
    /// Numbers on the page that are replaced, as written there.
    pub swap: Vec<String>,
    /// What later pages, beats and events show.
    pub visit: String,
    /// How often the browser gives a sign of life.
    pub beat: Duration,
}

/// What a beat did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeatAnswer {
    /// When the lease ends now.
    pub expires_at: Timestamp,
    /// How often the browser gives a sign of life.
    pub beat: Duration,
}

impl Platform {
    /// A token for a page's browser.
    ///
    /// # Errors
    /// The [`Refusal`] that says why there is none.
    pub fn issue_token(
        &self,
        request: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let _ = (request, now);
        todo!()
    }

    /// A number for a visit, once its lease is durable.
    ///
    /// # Errors
    /// The [`Refusal`] that says why there is none.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn issue_number(
        &self,
        request: &NumberRequest<'_>,
        now: Timestamp,
    ) -> Result<NumberAnswer, Refusal> {
        let _ = (request, now);
        todo!()
    }

    /// Number requests of a site that were refused since the program began, by reason, most frequent first.
    pub fn refusals(&self, site: SiteId) -> Vec<(Refusal, u64)> {
        let _ = site;
        Vec::new()
    }
}
