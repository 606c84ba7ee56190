//! The admission of a number request: Origin, page, token and host proof must agree.

use ringfence_model::{SiteId, Timestamp};
use std::net::IpAddr;
use url::Url;

use crate::host::page_host;
use crate::{AddressPrefix, Refusal, Signer, Token, TokenFacts, VisitCredential};

/// What a request says of itself.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
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
pub struct PageHost(String);

impl PageHost {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

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

impl PageHost {
    /// The host of a page's URL.
    ///
    /// # Errors
    /// [`Refusal::PageMalformed`] when it is no http or https URL with a host.
    pub fn of(page: &Url) -> Result<Self, Refusal> {
        page_host(page).map(Self).ok_or(Refusal::PageMalformed)
    }
}

/// The host that the `Origin` header (RFC 6454 §7) and the page's URL agree on.
///
/// # Errors
/// [`Refusal::OriginMissing`], [`Refusal::PageMalformed`], [`Refusal::ForeignOrigin`] for an opaque or malformed origin
/// or [`Refusal::PageMismatch`] when the page is of another origin.
pub fn agreed_host(origin: Option<&str>, page: &Url) -> Result<PageHost, Refusal> {
    let origin = origin.ok_or(Refusal::OriginMissing)?;
    let PageHost(host) = PageHost::of(page)?;
    let same = origin
        .strip_prefix(page.scheme())
        .and_then(|rest| rest.strip_prefix("://"))
        .is_some_and(|rest| rest.eq_ignore_ascii_case(&host));
    if same {
        return Ok(PageHost(host));
    }
    match origin_host(origin)? {
        // Written in another way than browsers do, but the same origin.
        ref other if *other == host && origin.starts_with(page.scheme()) => Ok(PageHost(host)),
        _ => Err(Refusal::PageMismatch),
    }
}

/// The canonical host of an `Origin` header.
///
/// # Errors
/// [`Refusal::ForeignOrigin`] when it is opaque (`null`) or malformed.
pub fn origin_host(origin: &str) -> Result<String, Refusal> {
    let url = Url::parse(origin).map_err(|_| Refusal::ForeignOrigin)?;
    let bare = matches!(url.path(), "/" | "")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    page_host(&url)
        .filter(|_| bare)
        .ok_or(Refusal::ForeignOrigin)
}

/// Lets a request in, or says why not. A visit credential that does not hold gives way to a token, when both came.
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
    let site = facts.site.ok_or(Refusal::UnknownSite)?;
    if !facts.proved {
        return Err(Refusal::HostNotProved);
    }
    let by_visit = request
        .visit
        .map(|text| signer.check_visit(text, site, request.user_agent, now));
    match (by_visit, request.token) {
        (Some(Ok(credential)), _) => Ok(Admission::Visit(credential)),
        (Some(Err(refusal)), None) => Err(refusal),
        (None, None) => Err(Refusal::TokenMissing),
        (_, Some(text)) => {
            let bound_to = TokenFacts {
                site: Some(request.site),
                host: host.as_str(),
                prefix: AddressPrefix::of(request.address),
                user_agent: request.user_agent,
            };
            signer
                .check_token(text, &bound_to, now)
                .map(Admission::Token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VISIT_CREDENTIAL_LIFE;
    use ringfence_model::{LeaseId, VisitId, VisitorId};

    fn now() -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn origin_and_page_agree_on_a_host() {
        for (origin, page, host) in [
            (
                "https://www.example.com",
                "https://www.example.com/a?b#c",
                "www.example.com",
            ),
            (
                "http://localhost:8081",
                "http://localhost:8081/",
                "localhost:8081",
            ),
            (
                "https://xn--bcher-kva.example",
                "https://bücher.example/",
                "xn--bcher-kva.example",
            ),
        ] {
            assert_eq!(
                agreed_host(Some(origin), &url(page)).map(|h| h.0),
                Ok(host.into())
            );
        }
    }

    #[test]
    fn what_does_not_agree_is_named() {
        let page = "https://www.example.com/";
        for (origin, page, refusal) in [
            (None, page, Refusal::OriginMissing),
            (Some("null"), page, Refusal::ForeignOrigin),
            (Some("nonsense"), page, Refusal::ForeignOrigin),
            (Some("file://"), page, Refusal::ForeignOrigin),
            (Some("https://evil.test"), page, Refusal::PageMismatch),
            (Some("http://www.example.com"), page, Refusal::PageMismatch),
            (
                Some("https://www.example.com:8443"),
                page,
                Refusal::PageMismatch,
            ),
            (
                Some("https://www.example.com"),
                "data:text/html,x",
                Refusal::PageMalformed,
            ),
        ] {
            assert_eq!(
                agreed_host(origin, &url(page)),
                Err(refusal),
                "{origin:?} {page}"
            );
        }
    }

    fn admitted(
        token: Option<&str>,
        visit: Option<&str>,
        facts: HostFacts,
    ) -> Result<Admission, Refusal> {
        let request = RequestFacts {
            site: "k1",
            token,
            visit,
            user_agent: "a",
            address: "203.0.113.7".parse().unwrap(),
        };
        let host = PageHost("www.example.com".into());
        admit(&Signer::new(&[7; 32]), &request, &host, facts, now())
    }

    #[test]
    fn the_host_must_be_proved_whatever_is_shown() {
        let site = SiteId::new(now(), 1);
        let signer = Signer::new(&[7; 32]);
        let token = signer.token(
            &TokenFacts {
                site: Some("k1"),
                host: "www.example.com",
                prefix: AddressPrefix::of("203.0.113.7".parse().unwrap()),
                user_agent: "a",
            },
            [1; 16],
            now(),
        );
        let facts = |site, proved| HostFacts { site, proved };
        let admission = admitted(Some(&token), None, facts(Some(site), true));
        assert!(matches!(admission, Ok(Admission::Token(_))));
        assert_eq!(
            admitted(Some(&token), None, facts(Some(site), false)),
            Err(Refusal::HostNotProved)
        );
        assert_eq!(
            admitted(Some(&token), None, facts(None, true)),
            Err(Refusal::UnknownSite)
        );
        assert_eq!(
            admitted(None, None, facts(Some(site), true)),
            Err(Refusal::TokenMissing)
        );
    }

    #[test]
    fn a_credential_admits_and_gives_way_to_a_token_when_it_is_over() {
        let site = SiteId::new(now(), 1);
        let facts = HostFacts {
            site: Some(site),
            proved: true,
        };
        let signer = Signer::new(&[7; 32]);
        let credential = |expires_at| VisitCredential {
            visit: VisitId::new(now(), 1),
            visitor: VisitorId::new(now(), 2),
            lease: LeaseId::new(now(), 3),
            overflow: false,
            expires_at,
        };
        let good = signer.visit(&credential(now() + VISIT_CREDENTIAL_LIFE), site, "a");
        let over = signer.visit(&credential(now()), site, "a");
        assert!(matches!(
            admitted(None, Some(&good), facts),
            Ok(Admission::Visit(_))
        ));
        assert_eq!(
            admitted(None, Some(&over), facts),
            Err(Refusal::VisitExpired)
        );
        assert_eq!(
            admitted(Some("x"), Some(&over), facts),
            Err(Refusal::TokenMalformed)
        );
    }
}
