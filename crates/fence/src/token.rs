//! Tokens and visit credentials: what this server signed, for one site, host, network and browser.

use ringfence_model::{Duration, LeaseId, SiteId, Timestamp, VisitId, VisitorId};

use crate::{AddressPrefix, Refusal};

/// How long a token may be used after it was issued.
pub const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long a visit may go on being the same visit after its last number was shown.
pub const VISIT_CREDENTIAL_LIFE: Duration = Duration::from_secs(4 * 60 * 60);

/// What a token is bound to.
#[derive(Debug, Clone, Copy)]
pub struct TokenFacts<'a> {
    /// The key of the site; `None` when tag.js was fetched without one.
    pub site: Option<&'a str>,
    /// The page's host, canonical.
    pub host: &'a str,
    /// The browser's network.
    pub prefix: AddressPrefix,
    /// The browser's user agent.
    pub user_agent: &'a str,
}

/// A token that was checked and is not yet spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// To be spent once.
    pub nonce: [u8; 16],
    /// After this it would be refused anyway.
    pub expires_at: Timestamp,
}

/// What later pages, beats and events of a visit show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitCredential {
    /// The visit.
    pub visit: VisitId,
    /// Its browser.
    pub visitor: VisitorId,
    /// The lease that it was shown.
    pub lease: LeaseId,
    /// The lease is one of its pool's overflow number.
    pub overflow: bool,
    /// After this the browser's next page begins a new visit.
    pub expires_at: Timestamp,
}

/// Signs and checks, with the server's key.
#[derive(Clone)]
pub struct Signer {}

impl Signer {
    /// With a key of 32 random octets, which must outlive restarts.
    pub fn new(key: &[u8; 32]) -> Self {
        let _ = key;
        todo!()
    }

    /// A token, in base64url without padding (RFC 4648 §5).
    pub fn token(&self, facts: &TokenFacts<'_>, nonce: [u8; 16], now: Timestamp) -> String {
        let _ = (facts, nonce, now);
        todo!()
    }

    /// Checks a token against the request that shows it.
    ///
    /// # Errors
    /// The [`Refusal`] that says what does not agree.
    pub fn check_token(
        &self,
        text: &str,
        facts: &TokenFacts<'_>,
        now: Timestamp,
    ) -> Result<Token, Refusal> {
        let _ = (text, facts, now);
        todo!()
    }

    /// A visit credential for a site and a browser, in base64url without padding.
    pub fn visit(&self, credential: &VisitCredential, site: SiteId, user_agent: &str) -> String {
        let _ = (credential, site, user_agent);
        todo!()
    }

    /// Checks a visit credential against the request that shows it.
    ///
    /// # Errors
    /// The [`Refusal`] that says what does not agree.
    pub fn check_visit(
        &self,
        text: &str,
        site: SiteId,
        user_agent: &str,
        now: Timestamp,
    ) -> Result<VisitCredential, Refusal> {
        let _ = (text, site, user_agent, now);
        todo!()
    }
}
