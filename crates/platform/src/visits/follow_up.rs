//! What follows a number: beats that keep its lease alive, and its release.

use std::net::IpAddr;
use std::sync::Arc;

use ringfence_fence::{Refusal, VisitCredential};
use ringfence_model::{Duration, LeaseId, NumberId, SiteId, Timestamp};
use ringfence_store::{StoreError, Write};
use ringfence_tracking::shortened;

use super::facts::{PoolFacts, SiteFacts};
use super::{OpenPage, USER_AGENT_MAX, beat_of, on_proved_host, unavailable};
use crate::Platform;

/// A request of a visit that was shown a number before.
#[derive(Debug, Clone, Copy)]
pub struct FollowUp<'a> {
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The browser's address.
    pub address: IpAddr,
    /// The browser's first language (RFC 5646).
    pub language: Option<&'a str>,
    /// The site's key.
    pub site: &'a str,
    /// The visit's credential.
    pub visit: Option<&'a str>,
    /// The lease that is meant, when the browser names one.
    pub lease: Option<LeaseId>,
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
    /// A sign of life: the lease's end moves on, durably.
    ///
    /// # Errors
    /// [`Refusal::LeaseExpired`] when the number is no longer the visit's, [`Refusal::Withheld`] when the site is held,
    /// [`Refusal::Withdrawn`] when the page locks its visitor in; any other [`Refusal`] says what is wrong.
    pub async fn beat(
        &self,
        request: &FollowUp<'_>,
        open: &OpenPage<'_>,
        now: Timestamp,
    ) -> Result<BeatAnswer, Refusal> {
        let (site, checked) = self.followed(request, now).await;
        let answer = match checked {
            // The tag asks for a number then, gets none, and puts the page's own back.
            Ok((facts, _)) if facts.held => Err(Refusal::Withheld),
            Ok((facts, credential)) => {
                match self.heed(&facts, &credential, request, open, now).await {
                    Ok(()) => self.extend(&facts, &credential, now).await,
                    Err(refusal) => Err(refusal),
                }
            }
            Err(refusal) => Err(refusal),
        };
        answer.inspect_err(|&refusal| self.count_refusal(site, refusal))
    }

    /// The visit does without its number: the lease ends now, durably.
    ///
    /// # Errors
    /// The [`Refusal`] that says what is wrong.
    pub async fn release(&self, request: &FollowUp<'_>, now: Timestamp) -> Result<(), Refusal> {
        let (site, checked) = self.followed(request, now).await;
        let answer = match checked {
            Ok((facts, credential)) => self.end(&facts, &credential, now).await,
            Err(refusal) => Err(refusal),
        };
        answer.inspect_err(|&refusal| self.count_refusal(site, refusal))
    }

    /// The site of a request and what its credential says, or what is wrong with it.
    pub(super) async fn followed(
        &self,
        request: &FollowUp<'_>,
        now: Timestamp,
    ) -> (
        Option<SiteId>,
        Result<(Arc<SiteFacts>, VisitCredential), Refusal>,
    ) {
        let facts = match self.known_site(request.site, request.address, now).await {
            Ok(facts) => facts,
            Err(refusal) => return (None, Err(refusal)),
        };
        let checked = self.checked(request, &facts, now);
        if let Ok(credential) = &checked {
            self.page_spoke(facts.id, credential.lease);
        }
        (
            Some(facts.id),
            checked.map(|credential| (facts, credential)),
        )
    }

    fn checked(
        &self,
        request: &FollowUp<'_>,
        facts: &SiteFacts,
        now: Timestamp,
    ) -> Result<VisitCredential, Refusal> {
        on_proved_host(request.origin, facts)?;
        let text = request.visit.ok_or(Refusal::TokenMissing)?;
        let user_agent = shortened(request.user_agent, USER_AGENT_MAX);
        let credential = self.signer().check_visit(text, facts.id, user_agent, now)?;
        if request.lease.is_some_and(|lease| lease != credential.lease) {
            return Err(Refusal::LeaseExpired);
        }
        // Each beat writes a row: a visit has its own allowance, whatever else its network does.
        let (time, chance) = credential.lease.0.as_u64_pair();
        if self.live.within_limit(time ^ chance, now) {
            Ok(credential)
        } else {
            Err(Refusal::TooManyRequests)
        }
    }

    /// The lease's end moves on.
    pub(super) async fn extend(
        &self,
        site: &SiteFacts,
        credential: &VisitCredential,
        now: Timestamp,
    ) -> Result<BeatAnswer, Refusal> {
        let (pool, number, expires_at) = if credential.overflow {
            self.overflow_end(site, credential, now).await?
        } else {
            let (visit, lease) = (credential.visit, credential.lease);
            let pool = self.holding(site, visit, now).await?;
            let pool = pool.ok_or(Refusal::LeaseExpired)?;
            let (account, end) = (site.account, now + pool.hold);
            let extend = || self.live.extend(account, pool.id, visit, lease, end);
            let held = self.shared(account, now, extend).await?;
            let held = held.filter(|held| held.expires_at > now);
            let held = held.ok_or(Refusal::LeaseExpired)?;
            (pool, held.number, held.expires_at)
        };
        let extended = Write::LeaseExtended {
            account: site.account,
            lease: credential.lease,
            expires_at,
        };
        match self.db.write(vec![extended]).await {
            Ok(()) => {}
            Err(StoreError::NumberLeased) => {
                self.distrust_shared(site.account).await;
                return Err(Refusal::LeaseExpired);
            }
            Err(error) => return Err(unavailable(&error)),
        }
        self.live
            .remember_extended(number, credential.lease, expires_at);
        Ok(BeatAnswer {
            expires_at,
            beat: beat_of(pool),
        })
    }

    /// The overflow number's leases bind nothing, so only their rows know them.
    async fn overflow_end<'s>(
        &self,
        site: &'s SiteFacts,
        credential: &VisitCredential,
        now: Timestamp,
    ) -> Result<(&'s Arc<PoolFacts>, NumberId, Timestamp), Refusal> {
        let lease = self
            .db
            .lease(site.account, credential.lease)
            .await
            .map_err(|error| unavailable(&error))?;
        let lease = lease
            .filter(|lease| lease.expires_at > now)
            .ok_or(Refusal::LeaseExpired)?;
        site.pools()
            .find(|pool| {
                let shown = pool.overflow.as_ref();
                pool.id == lease.pool && shown.is_some_and(|number| number.id == lease.number)
            })
            .map(|pool| (pool, lease.number, lease.expires_at.max(now + pool.hold)))
            .ok_or(Refusal::LeaseExpired)
    }

    async fn end(
        &self,
        site: &SiteFacts,
        credential: &VisitCredential,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.db
            .write(vec![Write::LeaseEnded {
                account: site.account,
                lease: credential.lease,
                at: now,
            }])
            .await
            .map_err(|error| unavailable(&error))?;
        // Only now: a number that somebody else is shown must not have an older lease that rows call live.
        if credential.overflow {
            // Which of the site's overflow numbers it was, only its row knows; where it is not, nothing happens.
            for number in site.pools().filter_map(|pool| pool.overflow.as_ref()) {
                self.live.remember_ended(number.id, credential.lease, now);
            }
        } else {
            let (visit, lease) = (credential.visit, credential.lease);
            let account = site.account;
            // What is shared may be away: its number is free when the lease would have ended.
            let Ok(Some(pool)) = self.holding(site, visit, now).await else {
                return Ok(());
            };
            let release = || self.live.release(account, pool.id, visit, lease, now);
            if let Ok(Some(held)) = self.shared(account, now, release).await {
                self.live.remember_ended(held.number, lease, now);
            }
        }
        Ok(())
    }
}
