//! The simulation's own books of who was shown what: a small model that shares nothing with the code that it checks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{Confidence, LeaseId, Source, Timestamp, VisitId};
use ringfence_tracking::Attribution;

use super::invariants::VisitInvariant;
use super::pages::{Broken, Entry, Page, Within, expected};

/// Leases of a number that are looked back at.
const LOOKED_BACK: usize = 12;

/// Numbers, visits and who sees what.
#[derive(Debug)]
pub(super) struct Books {
    pages: Vec<Page>,
    /// The number of a visit's last lease.
    by_visit: HashMap<VisitId, usize>,
    /// Holds of the pools, and which site each belongs to.
    holds: Vec<(Duration, usize)>,
    late_call_window: Duration,
    /// The latest that the clock ever showed.
    latest: Timestamp,
}

impl Books {
    pub(super) fn new(
        numbers: usize,
        holds: Vec<(Duration, usize)>,
        late_call_window: Duration,
    ) -> Self {
        Self {
            pages: (0..numbers).map(|_| Page::default()).collect(),
            by_visit: HashMap::new(),
            holds,
            late_call_window,
            latest: Timestamp::default(),
        }
    }

    /// What the clock shows.
    pub(super) fn sees(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
    }

    /// The rest of a number is said to be over at `now`.
    pub(super) fn rested(
        &mut self,
        number: usize,
        pool: Option<usize>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let rests = self.pages[number].rests;
        if rests.is_none_or(|until| now < until) {
            let detail = format!("the rest of number {number} until {rests:?} is over at {now}");
            return Err((VisitInvariant::QuarantineIsKept, detail));
        }
        self.moved(number, pool, None, None);
        Ok(())
    }

    /// The pool of a number, and until when it rests.
    pub(super) fn standing(&self, number: usize) -> (Option<usize>, Option<Timestamp>) {
        (self.pages[number].pool, self.pages[number].rests)
    }

    /// A number belongs to a pool from now on, or to none, and rests until then. Pools of `lagging` readers may lease
    /// it until `until`.
    pub(super) fn moved(
        &mut self,
        number: usize,
        pool: Option<usize>,
        rests: Option<Timestamp>,
        lagging: Option<Duration>,
    ) {
        let page = &mut self.pages[number];
        if let Some(until) = lagging {
            page.stale.extend(page.pool.map(|left| (left, until)));
            page.unsettled = until;
        }
        if page.pool != pool {
            for entry in &mut page.entries {
                entry.moved = true;
            }
        }
        page.pool = pool;
        page.rests = rests;
    }

    /// Every reader has read everything again.
    pub(super) fn everybody_knows(&mut self) {
        for page in &mut self.pages {
            page.everybody_knows();
        }
    }

    /// A restart: what never became durable is gone, and a lease ends when its row says so.
    pub(super) fn restarted(&mut self) {
        for page in &mut self.pages {
            page.everybody_knows();
            page.entries.retain(|entry| entry.shown);
            for entry in &mut page.entries {
                // Rows do not tell who ended a lease.
                (entry.held_until, entry.released, entry.replaced) = (entry.row_ends, false, false);
            }
        }
    }

