//! The server as the product runs it: what `platform` asks of `tracking` and `live`, and rows that outlive a restart.
//!
//! Faults are put in here, on purpose: the books know nothing of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringfence_live::{Held, InProcess, LeaseOutcome, NewLease};
use ringfence_model::{
    AccountId, Lease, LeaseId, NumberId, NumberState, PoolWish, Source, Timestamp, VisitId,
};
use ringfence_tracking::{
    Attribution, ChoiceFacts, RecentLease, SourceRules, VisitFacts, attribute, choose, classify,
    parse_landing,
};

use super::VisitFault;
use super::world::{Arrival, HOSTS, WorldOfVisits};

/// Leases that ended this long before a start are read back, as in the product.
const REMEMBERED: Duration = Duration::from_hours(2);
/// Facts older than this are read again, as in the product.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(10);

/// A number that a visit was given in memory, and that is to become durable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Placed {
    New(Held),
    Kept(Held),
    Overflow(NumberId),
    Exhausted,
}

/// What a browser carries from page to page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credential {
    pub(super) lease: LeaseId,
    pub(super) number: NumberId,
    pub(super) pool: usize,
    pub(super) overflow: bool,
}

/// What was read of a site's pools, and when.
#[derive(Debug)]
struct SiteFacts {
    read_at: Timestamp,
    /// The members of each pool as they were read last.
    versions: BTreeMap<usize, u64>,
}

/// Memory that a restart loses, and rows that it does not.
#[derive(Debug)]
pub(super) struct Server {
    live: InProcess,
    sites: [Option<SiteFacts>; 2],
    /// Counts up with each change of a pool's members.
    pub(super) versions: Vec<u64>,
    leases: BTreeMap<LeaseId, Lease>,
    sources: BTreeMap<VisitId, Arc<Source>>,
    fault: Option<VisitFault>,
}

impl Server {
    pub(super) fn new(pools: usize, fault: Option<VisitFault>) -> Self {
        Self {
            live: InProcess::default(),
            sites: [None, None],
            versions: vec![0; pools],
            leases: BTreeMap::new(),
            sources: BTreeMap::new(),
            fault,
        }
    }

    /// This process changed pools or numbers: the next request reads them again.
    pub(super) fn changed(&mut self) {
        self.sites = [None, None];
    }

    /// Everything in memory is gone; rows are read back.
    pub(super) fn restart(&mut self, world: &WorldOfVisits, now: Timestamp) {
        self.live = InProcess::default();
        self.sites = [None, None];
        if self.fault == Some(VisitFault::ForgetsRows) {
            return;
        }
        let since = now - REMEMBERED.max(world.late_call_window);
        let mut rows: Vec<Lease> = self.leases.values().cloned().collect();
        rows.retain(|lease| lease.expires_at > since);
        rows.sort_by_key(|lease| (lease.started_at, lease.id));
        self.live.restore(&rows);
    }

    /// What the source rules and the rules for pools make of a visit.
    pub(super) fn classify(world: &WorldOfVisits, arrival: &Arrival) -> (Source, Option<usize>) {
        let landing = parse_landing(&arrival.url).expect("the world makes pages' URLs");
        let site = world.pools[arrival.pool].site;
        let own_hosts = [HOSTS[site].to_owned()];
        let facts = VisitFacts {
            landing: &landing,
            referrer: arrival.referrer.as_deref(),
            own_hosts: &own_hosts,
        };
        let source = classify(&facts, &SourceRules::default());
        let facts = ChoiceFacts {
            source: &source,
            language: arrival.language,
            country: None,
        };
        let own = PoolWish::default();
        let rules = world.of_site(site).filter(|&n| world.pools[n].wish != own);
        let wishes = rules.clone().map(|n| &world.pools[n].wish);
        let chosen = choose(wishes, &facts).and_then(|place| rules.clone().nth(place));
        let otherwise = world.of_site(site).find(|&n| world.pools[n].wish == own);
        (source, chosen.or(otherwise))
    }

