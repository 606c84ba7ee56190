//! Visits: tokens, number requests and beats, from the browser to the durable lease.
//!
//! A number is shown only after its lease is durable. Whatever goes wrong has a reason, is counted, and leaves the
//! page's own number standing.

mod facts;
mod follow_up;
mod refusals;

use std::net::IpAddr;
use std::sync::Arc;

use ringfence_fence::{
    AddressPrefix, Admission, HostFacts, PageHost, RequestFacts, TOKEN_LIFE, TokenFacts,
    VISIT_CREDENTIAL_LIFE, VisitCredential, admit, agreed_host, normalise_host, origin_host,
};
use ringfence_live::{LeaseOutcome, NewLease};
use ringfence_model::{
    Duration, Lease, LeaseId, SiteId, Source, Timestamp, Visit, VisitId, VisitorId,
};
use ringfence_store::{StoreError, Write};
use ringfence_tracking::{
    LANDING_STORED_MAX, Landing, PAGE_URL_MAX, SourceRules, VALUE_MAX, VisitFacts, classify,
    device, parse_landing, shortened,
};
use url::Url;

use crate::{Platform, random};

pub use facts::{ShownNumber, TagFacts};
pub use follow_up::{BeatAnswer, FollowUp};
pub use ringfence_fence::Refusal;

use facts::{PoolFacts, SiteFacts};

/// Leases that ended this long before a start are read back too: they tell which numbers have been free the longest.
const REMEMBERED: Duration = Duration::from_hours(2);
/// The longest language tag that is kept (RFC 5646 §4.4.1).
const LANGUAGE_MAX: usize = 35;
/// Octets of a user agent that tokens are bound to.
const USER_AGENT_MAX: usize = 512;

/// Reads leases and spent tokens back from rows.
///
/// # Errors
/// When the rows cannot be read.
pub async fn restore(platform: &Platform, now: Timestamp) -> Result<(), StoreError> {
    let leases = platform.db.live_leases(now - REMEMBERED).await?;
    platform.live.restore(&leases);
    let nonces = platform.db.spent_nonces(now - TOKEN_LIFE).await?;
    for (nonce, spent_at) in &nonces {
        if let Ok(nonce) = u128::from_str_radix(nonce, 16) {
            // Already spent is as good; full means that more are remembered than a start can need.
            let _ = platform
                .live
                .spend(nonce.to_be_bytes(), *spent_at + TOKEN_LIFE, now);
        }
    }
    let live = leases.iter().filter(|lease| lease.expires_at > now).count();
    tracing::info!(
        leases = live,
        spent_tokens = nonces.len(),
        "read back what was leased"
    );
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
#[derive(Debug, Clone, Copy)]
pub struct NumberRequest<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The browser's address.
    pub address: IpAddr,
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
    /// The number in its forms.
    pub number: Arc<ShownNumber>,
    /// The lease.
    pub lease: LeaseId,
    /// When it ends unless a beat moves this on.
    pub expires_at: Timestamp,
    /// The visit's campaign.
    pub campaign: Option<String>,
    /// Numbers on the page that are replaced, as written there.
    pub swap: Arc<[String]>,
    /// What later pages, beats and events show.
    pub visit: String,
    /// How often the browser gives a sign of life.
    pub beat: Duration,
}

impl Platform {
    /// A token for a page's browser. Whether the page's host is proved is asked when the token is used.
    ///
    /// # Errors
    /// [`Refusal::PageMalformed`] when the page has no host.
    pub fn issue_token(
        &self,
        request: &TokenRequest<'_>,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let page = Url::parse(request.page).map_err(|_| Refusal::PageMalformed)?;
        let host = PageHost::of(&page)?;
        let facts = TokenFacts {
            site: request.site.filter(|key| !key.is_empty()),
            host: host.as_str(),
            prefix: AddressPrefix::of(request.address),
            user_agent: shortened(request.user_agent, USER_AGENT_MAX),
        };
        Ok(self.signer().token(&facts, random().to_be_bytes(), now))
    }

    /// Whether answers may be read by pages of this origin: its host is proved for some site.
    pub async fn allows_origin(&self, origin: &str, now: Timestamp) -> bool {
        match origin_host(origin) {
            Ok(host) => self.is_proved(&host, now).await.unwrap_or(false),
            Err(_) => false,
        }
    }

