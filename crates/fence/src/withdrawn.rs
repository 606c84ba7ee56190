//! Visits whose number was taken back: they are given none, and calls that only they explain are not put through.
//!
//! Who opens a page and makes its tag say what it likes can take the number from his own visit. He must not be able to
//! silence a site: calls are stopped for a few visits of a site at a time, and the look that such a word leads to decides
//! the rest. Memory is bounded.

use std::collections::HashMap;

use ringfence_model::{SiteId, Timestamp, VisitId};

/// Visits of one site for which calls are stopped at one time.
pub const STOPPED_MAX: usize = 5;
/// Visits that are remembered; of further ones the ones that end first are forgotten.
const VISITS_MAX: usize = 10_000;

/// Visits whose number was taken back, until it cannot be theirs any more.
#[derive(Debug, Default)]
pub struct WithdrawnVisits(HashMap<VisitId, Withdrawn>);

#[derive(Debug, Clone, Copy)]
struct Withdrawn {
    site: SiteId,
    until: Timestamp,
    stops_calls: bool,
}

impl WithdrawnVisits {
    /// A visit's number is taken back; `until` it may still be called for its sake. Whether it was not before.
    pub fn withdraw(
        &mut self,
        site: SiteId,
        visit: VisitId,
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        if self.is_withdrawn(visit, now) {
            return false;
        }
        if self.0.len() >= VISITS_MAX {
            self.0.retain(|_, known| known.until > now);
            let first = self.0.iter().min_by_key(|(_, known)| known.until);
            if let Some(visit) = first.map(|(visit, _)| *visit)
                && self.0.len() >= VISITS_MAX
            {
                self.0.remove(&visit);
            }
        }
        let stopped = self
            .0
            .values()
            .filter(|known| known.site == site && known.stops_calls && known.until > now)
            .count();
        let withdrawn = Withdrawn {
            site,
            until,
            stops_calls: stopped < STOPPED_MAX,
        };
        self.0.insert(visit, withdrawn);
        true
    }

    /// Whether the visit is given no number.
    pub fn is_withdrawn(&self, visit: VisitId, now: Timestamp) -> bool {
        self.0.get(&visit).is_some_and(|known| known.until > now)
    }

    /// Whether a call is stopped that this visit explains, with these for runners-up: all of them have to be without their
    /// number, for nobody may silence what another visit was shown.
    pub fn stop_call(
        &self,
        visit: VisitId,
        runners_up: impl IntoIterator<Item = VisitId>,
        now: Timestamp,
    ) -> bool {
        let stops = |known: &Withdrawn| known.until > now && known.stops_calls;
        self.0.get(&visit).is_some_and(stops)
            && runners_up
                .into_iter()
                .all(|other| self.is_withdrawn(other, now))
    }

    /// An operator called it a false alarm: the site's visits are given numbers again.
    pub fn forgive(&mut self, site: SiteId) {
        self.0.retain(|_, known| known.site != site);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Duration;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000) + Duration::from_secs(seconds)
    }

    fn visit(nth: u128) -> VisitId {
        VisitId::new(at(0), nth)
    }

    fn site(nth: u128) -> SiteId {
        SiteId::new(at(0), nth)
    }

    #[test]
    fn a_visit_is_without_its_number_until_its_time_is_over() {
        let mut withdrawn = WithdrawnVisits::default();
        assert!(withdrawn.withdraw(site(1), visit(1), at(60), at(0)));
        assert!(
            !withdrawn.withdraw(site(1), visit(1), at(90), at(1)),
            "known"
        );
        assert!(withdrawn.is_withdrawn(visit(1), at(59)));
        assert!(withdrawn.stop_call(visit(1), [], at(59)));
        assert!(!withdrawn.is_withdrawn(visit(1), at(60)));
        assert!(!withdrawn.stop_call(visit(1), [], at(60)));
        assert!(!withdrawn.is_withdrawn(visit(2), at(0)), "nobody else is");
    }

    #[test]
    fn whoever_forges_words_silences_a_few_numbers_of_a_site_and_no_more() {
        let mut withdrawn = WithdrawnVisits::default();
        let stopped = |withdrawn: &WithdrawnVisits, now| {
            let all = 0..1000;
            all.filter(|&nth| withdrawn.stop_call(visit(nth), [], now))
                .count()
        };
        for nth in 0..100 {
            withdrawn.withdraw(site(1), visit(nth), at(60), at(0));
        }
        assert_eq!(stopped(&withdrawn, at(0)), STOPPED_MAX);
        assert!(
            withdrawn.is_withdrawn(visit(99), at(0)),
            "its own number is gone"
        );
        withdrawn.withdraw(site(2), visit(500), at(60), at(0));
        assert!(withdrawn.stop_call(visit(500), [], at(0)), "another site");
        for nth in 200..300 {
            withdrawn.withdraw(site(1), visit(nth), at(120), at(60));
        }
        assert_eq!(stopped(&withdrawn, at(60)), STOPPED_MAX, "others by then");
        withdrawn.forgive(site(1));
        assert_eq!(stopped(&withdrawn, at(60)), 0);
    }

    #[test]
    fn a_number_that_another_visit_was_shown_rings_on() {
        let mut withdrawn = WithdrawnVisits::default();
        withdrawn.withdraw(site(1), visit(1), at(60), at(0));
        assert!(!withdrawn.stop_call(visit(1), [visit(2)], at(0)));
        assert!(!withdrawn.stop_call(visit(2), [visit(1)], at(0)));
        withdrawn.withdraw(site(1), visit(2), at(60), at(0));
        assert!(withdrawn.stop_call(visit(1), [visit(2)], at(0)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut withdrawn = WithdrawnVisits::default();
        for nth in 0..u128::try_from(VISITS_MAX + 5).unwrap() {
            let until = at(1000 + u64::try_from(nth).unwrap());
            withdrawn.withdraw(site(nth), visit(nth), until, at(0));
        }
        assert_eq!(withdrawn.0.len(), VISITS_MAX);
        assert!(!withdrawn.is_withdrawn(visit(0), at(0)));
        assert!(withdrawn.is_withdrawn(visit(5), at(0)));
    }
}