    /// Reads a site's pools, unless what is known is fresh.
    fn read(&mut self, world: &WorldOfVisits, site: usize, now: Timestamp) {
        let before = self.sites[site].take();
        if let Some(facts) = &before
            && now >= facts.read_at
            && now.since(facts.read_at) < FRESH_FOR
        {
            self.sites[site] = before;
            return;
        }
        let mut versions = BTreeMap::new();
        for n in world.of_site(site) {
            let version = self.versions[n];
            versions.insert(n, version);
            let known = before.as_ref().and_then(|facts| facts.versions.get(&n));
            if known != Some(&version) {
                let numbers = self.members(world, n);
                self.live.set_pool(world.pools[n].pool.id, &numbers, now);
            }
        }
        self.sites[site] = Some(SiteFacts {
            read_at: now,
            versions,
        });
    }

    fn members(&self, world: &WorldOfVisits, pool: usize) -> Vec<NumberId> {
        let wanted = &world.pools[pool];
        if self.fault == Some(VisitFault::IgnoresQuarantine) {
            let of_pool = world
                .numbers
                .iter()
                .filter(|number| number.pool == Some(wanted.pool.id));
            return of_pool.map(|number| number.id).collect();
        }
        let members = wanted.members.iter();
        members.map(|&place| world.numbers[place].id).collect()
    }

