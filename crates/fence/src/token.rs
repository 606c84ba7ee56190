//! Tokens and visit credentials: what this server signed, for one site, host, network and browser.
//!
//! Both are octets in base64url (RFC 4648 §5) that end with an HMAC-SHA256 (RFC 2104) cut to 16 octets. What they are
//! bound to stands in them as keyed hashes of 8 octets: nobody without the key learns or finds out what was hashed, and
//! each that does not agree can be told by its name.
//!
//! | octets | token | visit credential |
//! | --- | --- | --- |
//! | 1 | kind: 1 bound to a site, 2 to none | kind: 3, or 4 with an overflow lease |
//! | 8 | expiry, microseconds since 1970, big endian | the same |
//! | 16 | nonce | visit |
//! | 16 | site, host | visitor |
//! | 16 | network, browser | lease |
//! | 16 | | site, browser |
//! | 16 | signature | signature |

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use ringfence_model::{Duration, LeaseId, SiteId, Timestamp, VisitId, VisitorId};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{AddressPrefix, Refusal};

/// How long a token may be used after it was issued.
pub const TOKEN_LIFE: Duration = Duration::from_mins(5);
/// How long a visit may go on being the same visit after its last number was shown.
pub const VISIT_CREDENTIAL_LIFE: Duration = Duration::from_hours(4);
/// The longest text that is looked at, in octets.
const TEXT_MAX: usize = 256;

const TOKEN_WITH_SITE: u8 = 1;
const TOKEN_WITHOUT_SITE: u8 = 2;
const VISIT: u8 = 3;
const VISIT_ON_OVERFLOW: u8 = 4;

const SIGNATURE: usize = 16;
const TOKEN: usize = 1 + 8 + 16 + 4 * 8 + SIGNATURE;
const CREDENTIAL: usize = 1 + 8 + 3 * 16 + 2 * 8 + SIGNATURE;

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
pub struct Signer {
    keyed: Hmac<Sha256>,
}

/// Says nothing, so that the key never reaches a log.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// What the hashes inside are of; each its own, so that one can never stand for another.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Purpose {
    Signature,
    Site,
    Host,
    Network,
    Browser,
}

