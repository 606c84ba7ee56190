//! Visits: tokens, number requests and beats, from the browser to the durable lease.
//!
//! A number is shown only after its lease is durable. Whatever goes wrong has a reason, is counted, and leaves the
//! page's own number standing.

mod arrival;
mod campaign_keys;
mod facts;
mod follow_up;
mod open_pages;
mod placing;
mod refusals;
mod sharing;
mod silence;
mod swap;
mod told;

use std::net::IpAddr;
use std::sync::Arc;

use ringfence_fence::{
    AddressPrefix, Admission, HostFacts, PageHost, RequestFacts, TOKEN_LIFE, Token, TokenFacts,
    VISIT_CREDENTIAL_LIFE, VisitCredential, admit, agreed_host, origin_host,
};
use ringfence_live::{RecentLease, SpendError};
use ringfence_model::{AccountId, Duration, LeaseId, SiteId, Timestamp, TrackingNumber};
use ringfence_store::StoreError;
use ringfence_tracking::{PAGE_URL_MAX, RECENT_MAX, shortened};
use url::Url;
use uuid::Uuid;

use crate::fence::{Asked, Visitor};
use crate::{Platform, random};

pub use campaign_keys::AskedFor;
pub use facts::{ShownNumber, TagFacts};
pub use follow_up::{BeatAnswer, FollowUp};
pub use open_pages::OpenPage;
pub use ringfence_fence::{PageCalls, Refusal};
pub use told::{PageFound, TEST_PARAMETER, Told};

use arrival::new_visit;
use facts::{PoolFacts, SiteFacts};

/// Leases that ended this long before a start are read back too: they tell which numbers have been free the longest.
/// Those that explain late calls are read back in any case.
const REMEMBERED: Duration = Duration::from_hours(2);
/// Tells the allowance for unknown site keys from the one for number requests: neither form of prefix has these bits.
const TRIES: u64 = 1 << 62;
/// Octets of a user agent that tokens are bound to.
const USER_AGENT_MAX: usize = 512;

/// Reads leases and spent tokens back from rows.
///
/// # Errors
/// When the rows cannot be read.
pub async fn restore(platform: &Platform, now: Timestamp) -> Result<(), StoreError> {
    if platform.live.valkey().is_some() {
        // Each account is built where servers share it, when somebody asks for it.
        return Ok(());
    }
    let remembered = REMEMBERED.max(platform.settings.late_call_window);
    let leases = platform.db.live_leases(now - remembered).await?;
    platform.live.restore(&leases);
    let nonces = platform.db.begun_leases(now - TOKEN_LIFE).await?;
    for (lease, spent_at) in &nonces {
        // Already spent is as good; full means that more are remembered than a start can need.
        platform
            .live
            .restore_spent(lease.0.into_bytes(), *spent_at + TOKEN_LIFE, now);
    }
    let live = leases.iter().filter(|lease| lease.expires_at > now).count();
    tracing::info!(
        leases = live,
        spent_tokens = nonces.len(),
        "read back what was leased"
    );
    Ok(())
}

impl Platform {
    /// A number's leases that were live `at`, or ended at most `late_call_window` before, the newest first: from memory, or
    /// from rows where another server may have shown the number.
    pub(crate) async fn leases_around(
        &self,
        number: &TrackingNumber,
        at: Timestamp,
        late_call_window: Duration,
    ) -> Result<Vec<RecentLease>, StoreError> {
        if !self.shares_leases() {
            return Ok(self.live.leases_around(number.id, at, late_call_window));
        }
        let most = u32::try_from(RECENT_MAX).unwrap_or(u32::MAX);
        let rows = self
            .db
            .leases_of_number(number.account, number.id, at, most)
            .await?;
        let around = rows
            .iter()
            .filter(|lease| lease.expires_at + late_call_window >= at);
        Ok(around.map(RecentLease::from).collect())
    }
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
    /// What the page did to lock its visitor in, since it was loaded.
    pub calls: PageCalls,
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
    /// Numbers on the page that are replaced, with their country.
    pub swap: Arc<[String]>,
    /// What later pages, beats and events show.
    pub visit: String,
    /// How often the browser gives a sign of life.
    pub beat: Duration,
}

