//! A number for a visit: taken in memory, then durable, or else taken back.

use std::sync::Arc;

use ringfence_fence::{Refusal, VisitCredential};
use ringfence_live::{Held, LeaseOutcome, NewLease, RecentLease};
use ringfence_model::{AccountId, Lease, LeaseId, Timestamp, Visit, VisitId, VisitorId};
use ringfence_store::{StoreError, Write};
use uuid::Uuid;

use super::facts::{PoolFacts, ShownNumber, SiteFacts};
use super::unavailable;
use crate::{Platform, random};

impl Platform {
    /// A new visit and its first lease.
    pub(super) async fn begin_visit(
        &self,
        pool: &PoolFacts,
        visit: Visit,
        nonce: [u8; 16],
        now: Timestamp,
    ) -> Result<Shown, Refusal> {
        let id = LeaseId(Uuid::from_bytes(nonce));
        let placed = self.place(pool, &visit, id, now).await?;
        let lease = placed.lease(pool, &visit);
        let shown = Shown::of(&placed, &lease, &visit);
        let recent = recent(&lease, &visit);
        let account = lease.account;
        let writes = vec![Write::Visit(Box::new(visit)), Write::Lease(Box::new(lease))];
        self.written(writes, account, pool, &placed, recent).await?;
        Ok(shown)
    }

    /// The same visit on a later page: it keeps its number as long as that is not another's.
    pub(super) async fn continue_visit<'s>(
        &self,
        site: &'s SiteFacts,
        credential: &VisitCredential,
        now: Timestamp,
    ) -> Result<(&'s Arc<PoolFacts>, Shown), Refusal> {
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
        // A rule that changed meanwhile takes no number away from who is looking at it.
        let pool = self
            .holding(site, visit.id, now)
            .await?
            .or_else(|| site.pool_of(&visit))
            .ok_or(Refusal::NoPool)?;
        let id = LeaseId::new(now, random());
        let placed = self.place(pool, &visit, id, now).await?;
        let lease = placed.lease(pool, &visit);
        let shown = Shown::of(&placed, &lease, &visit);
        let recent = recent(&lease, &visit);
        let account = lease.account;
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
        self.written(writes, account, pool, &placed, recent).await?;
        Ok((pool, shown))
    }

    /// The pool from which a visit holds a number, or held it last when nobody has been given it since.
    pub(super) async fn holding<'s>(
        &self,
        site: &'s SiteFacts,
        visit: VisitId,
        now: Timestamp,
    ) -> Result<Option<&'s Arc<PoolFacts>>, Refusal> {
        let account = site.account;
        let pools = || site.pools().map(|pool| pool.id);
        let held = self
            .shared(account, now, || self.live.holding(account, pools(), visit))
            .await?;
        Ok(held.and_then(|held| site.pools().find(|known| known.id == held)))
    }

    /// Takes a number for a visit: its own, one that is free, or the pool's overflow number.
    async fn place(
        &self,
        pool: &PoolFacts,
        visit: &Visit,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<Placed, Refusal> {
        let new = NewLease {
            visit: visit.id,
            lease,
            now,
            expires_at: now + pool.hold,
        };
        if pool.fixed {
            let number = pool.overflow.as_ref().ok_or(Refusal::NoPool)?;
            return Ok(Placed::Overflow {
                new,
                number: Arc::clone(number),
            });
        }
        let account = visit.account;
        let leased = self
            .shared(account, now, || self.live.lease(account, pool.id, &new))
            .await?;
        match leased {
            LeaseOutcome::New(held) => match self.shown_number(pool, visit, &held).await {
                Ok(number) => Ok(Placed::New { held, number }),
                Err(refusal) => {
                    self.take_back(account, pool, &held).await;
                    Err(refusal)
                }
            },
            LeaseOutcome::Kept(held) => {
                let number = self.shown_number(pool, visit, &held).await?;
                Ok(Placed::Kept { held, number })
            }
            LeaseOutcome::Exhausted => {
                metrics::counter!("ringfence_pool_exhausted_total").increment(1);
                let overflow = pool.overflow.as_ref().ok_or(Refusal::PoolExhausted)?;
                Ok(Placed::Overflow {
                    new,
                    number: Arc::clone(overflow),
                })
            }
            LeaseOutcome::UnknownPool => Err(Refusal::Unavailable),
        }
    }

    /// The number that is held, written out. One that just came to the pool, or left it under its holder, is read.
    async fn shown_number(
        &self,
        pool: &PoolFacts,
        visit: &Visit,
        held: &Held,
    ) -> Result<Arc<ShownNumber>, Refusal> {
        if let Some(number) = pool.numbers.get(&held.number) {
            return Ok(Arc::clone(number));
        }
        let number = self
            .db
            .number(visit.account, held.number)
            .await
            .map_err(|error| unavailable(&error))?;
        number
            .map(|number| Arc::new(ShownNumber::of(&number)))
            .ok_or(Refusal::Unavailable)
    }

    async fn take_back(&self, account: AccountId, pool: &PoolFacts, held: &Held) {
        // An error means that the number rests until the lease would have ended.
        self.live.take_back(account, pool.id, held).await.ok();
    }

    /// Waits until the writes are durable; a lease that cannot be is taken back.
    async fn written(
        &self,
        writes: Vec<Write>,
        account: AccountId,
        pool: &PoolFacts,
        placed: &Placed,
        recent: RecentLease,
    ) -> Result<(), Refusal> {
        let kind = if pool.fixed { "fixed" } else { placed.word() };
        match self.db.write(writes).await {
            Ok(()) => {
                let forget_before = recent.started_at - self.settings.late_call_window;
                self.live
                    .remember(placed.number().id, recent, forget_before);
                metrics::counter!("ringfence_numbers_shown_total", "lease" => kind).increment(1);
                Ok(())
            }
            Err(StoreError::NumberLeased) => {
                self.distrust_shared(account).await;
                Err(Refusal::LeasesUnavailable)
            }
            Err(error) => {
                if let Placed::New { held, .. } = placed {
                    self.take_back(account, pool, held).await;
                }
                Err(unavailable(&error))
            }
        }
    }
}

/// What a call needs to know of a lease, so that it need not read the visit.
fn recent(lease: &Lease, visit: &Visit) -> RecentLease {
    RecentLease {
        source: Some(Arc::new(visit.source.clone())),
        ..lease.into()
    }
}

/// A number that a visit was given in memory, and that is to become durable.
enum Placed {
    New {
        held: Held,
        number: Arc<ShownNumber>,
    },
    Kept {
        held: Held,
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

    fn lease(&self, pool: &PoolFacts, visit: &Visit) -> Lease {
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
        }
    }
}

/// What the answer needs of a visit and its lease.
pub(super) struct Shown {
    pub number: Arc<ShownNumber>,
    pub lease: LeaseId,
    pub overflow: bool,
    pub expires_at: Timestamp,
    pub visit: VisitId,
    pub visitor: VisitorId,
    pub campaign: Option<String>,
}

impl Shown {
    fn of(placed: &Placed, lease: &Lease, visit: &Visit) -> Self {
        Self {
            number: Arc::clone(placed.number()),
            lease: lease.id,
            overflow: lease.overflow,
            expires_at: lease.expires_at,
            visit: visit.id,
            visitor: visit.visitor,
            campaign: visit.source.campaign.clone(),
        }
    }
}