impl Signer {
    /// With a key of 32 random octets, which must outlive restarts.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            keyed: Hmac::new_from_slice(key).expect("HMAC takes a key of any length"),
        }
    }

    /// A token, in base64url without padding. `nonce` must be drawn anew for each.
    pub fn token(&self, facts: &TokenFacts<'_>, nonce: [u8; 16], now: Timestamp) -> String {
        let mut octets = Vec::with_capacity(TOKEN);
        octets.push(if facts.site.is_some() {
            TOKEN_WITH_SITE
        } else {
            TOKEN_WITHOUT_SITE
        });
        octets.extend((now + TOKEN_LIFE).as_micros().to_be_bytes());
        octets.extend(nonce);
        octets.extend(self.hash(Purpose::Site, facts.site.unwrap_or_default().as_bytes()));
        octets.extend(self.hash(Purpose::Host, facts.host.as_bytes()));
        octets.extend(self.hash(Purpose::Network, &facts.prefix.key().to_be_bytes()));
        octets.extend(self.hash(Purpose::Browser, facts.user_agent.as_bytes()));
        self.signed(octets)
    }

    /// Checks a token against the request that shows it; `facts.site` is the site that the request names.
    ///
    /// # Errors
    /// The [`Refusal`] that says what does not agree.
    pub fn check_token(
        &self,
        text: &str,
        facts: &TokenFacts<'_>,
        now: Timestamp,
    ) -> Result<Token, Refusal> {
        let octets = decoded(text)
            .filter(|o| o.len() == TOKEN && matches!(o[0], TOKEN_WITH_SITE | TOKEN_WITHOUT_SITE))
            .ok_or(Refusal::TokenMalformed)?;
        let mut fields = self.checked(&octets).ok_or(Refusal::TokenForged)?;
        let expires_at = Timestamp::from_micros(i64::from_be_bytes(fields.next()));
        let nonce: [u8; 16] = fields.next();
        if now >= expires_at {
            return Err(Refusal::TokenExpired);
        }
        let site = self.hash(Purpose::Site, facts.site.unwrap_or_default().as_bytes());
        if fields.next() != site && octets[0] == TOKEN_WITH_SITE {
            return Err(Refusal::WrongSite);
        }
        if fields.next() != self.hash(Purpose::Host, facts.host.as_bytes()) {
            return Err(Refusal::WrongHost);
        }
        if fields.next() != self.hash(Purpose::Network, &facts.prefix.key().to_be_bytes()) {
            return Err(Refusal::WrongAddress);
        }
        if fields.next() != self.hash(Purpose::Browser, facts.user_agent.as_bytes()) {
            return Err(Refusal::WrongBrowser);
        }
        Ok(Token { nonce, expires_at })
    }

    /// A visit credential for a site and a browser, in base64url without padding. It is not bound to a network:
    /// phones change theirs during a visit.
    pub fn visit(&self, credential: &VisitCredential, site: SiteId, user_agent: &str) -> String {
        let mut octets = Vec::with_capacity(CREDENTIAL);
        octets.push(if credential.overflow {
            VISIT_ON_OVERFLOW
        } else {
            VISIT
        });
        octets.extend(credential.expires_at.as_micros().to_be_bytes());
        octets.extend(credential.visit.0.as_bytes());
        octets.extend(credential.visitor.0.as_bytes());
        octets.extend(credential.lease.0.as_bytes());
        octets.extend(self.hash(Purpose::Site, site.0.as_bytes()));
        octets.extend(self.hash(Purpose::Browser, user_agent.as_bytes()));
        self.signed(octets)
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
        let octets = decoded(text)
            .filter(|o| o.len() == CREDENTIAL && matches!(o[0], VISIT | VISIT_ON_OVERFLOW))
            .ok_or(Refusal::VisitMalformed)?;
        let mut fields = self.checked(&octets).ok_or(Refusal::VisitForged)?;
        let expires_at = Timestamp::from_micros(i64::from_be_bytes(fields.next()));
        let credential = VisitCredential {
            visit: VisitId(from_octets(fields.next())),
            visitor: VisitorId(from_octets(fields.next())),
            lease: LeaseId(from_octets(fields.next())),
            overflow: octets[0] == VISIT_ON_OVERFLOW,
            expires_at,
        };
        if now >= expires_at {
            return Err(Refusal::VisitExpired);
        }
        if fields.next() != self.hash(Purpose::Site, site.0.as_bytes()) {
            return Err(Refusal::VisitWrongSite);
        }
        if fields.next() != self.hash(Purpose::Browser, user_agent.as_bytes()) {
            return Err(Refusal::VisitWrongBrowser);
        }
        Ok(credential)
    }

    fn mac(&self, purpose: Purpose, octets: &[u8]) -> [u8; 32] {
        let mut mac = self.keyed.clone();
        mac.update(&[purpose as u8]);
        mac.update(octets);
        mac.finalize().into_bytes().into()
    }

    fn hash(&self, purpose: Purpose, octets: &[u8]) -> [u8; 8] {
        *self
            .mac(purpose, octets)
            .first_chunk()
            .expect("32 octets begin with 8")
    }

    fn signed(&self, mut octets: Vec<u8>) -> String {
        let signature = self.mac(Purpose::Signature, &octets);
        octets.extend(&signature[..SIGNATURE]);
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// The fields behind the kind, when the signature is ours. Compares in constant time.
    fn checked<'a>(&self, octets: &'a [u8]) -> Option<Fields<'a>> {
        let (body, signature) = octets.split_at_checked(octets.len().checked_sub(SIGNATURE)?)?;
        let expected = self.mac(Purpose::Signature, body);
        bool::from(expected[..SIGNATURE].ct_eq(signature)).then(|| Fields(&body[1..]))
    }
}

/// Fields of fixed lengths, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn next<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self
            .0
            .split_first_chunk()
            .expect("the whole length was checked before");
        self.0 = rest;
        *field
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    (text.len() <= TEXT_MAX)
        .then(|| URL_SAFE_NO_PAD.decode(text).ok())
        .flatten()
}