    /// Whether a page of this origin may ask for this site's numbers, before it does.
    ///
    /// # Errors
    /// The [`Refusal`] that says why not.
    pub async fn check_origin(
        &self,
        site: &str,
        origin: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (known, checked) = match self.known_site(site, now).await {
            Err(refusal) => (None, Err(refusal)),
            Ok(facts) => (Some(facts.id), on_proved_host(origin, &facts)),
        };
        checked.inspect_err(|&refusal| self.count_refusal(known, refusal))
    }

    /// A number for a visit, once its lease is durable.
    ///
    /// # Errors
    /// The [`Refusal`] that says why there is none.
    pub async fn issue_number(
        &self,
        request: &NumberRequest<'_>,
        now: Timestamp,
    ) -> Result<NumberAnswer, Refusal> {
        metrics::counter!("ringfence_number_requests_total").increment(1);
        let known = if self.within_limit(request.address, now) {
            self.known_site(request.site, now).await
        } else {
            Err(Refusal::TooManyRequests)
        };
        let (site, answer) = match known {
            Err(refusal) => (None, Err(refusal)),
            Ok(facts) => (
                Some(facts.id),
                self.issue_number_of(&facts, request, now).await,
            ),
        };
        answer.inspect_err(|&refusal| self.count_refusal(site, refusal))
    }

    /// Counts a request that was refused.
    pub fn count_refusal(&self, site: Option<SiteId>, refusal: Refusal) {
        self.tag_facts.refusals.count(site, refusal);
    }

    /// Number requests of a site that were refused since the program began, by reason, most frequent first.
    pub fn refusals(&self, site: SiteId) -> Vec<(Refusal, u64)> {
        self.tag_facts.refusals.of(site)
    }

    fn within_limit(&self, address: IpAddr, now: Timestamp) -> bool {
        self.live
            .within_limit(AddressPrefix::of(address).key(), now)
    }

    async fn known_site(&self, key: &str, now: Timestamp) -> Result<Arc<SiteFacts>, Refusal> {
        match self.site_facts(key, now).await {
            Ok(facts) => facts.ok_or(Refusal::UnknownSite),
            Err(error) => {
                tracing::error!(%error, "a site could not be read, so no number is shown");
                Err(Refusal::Unavailable)
            }
        }
    }

    async fn issue_number_of(
        &self,
        site: &SiteFacts,
        request: &NumberRequest<'_>,
        now: Timestamp,
    ) -> Result<NumberAnswer, Refusal> {
        if request.page.len() > PAGE_URL_MAX {
            return Err(Refusal::PageMalformed);
        }
        let page = Url::parse(request.page).map_err(|_| Refusal::PageMalformed)?;
        let host = agreed_host(request.origin, &page).map_err(|refusal| {
            // Foreign is who comes from another host than the site's own.
            match on_proved_host(request.origin, site) {
                Err(Refusal::HostNotProved) if refusal == Refusal::PageMismatch => {
                    Refusal::ForeignOrigin
                }
                _ => refusal,
            }
        })?;
        let user_agent = shortened(request.user_agent, USER_AGENT_MAX);
        let facts = RequestFacts {
            site: request.site,
            token: request.token,
            visit: request.visit,
            user_agent,
            address: request.address,
        };
        let proof = HostFacts {
            site: Some(site.id),
            proved: is_own(site, &host),
        };
        let admission = admit(self.signer(), &facts, &host, proof, now)?;
        let pool = site
            .pool
            .as_ref()
            .filter(|pool| !pool.numbers.is_empty() || pool.overflow.is_some())
            .ok_or(Refusal::NoPool)?;
        let shown = match admission {
            Admission::Token(token) => {
                self.live
                    .spend(token.nonce, token.expires_at, now)
                    .map_err(|error| match error {
                        ringfence_live::SpendError::Spent => Refusal::TokenSpent,
                        ringfence_live::SpendError::Full => Refusal::Unavailable,
                    })?;
                let visit = new_visit(site, &page, request, now);
                let shown = self.begin_visit(pool, visit, token.nonce, now).await;
                if !matches!(shown, Ok(_) | Err(Refusal::TokenSpent)) {
                    // Nothing came of it: the browser may try once more.
                    self.live.unspend(token.nonce);
                }
                shown?
            }
            Admission::Visit(credential) => {
                self.continue_visit(site, pool, &credential, now).await?
            }
        };
        let credential = VisitCredential {
            visit: shown.visit.id,
            visitor: shown.visit.visitor,
            lease: shown.lease,
            overflow: shown.overflow,
            expires_at: now + VISIT_CREDENTIAL_LIFE.max(pool.hold),
        };
        Ok(NumberAnswer {
            number: shown.number,
            lease: shown.lease,
            expires_at: shown.expires_at,
            campaign: shown.visit.source.campaign,
            swap: Arc::clone(&site.swap),
            visit: self.signer().visit(&credential, site.id, user_agent),
            beat: beat_of(pool),
        })
    }

