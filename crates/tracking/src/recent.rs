//! The last leases of a number: what a call to it is attributed by.

use std::collections::VecDeque;
use std::sync::Arc;

use ringfence_model::{Duration, Lease, LeaseId, Source, Timestamp, VisitId};

/// Leases of one number that are remembered, and weighed for one call. An overflow number has many at a time; the
/// newest tell enough about the sources that its callers come from.
pub const RECENT_MAX: usize = 50;

/// What attribution needs of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentLease {
    /// The lease.
    pub id: LeaseId,
    /// The visit that was shown the number.
    pub visit: VisitId,
    /// When it was.
    pub started_at: Timestamp,
    /// When the lease ends, or ended.
    pub expires_at: Timestamp,
    /// The number was the pool's overflow number, which many visits are shown at once.
    pub overflow: bool,
    /// Where the visit came from; not known of leases that were read back at a start.
    pub source: Option<Arc<Source>>,
}

impl From<&Lease> for RecentLease {
    fn from(lease: &Lease) -> Self {
        Self {
            id: lease.id,
            visit: lease.visit,
            started_at: lease.started_at,
            expires_at: lease.expires_at,
            overflow: lease.overflow,
            source: None,
        }
    }
}

/// The last leases of one number, at most [`RECENT_MAX`], the newest last.
#[derive(Debug, Clone, Default)]
pub struct RecentLeases(VecDeque<RecentLease>);

impl RecentLeases {
    /// Remembers a lease; one that is known is moved on. Those that ended before `forget_before` are forgotten.
    pub fn remember(&mut self, lease: RecentLease, forget_before: Timestamp) {
        if let Some(known) = self.known(lease.id) {
            known.expires_at = known.expires_at.max(lease.expires_at);
            return;
        }
        self.0.retain(|known| known.expires_at >= forget_before);
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(lease);
    }

    /// Moves the end of a lease on, never back, as its row does: beats may overtake each other. One that is not known
    /// stays so.
    pub fn extend(&mut self, id: LeaseId, expires_at: Timestamp) {
        if let Some(known) = self.known(id) {
            known.expires_at = known.expires_at.max(expires_at);
        }
    }

    /// Ends a lease before its time, though not before its beginning, as its row does; one that has ended earlier, or is
    /// not known, stays so.
    pub fn end(&mut self, id: LeaseId, at: Timestamp) {
        if let Some(known) = self.known(id) {
            known.expires_at = known.expires_at.min(at.max(known.started_at));
        }
    }

    /// Remembers where the visit of a lease came from.
    pub fn know_source(&mut self, id: LeaseId, source: Arc<Source>) {
        if let Some(known) = self.known(id) {
            known.source = Some(source);
        }
    }

    fn known(&mut self, id: LeaseId) -> Option<&mut RecentLease> {
        self.0.iter_mut().rev().find(|known| known.id == id)
    }

    /// Leases that began at or before `at` and had not ended `late_call_window` before it, the newest first.
    pub fn around(
        &self,
        at: Timestamp,
        late_call_window: Duration,
    ) -> impl Iterator<Item = RecentLease> {
        self.0
            .iter()
            .rev()
            .filter(move |lease| {
                lease.started_at <= at && lease.expires_at + late_call_window >= at
            })
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn lease(n: u128, from: i64, until: i64) -> RecentLease {
        RecentLease {
            id: LeaseId::new(at(0), n),
            visit: VisitId::new(at(0), n),
            started_at: at(from),
            expires_at: at(until),
            overflow: false,
            source: None,
        }
    }

    fn around(leases: &RecentLeases, seconds: i64) -> Vec<LeaseId> {
        let found = leases.around(at(seconds), Duration::from_secs(10));
        found.map(|lease| lease.id).collect()
    }

    #[test]
    fn those_around_a_call_are_found_newest_first() {
        let mut leases = RecentLeases::default();
        let (first, second, third) = (lease(1, 0, 100), lease(2, 100, 200), lease(3, 200, 300));
        for known in [&first, &second, &third] {
            leases.remember(known.clone(), at(-100));
        }
        assert_eq!(around(&leases, 205), [third.id, second.id]);
        assert_eq!(around(&leases, 110), [second.id, first.id]);
        assert_eq!(around(&leases, 311), []);
        assert_eq!(around(&leases, 310), [third.id]);
    }

    #[test]
    fn a_lease_that_is_moved_on_or_ended_early_is_known_by_its_new_end() {
        let mut leases = RecentLeases::default();
        let id = lease(1, 0, 0).id;
        leases.remember(lease(1, 0, 100), at(0));
        leases.extend(id, at(500));
        assert_eq!(around(&leases, 505), [id]);
        leases.remember(lease(1, 0, 700), at(0));
        assert_eq!(around(&leases, 705).len(), 1, "the same one, not another");
        leases.extend(lease(9, 0, 0).id, at(900));
        assert_eq!(around(&leases, 905), [], "another's end is not its own");
        leases.end(id, at(300));
        assert_eq!(around(&leases, 705), []);
        assert_eq!(around(&leases, 305), [id]);
    }

    #[test]
    fn a_clock_that_is_set_back_ends_no_lease_before_its_beginning() {
        let mut leases = RecentLeases::default();
        let id = lease(1, 0, 0).id;
        leases.remember(lease(1, 200, 300), at(0));
        leases.end(id, at(50));
        assert_eq!(around(&leases, 205), [id], "a late call");
        assert_eq!(around(&leases, 211), []);
    }

    #[test]
    fn a_beat_that_is_overtaken_takes_nothing_back_and_a_late_end_adds_nothing() {
        let mut leases = RecentLeases::default();
        let id = lease(1, 0, 0).id;
        leases.remember(lease(1, 0, 100), at(0));
        leases.extend(id, at(500));
        leases.extend(id, at(400));
        leases.remember(lease(1, 0, 300), at(0));
        assert_eq!(around(&leases, 505), [id]);
        leases.end(id, at(900));
        assert_eq!(around(&leases, 600), []);
    }

    #[test]
    fn what_ended_too_long_ago_and_what_is_too_much_is_forgotten() {
        let mut leases = RecentLeases::default();
        leases.remember(lease(1, 0, 100), at(0));
        leases.remember(lease(2, 300, 400), at(200));
        assert_eq!(around(&leases, 100), []);
        for n in 3..100 {
            leases.remember(lease(n, 300, 400), at(200));
        }
        assert_eq!(around(&leases, 350).len(), RECENT_MAX);
        assert_eq!(around(&leases, 350)[0], lease(99, 0, 0).id);
    }
}
