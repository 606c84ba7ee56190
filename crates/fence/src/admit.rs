//! The admission of a number request: Origin, page, token and host proof must agree.

use ringfence_model::{SiteId, Timestamp};
use std::net::IpAddr;
use url::Url;

use crate::{Refusal, Signer, Token, VisitCredential};

/// What a request says of itself.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// The `Origin` header (RFC 6454 §7).
    pub origin: Option<&'a str>,
    /// The page's URL, from the body.
    pub page: &'a Url,
    /// The site's key, from the body.
    pub site: &'a str,
    /// The token, from the body.
    pub token: Option<&'a str>,
    /// The visit credential, from the body.
    pub visit: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The browser's address.
    pub address: IpAddr,
}

/// The host that Origin and page agree on, canonical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageHost(pub String);

/// What rows know of the site and the host.
#[derive(Debug, Clone, Copy)]
pub struct HostFacts {
    /// The site that the key names, when there is one.
    pub site: Option<SiteId>,
    /// The host is one of that site's, and its owner is proved.
    pub proved: bool,
}

/// How a request was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// With a token: a new visit, once its nonce is spent.
    Token(Token),
    /// With the credential of a visit under way.
    Visit(VisitCredential),
}

/// The host that the `Origin` header and the page's URL agree on.
///
/// # Errors
/// [`Refusal::OriginMissing`], [`Refusal::PageMalformed`], [`Refusal::ForeignOrigin`] or [`Refusal::PageMismatch`].
pub fn agreed_host(origin: Option<&str>, page: &Url) -> Result<PageHost, Refusal> {
    let _ = (origin, page);
    todo!()
}

/// Lets a request in, or says why not. A credential that no longer holds gives way to a token, when both came.
///
/// # Errors
/// The [`Refusal`] that says what does not agree.
pub fn admit(
    signer: &Signer,
    request: &RequestFacts<'_>,
    host: &PageHost,
    facts: HostFacts,
    now: Timestamp,
) -> Result<Admission, Refusal> {
    let _ = (signer, request, host, facts, now);
    todo!()
}