    async fn begin_visit(
        &self,
        pool: &PoolFacts,
        visit: Visit,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> Result<Shown, Refusal> {
        let nonce = format!("{:032x}", u128::from_be_bytes(nonce));
        let placed = self.place(pool, &visit, now)?;
        let lease = placed.lease(pool, &visit, Some(nonce));
        let shown = Shown::of(&placed, &lease, visit.clone());
        let writes = vec![Write::Visit(Box::new(visit)), Write::Lease(Box::new(lease))];
        self.written(writes, pool, &placed).await?;
        Ok(shown)
    }

    /// The same visit on a later page: it keeps its number as long as that is not another's.
    async fn continue_visit(
        &self,
        site: &SiteFacts,
        pool: &PoolFacts,
        credential: &VisitCredential,
        now: Timestamp,
    ) -> Result<Shown, Refusal> {
        let visit = self
            .db
            .visit(site.account, credential.visit)
            .await
            .map_err(|error| unavailable(&error))?
            .ok_or(Refusal::VisitExpired)?;
        let visit = Visit {
            seen_at: now,
            ..visit
        };
        let placed = self.place(pool, &visit, now)?;
        let lease = placed.lease(pool, &visit, None);
        let shown = Shown::of(&placed, &lease, visit.clone());
        let mut writes = vec![Write::Visit(Box::new(visit))];
        if let Placed::Kept { .. } = placed {
            let extended = Write::LeaseExtended {
                account: lease.account,
                lease: lease.id,
                expires_at: lease.expires_at,
            };
            if lease.id != credential.lease {
                // Another page of the visit began it a moment ago, and its row may not be there yet.
                writes.push(Write::Lease(Box::new(lease)));
            }
            writes.push(extended);
        } else {
            writes.push(Write::Lease(Box::new(lease)));
        }
        self.written(writes, pool, &placed).await?;
        Ok(shown)
    }

    /// Takes a number for a visit: its own, one that is free, or the pool's overflow number.
    fn place(&self, pool: &PoolFacts, visit: &Visit, now: Timestamp) -> Result<Placed, Refusal> {
        let new = NewLease {
            visit: visit.id,
            lease: LeaseId::new(now, random()),
            now,
            expires_at: now + pool.hold,
        };
        let placed = match self.live.lease(pool.id, &new) {
            LeaseOutcome::New(held) => pool.numbers.get(&held.number).map(|number| Placed::New {
                held,
                number: Arc::clone(number),
            }),
            LeaseOutcome::Kept(held) => pool.numbers.get(&held.number).map(|number| Placed::Kept {
                held,
                number: Arc::clone(number),
            }),
            LeaseOutcome::Exhausted => {
                metrics::counter!("ringfence_pool_exhausted_total").increment(1);
                let overflow = pool.overflow.as_ref().ok_or(Refusal::PoolExhausted)?;
                Some(Placed::Overflow {
                    new,
                    number: Arc::clone(overflow),
                })
            }
            LeaseOutcome::UnknownPool => None,
        };
        // The pool changed between two looks at it; what is known is read again for the next request.
        placed.ok_or_else(|| {
            self.tag_facts.changed();
            Refusal::Unavailable
        })
    }

    /// Waits until the writes are durable; a lease that cannot be is taken back.
    async fn written(
        &self,
        writes: Vec<Write>,
        pool: &PoolFacts,
        placed: &Placed,
    ) -> Result<(), Refusal> {
        let kind = placed.word();
        match self.db.write(writes).await {
            Ok(()) => {
                metrics::counter!("ringfence_numbers_shown_total", "lease" => kind).increment(1);
                Ok(())
            }
            Err(error) => {
                if let Placed::New { held, .. } = placed {
                    self.live.take_back(pool.id, held);
                }
                Err(match error {
                    StoreError::NonceSpent => Refusal::TokenSpent,
                    error => unavailable(&error),
                })
            }
        }
    }
}

/// A number that a visit was given in memory, and that is to become durable.
enum Placed {
    New {
        held: ringfence_live::Held,
        number: Arc<ShownNumber>,
    },
    Kept {
        held: ringfence_live::Held,
        number: Arc<ShownNumber>,
    },
    Overflow {
        new: NewLease,
        number: Arc<ShownNumber>,
    },
}

impl Placed {
    const fn word(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Kept { .. } => "kept",
            Self::Overflow { .. } => "overflow",
        }
    }