    /// A number for a visit; the pool is where it holds one, else where it draws from.
    pub(super) fn place(
        &mut self,
        world: &WorldOfVisits,
        pool: usize,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> (usize, Placed) {
        let site = world.pools[pool].site;
        self.read(world, site, now);
        let pool = self.holding(world, site, visit).unwrap_or(pool);
        let of = &world.pools[pool].pool;
        let lives_for = match self.fault {
            Some(VisitFault::IgnoresHold) => Duration::from_secs(1),
            _ => of.hold,
        };
        let new = NewLease {
            visit,
            lease,
            now,
            expires_at: now + lives_for,
        };
        let placed = match self.live.lease(of.id, &new) {
            LeaseOutcome::New(held) => Placed::New(held),
            LeaseOutcome::Kept(held) => Placed::Kept(held),
            LeaseOutcome::Exhausted => of.overflow.map_or(Placed::Exhausted, Placed::Overflow),
            LeaseOutcome::UnknownPool => Placed::Exhausted,
        };
        (pool, placed)
    }

    /// The pool of a site from which a visit holds a number, or held it last.
    fn holding(&self, world: &WorldOfVisits, site: usize, visit: VisitId) -> Option<usize> {
        let of_site = world.of_site(site);
        let holding = self
            .live
            .holding(of_site.clone().map(|n| world.pools[n].pool.id), visit)?;
        of_site.clone().find(|&n| world.pools[n].pool.id == holding)
    }

    /// The lease is durable, and calls are attributed by it.
    pub(super) fn written(
        &mut self,
        world: &WorldOfVisits,
        pool: usize,
        row: Lease,
        source: &Arc<Source>,
    ) {
        let row = Lease {
            pool: world.pools[pool].pool.id,
            ..row
        };
        let recent = RecentLease {
            source: Some(Arc::clone(source)),
            ..(&row).into()
        };
        let forget_before = recent.started_at - world.late_call_window;
        self.sources.insert(row.visit, Arc::clone(source));
        let number = row.number;
        let known = self.leases.entry(row.id).or_insert_with(|| row.clone());
        known.expires_at = known.expires_at.max(row.expires_at);
        self.live.remember(number, recent, forget_before);
    }

    /// The lease could not be made durable.
    pub(super) fn failed(&mut self, world: &WorldOfVisits, pool: usize, placed: &Placed) {
        if let Placed::New(held) = placed {
            self.live.take_back(world.pools[pool].pool.id, held);
        }
    }

    /// As if a lease that is durable had not become so.
    pub(super) fn doubts(&mut self, world: &WorldOfVisits, pool: usize, placed: &Placed) {
        if self.fault == Some(VisitFault::TakesBackWhatIsShown) {
            self.failed(world, pool, placed);
        }
    }

    /// A sign of life; when its lease ends now, or `None` when that is no longer the visit's. `durable` says whether the
    /// row can be written.
    pub(super) fn beat(
        &mut self,
        world: &WorldOfVisits,
        visit: VisitId,
        credential: &Credential,
        now: Timestamp,
        durable: bool,
    ) -> Option<Timestamp> {
        let site = world.pools[credential.pool].site;
        self.read(world, site, now);
        let (number, expires_at) = if credential.overflow {
            let row = self.leases.get(&credential.lease)?;
            let live = row.expires_at > now;
            let end = row
                .expires_at
                .max(now + world.pools[credential.pool].pool.hold);
            (credential.number, live.then_some(end)?)
        } else {
            let pool = &world.pools[self.holding(world, site, visit)?].pool;
            let end = now + pool.hold;
            let held = self.live.extend(pool.id, visit, credential.lease, end);
            let held = held.filter(|held| held.expires_at > now)?;
            (held.number, held.expires_at)
        };
        if durable {
            if self.fault != Some(VisitFault::BeatsOnlyInMemory)
                && let Some(row) = self.leases.get_mut(&credential.lease)
            {
                row.expires_at = row.expires_at.max(expires_at);
            }
            self.live
                .remember_extended(number, credential.lease, expires_at);
        }
        Some(expires_at)
    }

    /// The visit does without its number.
    pub(super) fn end(
        &mut self,
        world: &WorldOfVisits,
        visit: VisitId,
        credential: &Credential,
        now: Timestamp,
    ) {
        let site = world.pools[credential.pool].site;
        self.read(world, site, now);
        if let Some(row) = self.leases.get_mut(&credential.lease) {
            // As the store does it.
            row.expires_at = row.expires_at.min(now.max(row.started_at));
        }
        if credential.overflow {
            self.live
                .remember_ended(credential.number, credential.lease, now);
            return;
        }
        let held = self.holding(world, site, visit).and_then(|n| {
            let pool = world.pools[n].pool.id;
            self.live.release(pool, visit, credential.lease, now)
        });
        if let Some(held) = held {
            self.live.remember_ended(held.number, credential.lease, now);
        }
    }

    /// Which visit a call came from, and the leases that it was decided by.
    pub(super) fn call(
        &self,
        world: &WorldOfVisits,
        number: NumberId,
        at: Timestamp,
    ) -> (Attribution, Vec<LeaseId>) {
        let window = world.late_call_window;
        let mut leases = self.live.leases_around(number, at, window);
        if self.fault == Some(VisitFault::AttributesToTheLeaseBefore) && leases.len() > 1 {
            leases.remove(0);
        }
        let known: Vec<_> = leases
            .into_iter()
            .filter_map(|lease| {
                let source = if let Some(source) = &lease.source {
                    Arc::clone(source)
                } else {
                    let source = Arc::clone(self.sources.get(&lease.visit)?);
                    let known = Arc::clone(&source);
                    self.live.remember_source(number, lease.id, known);
                    source
                };
                Some((lease, source))
            })
            .collect();
        let considered = known.iter().map(|(lease, _)| lease.id).collect();
        (attribute(&known, at, window), considered)
    }

    /// The row of a lease that begins.
    pub(super) fn row(
        world: &WorldOfVisits,
        visit: VisitId,
        lease: LeaseId,
        number: NumberId,
        ends: (Timestamp, Timestamp),
        overflow: bool,
    ) -> Lease {
        Lease {
            id: lease,
            account: AccountId::new(crate::world::BEGINS, 1),
            pool: world.pools[0].pool.id,
            number,
            e164: world.numbers[super::world::place_of(number)].e164.clone(),
            visit,
            started_at: ends.0,
            expires_at: ends.1,
            overflow,
        }
    }
}

/// Whether pools may lease a number, as the product asks.
pub(super) const fn is_usable(state: NumberState) -> bool {
    matches!(state, NumberState::Available | NumberState::Assigned)
}
