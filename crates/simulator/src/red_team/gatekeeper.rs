//! The platform in front of numbers, as it decides about one site: limits, admission, the page's gate, looks, holds.
//!
//! The decisions are those of `fence` and `live`; what is made here is the order in which the product asks them, and the
//! time that a look takes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use ringfence_fence::{
    AddressPrefix, Admission, GatePolicy, HostFacts, LookFrom, PageFacts, Refusal, RequestFacts,
    Signer, TokenFacts, Visitor, admit, agreed_host, gate, outcome_of_look, outcome_of_view,
    page_name, vantages,
};
use ringfence_live::InProcess;
use ringfence_model::{LookOutcome, SiteId, Timestamp};
use url::Url;

use super::pages::{PageAt, Pages};

/// How long a look takes.
const LOOK_TAKES: Duration = Duration::from_secs(2);
/// How long a request waits for the first look at its page.
const PATIENCE: Duration = Duration::from_secs(5);
/// Accounts that are younger are new.
const NEW_FOR: Duration = Duration::from_hours(30 * 24);
/// What an operator has who set nothing.
const POLICY: GatePolicy = GatePolicy {
    again_after: Duration::from_hours(6),
    show_unseen: true,
};

/// What all sites share.
pub(super) struct Platform {
    live: InProcess,
    signer: Signer,
    nonces: u128,
}

impl Platform {
    pub(super) fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        Self {
            live: InProcess::default(),
            signer: Signer::new(&key),
            nonces: 0,
        }
    }

    /// The token that `tag.js` carries to whoever asks for it.
    pub(super) fn token(
        &mut self,
        site: &Site,
        host: &str,
        user_agent: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> String {
        self.nonces += 1;
        let facts = TokenFacts {
            site: Some(&site.key),
            host,
            prefix: AddressPrefix::of(address),
            user_agent,
        };
        self.signer.token(&facts, self.nonces.to_be_bytes(), now)
    }
}

/// A request for a number.
pub(super) struct Request<'a> {
    pub(super) page: &'a Url,
    pub(super) origin: Option<&'a str>,
    pub(super) token: Option<&'a str>,
    pub(super) visitor: &'a Visitor,
    pub(super) address: IpAddr,
}

/// A page that is known, and the look at it that is under way: when it ends, and what it will have seen.
#[derive(Debug, Default)]
struct Known {
    facts: PageFacts,
    tries: u32,
    look: Option<(Timestamp, LookOutcome)>,
}

/// A site of a ring or of an honest account.
#[derive(Debug)]
pub(super) struct Site {
    id: SiteId,
    key: String,
    since: Timestamp,
    /// Hosts whose owner is proved: whoever has a host can prove it.
    hosts: Vec<String>,
    known: HashMap<String, Known>,
    /// Since when its numbers are withheld.
    pub(super) held_at: Option<Timestamp>,
    /// There is a case without a hold.
    pub(super) suspected: bool,
    pub(super) looks: u32,
}

impl Site {
    pub(super) fn new(number: u64, account_since: Timestamp) -> Self {
        Self {
            id: SiteId::new(account_since, number.into()),
            key: format!("k{number}"),
            since: account_since,
            hosts: Vec::new(),
            known: HashMap::new(),
            held_at: None,
            suspected: false,
            looks: 0,
        }
    }

    pub(super) fn prove(&mut self, host: &str) {
        if !self.hosts.iter().any(|own| own == host) {
            self.hosts.push(host.to_owned());
        }
    }

    /// Whether the request is shown a number; `serves` is what the page's server sends to whom.
    pub(super) fn asks(
        &mut self,
        platform: &Platform,
        pages: &Pages,
        request: &Request<'_>,
        serves: &dyn Fn(&LookFrom) -> PageAt,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let prefix = AddressPrefix::of(request.address).key();
        if !platform.live.within_limit(prefix, now) {
            return Err(Refusal::TooManyRequests);
        }
        let host = agreed_host(request.origin, request.page)?;
        let facts = RequestFacts {
            site: &self.key,
            token: request.token,
            visit: None,
            user_agent: &request.visitor.user_agent,
            address: request.address,
        };
        let proof = HostFacts {
            site: Some(self.id),
            proved: self.hosts.iter().any(|own| own == host.as_str()),
        };
        let admission = admit(&platform.signer, &facts, &host, proof, now)?;
        self.ends_looks(now);
        if self.held_at.is_some() {
            return Err(Refusal::Withheld);
        }
        self.sees_page_first(pages, request, serves, now)?;
        if let Admission::Token(token) = admission {
            let spent = platform.live.spend(token.nonce, token.expires_at, now);
            spent.map_err(|_| Refusal::TokenSpent)?;
        }
        Ok(())
    }

    fn sees_page_first(
        &mut self,
        pages: &Pages,
        request: &Request<'_>,
        serves: &dyn Fn(&LookFrom) -> PageAt,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let new = now.since(self.since) < NEW_FOR;
        let name = page_name(request.page);
        let known = self.known.entry(name.clone()).or_default();
        let answer = gate(&known.facts, new, POLICY, now);
        if answer.look && known.look.is_none() {
            let views = vantages(request.page, request.visitor, known.tries)
                .into_iter()
                .map(|place| outcome_of_view(pages.verdict(serves(&place)), 200, true));
            known.look = Some((now + LOOK_TAKES, outcome_of_look(views)));
            self.looks += 1;
        }
        if answer.shows {
            return Ok(());
        }
        let until = now + PATIENCE;
        self.ends_looks(until);
        if self.held_at.is_some() {
            return Err(Refusal::Withheld);
        }
        let facts = self.known.get(&name).map(|known| known.facts);
        if gate(&facts.unwrap_or_default(), new, POLICY, now).shows {
            Ok(())
        } else {
            Err(Refusal::NotLookedAt)
        }
    }

    /// Looks that have come to their end have their consequences.
    pub(super) fn ends_looks(&mut self, now: Timestamp) {
        for known in self.known.values_mut() {
            let Some((ended, outcome)) = known.look.filter(|(ends, _)| *ends <= now) else {
                continue;
            };
            known.look = None;
            known.tries += 1;
            known.facts.tried_at = Some(ended);
            if outcome == LookOutcome::Unseen {
                known.facts.failures += 1;
            } else {
                known.facts.looks += 1;
                known.facts.failures = 0;
            }
            match outcome {
                LookOutcome::Scam => {
                    let held_at = self.held_at.map_or(ended, |before| before.min(ended));
                    self.held_at = Some(held_at);
                }
                LookOutcome::Suspicious => self.suspected = true,
                LookOutcome::Clean | LookOutcome::Unseen => {}
            }
        }
    }
}