    const fn number(&self) -> &Arc<ShownNumber> {
        match self {
            Self::New { number, .. }
            | Self::Kept { number, .. }
            | Self::Overflow { number, .. } => number,
        }
    }

    fn lease(&self, pool: &PoolFacts, visit: &Visit, nonce: Option<String>) -> Lease {
        let (id, started_at, expires_at) = match self {
            Self::New { held, .. } | Self::Kept { held, .. } => {
                (held.lease, held.started_at, held.expires_at)
            }
            Self::Overflow { new, .. } => (new.lease, new.now, new.expires_at),
        };
        let number = self.number();
        Lease {
            id,
            account: visit.account,
            pool: pool.id,
            number: number.id,
            e164: number.e164.clone(),
            visit: visit.id,
            started_at,
            expires_at,
            overflow: matches!(self, Self::Overflow { .. }),
            nonce,
        }
    }
}

/// What the answer needs of a visit and its lease.
struct Shown {
    number: Arc<ShownNumber>,
    lease: LeaseId,
    overflow: bool,
    expires_at: Timestamp,
    visit: Visit,
}

impl Shown {
    fn of(placed: &Placed, lease: &Lease, visit: Visit) -> Self {
        Self {
            number: Arc::clone(placed.number()),
            lease: lease.id,
            overflow: lease.overflow,
            expires_at: lease.expires_at,
            visit,
        }
    }
}

fn is_own(site: &SiteFacts, host: &PageHost) -> bool {
    site.hosts.iter().any(|own| own == host.as_str())
}

fn on_proved_host(origin: Option<&str>, site: &SiteFacts) -> Result<(), Refusal> {
    let host = origin_host(origin.ok_or(Refusal::OriginMissing)?)?;
    if site.hosts.contains(&host) {
        Ok(())
    } else {
        Err(Refusal::HostNotProved)
    }
}

fn unavailable(error: &StoreError) -> Refusal {
    tracing::error!(%error, "a lease could not be made durable, so no number is shown");
    Refusal::Unavailable
}

/// A tenth of the time that a lease lives without one.
fn beat_of(pool: &PoolFacts) -> Duration {
    (pool.hold / 10).clamp(Duration::from_secs(5), Duration::from_mins(1))
}

fn new_visit(site: &SiteFacts, page: &Url, request: &NumberRequest<'_>, now: Timestamp) -> Visit {
    // The first page counts when it is one of the site's own; the browser says what it likes.
    let first = request
        .first_page
        .filter(|first| *first != request.page)
        .and_then(|first| parse_landing(first).ok())
        .filter(|first| normalise_host(&first.host).is_ok_and(|host| site.hosts.contains(&host)));
    let (landing, referrer) = match first {
        Some(first) => (first, request.first_referrer),
        None => (
            Landing::from_url(page),
            request.first_referrer.or(request.referrer),
        ),
    };
    let referrer = referrer.map(str::trim).filter(|text| !text.is_empty());
    let source = classify(
        &VisitFacts {
            landing: &landing,
            referrer: referrer.filter(|text| text.len() <= PAGE_URL_MAX),
            own_hosts: &site.hosts,
        },
        &SourceRules::default(),
    );
    let asked_for = request
        .campaign
        .map(|campaign| shortened(campaign.trim(), VALUE_MAX))
        .filter(|campaign| !campaign.is_empty());
    let device = device(shortened(request.user_agent, USER_AGENT_MAX));
    Visit {
        id: VisitId::new(now, random()),
        account: site.account,
        site: site.id,
        visitor: VisitorId::new(now, random()),
        started_at: now,
        seen_at: now,
        landing_page: landing.url,
        referrer: referrer.map(|text| shortened(text, LANDING_STORED_MAX).to_string()),
        source: Source {
            campaign: asked_for.map(str::to_string).or(source.campaign),
            ..source
        },
        utm: landing.utm,
        click_id: landing.click_id,
        language: request.language.and_then(language),
        device: device.map(str::to_string),
        address_prefix: Some(AddressPrefix::of(request.address).to_string()),
    }
}

fn language(text: &str) -> Option<String> {
    let plausible = (2..=LANGUAGE_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plausible.then(|| text.to_string())
}