fn from_octets(octets: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn signer() -> Signer {
        Signer::new(&[7; 32])
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000)
    }

    fn prefix(text: &str) -> AddressPrefix {
        AddressPrefix::of(text.parse::<IpAddr>().unwrap())
    }

    fn facts() -> TokenFacts<'static> {
        TokenFacts {
            site: Some("k1"),
            host: "www.example.com",
            prefix: prefix("203.0.113.7"),
            user_agent: "Mozilla/5.0",
        }
    }

    #[test]
    fn a_token_holds_where_it_was_issued_and_nowhere_else() {
        let token = signer().token(&facts(), [9; 16], now());
        let check = |facts: TokenFacts<'_>| signer().check_token(&token, &facts, now());
        assert_eq!(check(facts()).unwrap().nonce, [9; 16]);
        let elsewhere = [
            (
                TokenFacts {
                    site: Some("k2"),
                    ..facts()
                },
                Refusal::WrongSite,
            ),
            (
                TokenFacts {
                    host: "evil.test",
                    ..facts()
                },
                Refusal::WrongHost,
            ),
            (
                TokenFacts {
                    prefix: prefix("198.51.100.7"),
                    ..facts()
                },
                Refusal::WrongAddress,
            ),
            (
                TokenFacts {
                    user_agent: "curl/8",
                    ..facts()
                },
                Refusal::WrongBrowser,
            ),
        ];
        for (other, refusal) in elsewhere {
            assert_eq!(check(other), Err(refusal));
        }
        let same_network = TokenFacts {
            prefix: prefix("203.0.113.99"),
            ..facts()
        };
        assert!(check(same_network).is_ok());
    }

    #[test]
    fn a_token_without_a_site_holds_for_any_site_of_its_host() {
        let unbound = TokenFacts {
            site: None,
            ..facts()
        };
        let token = signer().token(&unbound, [1; 16], now());
        assert!(signer().check_token(&token, &facts(), now()).is_ok());
    }

    #[test]
    fn a_token_expires_after_five_minutes() {
        let token = signer().token(&facts(), [1; 16], now());
        let last = now() + TOKEN_LIFE - Duration::from_micros(1);
        assert!(signer().check_token(&token, &facts(), last).is_ok());
        assert_eq!(
            signer().check_token(&token, &facts(), now() + TOKEN_LIFE),
            Err(Refusal::TokenExpired)
        );
    }

    #[test]
    fn another_key_or_a_changed_octet_is_a_forgery() {
        let token = Signer::new(&[8; 32]).token(&facts(), [1; 16], now());
        assert_eq!(
            signer().check_token(&token, &facts(), now()),
            Err(Refusal::TokenForged)
        );
        let good = URL_SAFE_NO_PAD
            .decode(signer().token(&facts(), [1; 16], now()))
            .unwrap();
        for octet in 0..good.len() {
            let mut changed = good.clone();
            changed[octet] ^= 1;
            let answer = signer().check_token(&URL_SAFE_NO_PAD.encode(&changed), &facts(), now());
            assert!(
                matches!(answer, Err(Refusal::TokenForged | Refusal::TokenMalformed)),
                "{octet}"
            );
        }
    }

    fn credential() -> VisitCredential {
        VisitCredential {
            visit: VisitId::new(now(), 1),
            visitor: VisitorId::new(now(), 2),
            lease: LeaseId::new(now(), 3),
            overflow: false,
            expires_at: now() + VISIT_CREDENTIAL_LIFE,
        }
    }

    #[test]
    fn a_visit_credential_comes_back_as_it_was_given() {
        let site = SiteId::new(now(), 1);
        for overflow in [false, true] {
            let given = VisitCredential {
                overflow,
                ..credential()
            };
            let text = signer().visit(&given, site, "Mozilla/5.0");
            assert_eq!(
                signer().check_visit(&text, site, "Mozilla/5.0", now()),
                Ok(given)
            );
        }
    }

    #[test]
    fn a_visit_credential_holds_for_its_site_browser_and_time() {
        let (site, other) = (SiteId::new(now(), 1), SiteId::new(now(), 2));
        let text = signer().visit(&credential(), site, "a");
        let check = |site, browser, at| signer().check_visit(&text, site, browser, at);
        assert_eq!(check(other, "a", now()), Err(Refusal::VisitWrongSite));
        assert_eq!(check(site, "b", now()), Err(Refusal::VisitWrongBrowser));
        let late = now() + VISIT_CREDENTIAL_LIFE;
        assert_eq!(check(site, "a", late), Err(Refusal::VisitExpired));
        let forged = Signer::new(&[8; 32]).visit(&credential(), site, "a");
        assert_eq!(
            signer().check_visit(&forged, site, "a", now()),
            Err(Refusal::VisitForged)
        );
    }

    #[test]
    fn a_token_is_no_credential_and_a_credential_no_token() {
        let site = SiteId::new(now(), 1);
        let token = signer().token(&facts(), [1; 16], now());
        let visit = signer().visit(&credential(), site, "a");
        assert_eq!(
            signer().check_visit(&token, site, "a", now()),
            Err(Refusal::VisitMalformed)
        );
        assert_eq!(
            signer().check_token(&visit, &facts(), now()),
            Err(Refusal::TokenMalformed)
        );
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "\\PC{0,300}", octets in proptest::collection::vec(any::<u8>(), 0..120)) {
            for text in [text, URL_SAFE_NO_PAD.encode(octets)] {
                prop_assert!(signer().check_token(&text, &facts(), now()).is_err());
                prop_assert!(signer().check_visit(&text, SiteId::new(now(), 1), "a", now()).is_err());
            }
        }
    }
}