    /// A visit was given a number that it did not have.
    pub(super) fn given(
        &mut self,
        number: usize,
        (visit, lease, pool): (VisitId, LeaseId, usize),
        now: Timestamp,
        ends: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Broken> {
        let hold = self.holds[pool].0;
        if let Some(kept) = self.live_of(visit, now) {
            let detail = format!("{visit} sees {kept:?}, and is given number {number}");
            return Err((VisitInvariant::AVisitKeepsItsNumber, detail));
        }
        let page = &mut self.pages[number];
        if let Some(other) = page.entries.iter().find(|entry| entry.is_promised(now)) {
            let detail =
                format!("{visit} is given number {number} at {now}, which is leased: {other:?}");
            return Err((VisitInvariant::NoNumberWithTwoLiveLeases, detail));
        }
        if !page.may_come_from(pool, elapsed) {
            let (invariant, found) = match page.rests {
                Some(until) => (
                    VisitInvariant::QuarantineIsKept,
                    format!("rests until {until}"),
                ),
                None => (
                    VisitInvariant::NumbersComeFromTheirPool,
                    format!("is in {:?}", page.pool),
                ),
            };
            return Err((
                invariant,
                format!("number {number} is given out of pool {pool} at {now}, and {found}"),
            ));
        }
        if ends > now + hold {
            let detail = format!("a lease of pool {pool} from {now} ends {ends}");
            return Err((VisitInvariant::LeasesEndAsTheyShould, detail));
        }
        // One that is to end earlier is written down as it should be: who is given the number meanwhile is the finding.
        page.entries
            .push_back(Entry::begun((visit, lease, pool), now, now + hold));
        if page.entries.len() > LOOKED_BACK {
            page.entries.pop_front();
        }
        self.by_visit.insert(visit, number);
        Ok(())
    }

    /// A visit was given the number that it had.
    pub(super) fn kept(
        &mut self,
        number: usize,
        (visit, lease): (VisitId, LeaseId),
        now: Timestamp,
        ends: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Broken> {
        if let Some(live) = self.live_of(visit, now)
            && live.lease != lease
        {
            let detail = format!("{visit} sees {live:?}, and is given lease {lease} of {number}");
            return Err((VisitInvariant::AVisitKeepsItsNumber, detail));
        }
        self.extended(number, (visit, lease), now, ends, elapsed)
    }

    /// A visit's lease goes on until `ends`.
    pub(super) fn extended(
        &mut self,
        number: usize,
        (visit, lease): (VisitId, LeaseId),
        now: Timestamp,
        ends: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Broken> {
        let page = &mut self.pages[number];
        let (pool, settled) = (page.pool, elapsed > page.unsettled);
        let last = page.entries.back_mut();
        let Some(entry) =
            last.filter(|known| known.lease == lease && known.visit == visit && !known.released)
        else {
            let detail = format!(
                "{visit} keeps number {number} by {lease}; the leases of it are {:?}",
                page.entries
            );
            return Err((VisitInvariant::NobodyKeepsWhatWasAnothers, detail));
        };
        let site = self.holds[entry.pool].1;
        let by_hold = |(hold, _): &(Duration, usize)| ends == entry.held_until.max(now + *hold);
        let of_site = self.holds.iter().filter(|(_, of)| *of == site);
        let as_it_was = ends <= entry.held_until;
        let as_it_should = match pool {
            Some(pool) if pool == entry.pool && settled => by_hold(&self.holds[pool]),
            Some(other) if self.holds[other].1 == site => as_it_was || of_site.clone().any(by_hold),
            _ if settled => as_it_was,
            _ => as_it_was || of_site.clone().any(by_hold),
        };
        if !as_it_should {
            let invariant = match page.rests {
                Some(_) => VisitInvariant::QuarantineIsKept,
                None => VisitInvariant::LeasesEndAsTheyShould,
            };
            let detail = format!(
                "at {now} number {number} in pool {pool:?} goes on until {ends}, after {entry:?}"
            );
            return Err((invariant, detail));
        }
        entry.touched = true;
        entry.held_until = entry.held_until.max(ends);
        Ok(())
    }

    /// The end of a lease is durable.
    pub(super) fn durable(&mut self, number: usize, lease: LeaseId, ends: Timestamp) {
        if let Some(entry) = self.entry(number, lease) {
            entry.shown = true;
            entry.row_ends = entry.row_ends.max(ends);
        }
    }

    /// A new lease did not become durable; it stands only when another page of the visit went on with it.
    pub(super) fn undone(&mut self, number: usize, lease: LeaseId) {
        let page = &mut self.pages[number];
        let pool = page.pool;
        page.entries
            .retain(|entry| entry.lease != lease || entry.touched || Some(entry.pool) != pool);
        if let Some(entry) = page.entries.iter_mut().find(|entry| entry.lease == lease) {
            entry.undone = true;
        }
        // Who had it before had lost it to this one.
        if let Some(before) = page.entries.back_mut() {
            before.replaced |= before.lease != lease;
        }
    }

    /// A visit was refused another while of its lease.
    pub(super) fn refused(
        &self,
        visit: VisitId,
        lease: LeaseId,
        now: Timestamp,
    ) -> Result<(), Broken> {
        match self.live_of(visit, now) {
            Some(live) if live.lease == lease && live.row_ends > now => {
                let detail = format!("{visit} is refused at {now}, and holds {live:?}");
                Err((VisitInvariant::AVisitKeepsItsNumber, detail))
            }
            _ => Ok(()),
        }
    }

    /// A visit gave its number back.
    pub(super) fn released(&mut self, number: usize, lease: LeaseId, now: Timestamp) {
        if let Some(entry) = self.entry(number, lease) {
            // A clock that was set back is behind its beginning: it ends there.
            let ended = now.max(entry.started);
            entry.row_ends = entry.row_ends.min(ended);
            entry.held_until = entry.held_until.min(ended);
            (entry.touched, entry.released) = (true, true);
        }
    }

    /// A visit got no number of its own at `now`.
    pub(super) fn exhausted<'m>(
        &self,
        visit: VisitId,
        members: impl Iterator<Item = &'m usize>,
        now: Timestamp,
        elapsed: Duration,
    ) -> Result<(), Broken> {
        if let Some(live) = self.live_of(visit, now) {
            let detail = format!("{visit} gets no number of its own at {now}, and holds {live:?}");
            return Err((VisitInvariant::AVisitKeepsItsNumber, detail));
        }
        for &number in members {
            let page = &self.pages[number];
            // A clock that was set back is behind the beginnings of leases, and they were given back before that. Of a
            // lease that is given back after its number was moved, the new pool does not hear.
            let busy = |entry: &Entry| entry.held_until > now || entry.started > now || entry.moved;
            if elapsed > page.unsettled && !page.entries.iter().any(busy) {
                let detail = format!(
                    "number {number} is free at {now}: {:?}",
                    page.entries.back()
                );
                return Err((VisitInvariant::OverflowOnlyWhenAllAreLeased, detail));
            }
        }
        Ok(())
    }

    /// What a call to a number should come to, and whether it does.
    pub(super) fn called(
        &self,
        number: usize,
        at: Timestamp,
        attribution: &Attribution,
        source_of: impl Fn(VisitId) -> Option<Arc<Source>>,
    ) -> Result<Within, Broken> {
        let shown = self.pages[number]
            .entries
            .iter()
            .rev()
            .filter(|entry| entry.shown);
        let Some(last) = shown.clone().next() else {
            let none = attribution.visit.is_none();
            return expected(none, Within::Nobody, || {
                format!("number {number} was shown to nobody, got {attribution:?}")
            });
        };
        if shown.clone().any(|entry| entry.started > at) {
            // The clock is, or was, behind the beginning of a lease: by the clock, the number was another's or nobody's.
            let known = attribution
                .visit
                .is_none_or(|visit| shown.clone().any(|entry| entry.visit == visit));
            return expected(known, Within::Unsure, || {
                format!("number {number} was never shown to {:?}", attribution.visit)
            });
        }
        let (within, confidence) = if at < last.row_ends {
            (Within::Lease, Confidence::Certain)
        } else if at.since(last.row_ends) <= self.late_call_window {
            (Within::Late, Confidence::Likely)
        } else {
            (Within::Nobody, Confidence::Unknown)
        };
        let (visit, source) = match within {
            Within::Nobody => (None, None),
            _ => (Some(last.visit), source_of(last.visit)),
        };
        let right = attribution.visit == visit
            && attribution.confidence == confidence
            && attribution.source.as_ref() == source.as_deref();
        expected(right, within, || {
            format!(
                "a call at {at} to number {number} with {last:?} of {source:?}, got {attribution:?}"
            )
        })
    }

    fn entry(&mut self, number: usize, lease: LeaseId) -> Option<&mut Entry> {
        self.pages[number]
            .entries
            .iter_mut()
            .rev()
            .find(|entry| entry.lease == lease)
    }

    /// The lease that a visit holds at `now`, whoever was told of it.
    fn live_of(&self, visit: VisitId, now: Timestamp) -> Option<&Entry> {
        let last = self.pages[*self.by_visit.get(&visit)?].entries.back()?;
        // Once a lease was over, its number may have gone for good, whatever the clock shows after that.
        let lapsed = (last.moved || last.replaced) && last.held_until <= self.latest;
        let live = last.held_until > now && !last.released && !lapsed;
        (last.visit == visit && live).then_some(last)
    }
}