/// A token's nonce is the identifier that its lease will have: rows then know which tokens were spent, and can hold no
/// second lease for one, without a column and an index more. It begins with the time, so that rows are added side by side.
fn nonce(now: Timestamp) -> [u8; 16] {
    LeaseId::new(now, random()).0.into_bytes()
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
        Ok(self.signer().token(&facts, nonce(now), now))
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
        address: IpAddr,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (known, checked) = match self.known_site(site, address, now).await {
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
            self.known_site(request.site, request.address, now).await
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

    /// The site with this key. Keys that are not known yet are read from rows, so a network that tries many is held up.
    async fn known_site(
        &self,
        key: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Arc<SiteFacts>, Refusal> {
        let tries = AddressPrefix::of(address).key() ^ TRIES;
        if !self.tag_facts.has_read(key) && !self.live.within_limit(tries, now) {
            return Err(Refusal::TooManyRequests);
        }
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
        // Not before: strangers learn nothing of a site from outside its pages.
        if site.held {
            return Err(Refusal::Withheld);
        }
        self.check_calls(site, &admission, &page, request, now)
            .await?;
        self.see_page_first(site, &page, request, now).await?;
        let (pool, shown) = match admission {
            Admission::Token(token) => {
                let visit = new_visit(site, &page, request, now);
                let pool = site.pool_of(&visit).ok_or(Refusal::NoPool)?;
                self.spend(site.account, &token, now).await?;
                let lease = LeaseId(Uuid::from_bytes(token.nonce));
                self.watch_network(site, request.address, lease, now)
                    .await?;
                let shown = self.begin_visit(pool, visit, token.nonce, now).await;
                if shown.is_err() {
                    // Nothing came of it: the browser may try once more.
                    // When that fails, the browser asks for another token.
                    self.live.unspend(site.account, token.nonce).await.ok();
                    self.tag_facts.silences.lock().withdraw(site.id, lease);
                }
                (pool, shown?)
            }
            Admission::Visit(credential) => {
                self.page_spoke(site.id, credential.lease);
                self.continue_visit(site, &credential, now).await?
            }
        };
        let credential = VisitCredential {
            visit: shown.visit,
            visitor: shown.visitor,
            lease: shown.lease,
            overflow: shown.overflow,
            expires_at: now + VISIT_CREDENTIAL_LIFE.max(pool.hold),
        };
        Ok(NumberAnswer {
            number: shown.number,
            lease: shown.lease,
            expires_at: shown.expires_at,
            campaign: shown.campaign,
            swap: Arc::clone(&site.swap),
            visit: self.signer().visit(&credential, site.id, user_agent),
            beat: beat_of(pool),
        })
    }
}

impl Platform {
    async fn spend(
        &self,
        account: AccountId,
        token: &Token,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let spend = || async {
            match self
                .live
                .spend(account, token.nonce, token.expires_at, now)
                .await
            {
                Err(SpendError::Live(error)) => Err(error),
                spent => Ok(spent),
            }
        };
        match self.shared(account, now, spend).await? {
            Ok(()) => Ok(()),
            Err(SpendError::Spent) => Err(Refusal::TokenSpent),
            Err(SpendError::Full | SpendError::Live(_)) => Err(Refusal::Unavailable),
        }
    }

    /// A page of a new account is looked at before it shows its first number; other pages now and then.
    async fn see_page_first(
        &self,
        site: &SiteFacts,
        page: &Url,
        request: &NumberRequest<'_>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let asked = asked(site, page, || visitor_of(request));
        if !self.pass_page_gate(&asked, now).await? {
            return Ok(());
        }
        // What was seen may have led to a hold.
        let seen = self.known_site(request.site, request.address, now).await?;
        if seen.held {
            Err(Refusal::Withheld)
        } else {
            Ok(())
        }
    }
}

/// A page as the looks know it.
fn asked<'a, V>(site: &'a SiteFacts, page: &'a Url, visitor: V) -> Asked<'a, V> {
    Asked {
        account: site.account,
        site: site.id,
        account_since: site.account_since,
        hosts: &site.hosts,
        page,
        visitor,
    }
}

fn visitor_of(request: &NumberRequest<'_>) -> Visitor {
    Visitor {
        user_agent: shortened(request.user_agent, USER_AGENT_MAX).to_owned(),
        language: request.language.map(str::to_owned),
        referrer: request.referrer.map(str::to_owned),
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
