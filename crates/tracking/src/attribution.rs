//! Attribution: the dialled number's leases around the time of the call -> a visit, a source, and how sure that is.

use std::sync::Arc;

use ringfence_model::{Confidence, Duration, Source, Timestamp, VisitId};

use crate::RecentLease;

/// Runners-up that are named.
const RUNNERS_UP_MAX: usize = 10;

/// Which visit a call came from, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The visit, or the best of several.
    pub visit: Option<VisitId>,
    /// Its source.
    pub source: Option<Source>,
    /// How sure.
    pub confidence: Confidence,
    /// Why, in words that are shown.
    pub reason: String,
    /// The other visits that may have seen the number, the likeliest first, at most ten.
    pub runners_up: Vec<RunnerUp>,
}

/// A visit that may have been the one.
#[derive(Debug, Clone, PartialEq)]
pub struct RunnerUp {
    /// The visit.
    pub visit: VisitId,
    /// Its source.
    pub source: Source,
    /// Its share of the call, 0.0 to 1.0; with the best's, the shares of all visits sum to 1.
    pub share: f64,
}

/// Attributes a call that came in `at` to one of the visits that were shown the dialled number.
/// `candidates` are the number's leases that were live `at` or ended at most `late_call_window`
/// before, in any order; others are passed over. A lease that ended that shortly before still
/// explains a call, for numbers are written down.
pub fn attribute(
    candidates: &[(RecentLease, Arc<Source>)],
    at: Timestamp,
    late_call_window: Duration,
) -> Attribution {
    let began = |lease: &RecentLease| lease.started_at <= at;
    let live = latest_first(candidates, |lease| began(lease) && at < lease.expires_at);
    let late = latest_first(candidates, |lease| {
        began(lease) && lease.expires_at <= at && at.since(lease.expires_at) <= late_call_window
    });
    if live.is_empty() {
        return if late.iter().any(|(lease, _)| lease.overflow) {
            shared(&late)
        } else {
            likely(&late, at)
        };
    }
    match live.as_slice() {
        [(lease, source)] if !lease.overflow => Attribution {
            visit: Some(lease.visit),
            source: Some(Source::clone(source)),
            confidence: Confidence::Certain,
            reason: format!(
                "one visit held the number when it was dialled: it was shown {}",
                ago(at.since(lease.started_at))
            ),
            runners_up: evenly(&late, 0.0),
        },
        _ => shared(&live),
    }
}

type Candidate<'a> = &'a (RecentLease, Arc<Source>);

fn latest_first(
    candidates: &[(RecentLease, Arc<Source>)],
    counts: impl Fn(&RecentLease) -> bool,
) -> Vec<Candidate<'_>> {
    let mut chosen: Vec<Candidate<'_>> = candidates
        .iter()
        .filter(|(lease, _)| counts(lease))
        .collect();
    chosen.sort_by_key(|(lease, _)| std::cmp::Reverse((lease.expires_at, lease.id)));
    // A visit that held the number twice is one candidate.
    let mut seen = std::collections::HashSet::new();
    chosen.retain(|(lease, _)| seen.insert(lease.visit));
    chosen
}

fn likely(late: &[Candidate<'_>], at: Timestamp) -> Attribution {
    let Some(((lease, source), others)) = late.split_first() else {
        return Attribution {
            visit: None,
            source: None,
            confidence: Confidence::Unknown,
            reason: "no visit is known to have been shown the number".into(),
            runners_up: Vec::new(),
        };
    };
    Attribution {
        visit: Some(lease.visit),
        source: Some(Source::clone(source)),
        confidence: Confidence::Likely,
        reason: format!(
            "nobody held the number when it was dialled; the last visit that did lost it {}",
            ago(at.since(lease.expires_at))
        ),
        runners_up: evenly(others, 0.0),
    }
}

/// Every candidate has the same share; the source that most of them came from is the best, and its latest visit with it.
fn shared(candidates: &[Candidate<'_>]) -> Attribution {
    let from = |source: &Source| {
        candidates
            .iter()
            .filter(|(_, other)| other.as_ref() == source)
            .count()
    };
    let mut best: Option<(usize, Candidate<'_>)> = None;
    for &candidate in candidates {
        let count = from(&candidate.1);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, candidate));
        }
    }
    let Some((count, (lease, source))) = best else {
        return likely(&[], Timestamp::default());
    };
    let others: Vec<Candidate<'_>> = candidates
        .iter()
        .copied()
        .filter(|(other, _)| other.visit != lease.visit)
        .collect();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a number has far fewer than 2^52 leases"
    )]
    let share = 1.0 / candidates.len() as f64;
    Attribution {
        visit: Some(lease.visit),
        source: Some(Source::clone(source)),
        confidence: Confidence::Shared,
        reason: format!(
            "{} may have seen the number, {count} of them from {}",
            if candidates.len() == 1 {
                "1 visit".to_string()
            } else {
                format!("{} visits", candidates.len())
            },
            source.name
        ),
        runners_up: evenly(&others, share),
    }
}

fn evenly(candidates: &[Candidate<'_>], share: f64) -> Vec<RunnerUp> {
    candidates
        .iter()
        .take(RUNNERS_UP_MAX)
        .map(|(lease, source)| RunnerUp {
            visit: lease.visit,
            source: Source::clone(source),
            share,
        })
        .collect()
}

fn ago(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s before"),
        seconds @ 120..=7199 => format!("{} min before", seconds / 60),
        seconds => format!("{} h before", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{LeaseId, SourceKind};

    const LATE: Duration = Duration::from_mins(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn held(
        n: u128,
        source: &str,
        from: i64,
        until: i64,
        overflow: bool,
    ) -> (RecentLease, Arc<Source>) {
        let source = Source {
            kind: SourceKind::Referral,
            name: source.into(),
            campaign: None,
            keyword: None,
        };
        let lease = RecentLease {
            id: LeaseId::new(at(from), n),
            visit: VisitId::new(at(0), n),
            started_at: at(from),
            expires_at: at(until),
            overflow,
            source: None,
        };
        (lease, source.into())
    }

    fn id(n: u128) -> VisitId {
        VisitId::new(at(0), n)
    }

    #[test]
    fn the_one_visit_that_held_the_number_is_certain() {
        let candidates = [held(1, "a", 0, 100, false), held(2, "b", 100, 200, false)];
        let attribution = attribute(&candidates, at(150), LATE);
        assert_eq!(attribution.visit, Some(id(2)));
        assert_eq!(attribution.confidence, Confidence::Certain);
        assert_eq!(attribution.runners_up[0].visit, id(1));
        let before = attribute(&candidates, at(99), LATE);
        assert_eq!(
            (before.visit, before.confidence),
            (Some(id(1)), Confidence::Certain)
        );
        assert!(
            before.runners_up.is_empty(),
            "what had not begun is no candidate"
        );
    }

    #[test]
    fn a_lease_that_ended_shortly_before_is_likely() {
        let candidates = [held(1, "a", 0, 100, false), held(2, "b", 100, 200, false)];
        let attribution = attribute(&candidates, at(800), LATE);
        assert_eq!(attribution.visit, Some(id(2)));
        assert_eq!(attribution.confidence, Confidence::Likely);
        assert!(
            attribution.reason.contains("10 min"),
            "{}",
            attribution.reason
        );
        assert!(
            attribution.runners_up.is_empty(),
            "the first ended too long ago"
        );
    }

    #[test]
    fn an_overflow_number_is_shared_and_the_commonest_source_is_the_best() {
        let candidates = [
            held(1, "a", 0, 300, true),
            held(2, "b", 10, 310, true),
            held(3, "a", 20, 320, true),
            held(4, "c", 30, 330, true),
        ];
        let attribution = attribute(&candidates, at(100), LATE);
        assert_eq!(attribution.confidence, Confidence::Shared);
        assert_eq!(attribution.source.unwrap().name, "a");
        assert_eq!(attribution.visit, Some(id(3)));
        assert_eq!(attribution.runners_up.len(), 3);
        assert!(
            attribution
                .runners_up
                .iter()
                .all(|r| (r.share - 0.25).abs() < 1e-9)
        );
    }

    #[test]
    fn a_lone_overflow_lease_is_still_shared() {
        let attribution = attribute(&[held(1, "a", 0, 300, true)], at(100), LATE);
        assert_eq!(attribution.confidence, Confidence::Shared);
        assert_eq!(attribution.visit, Some(id(1)));
    }

    #[test]
    fn a_live_lease_explains_more_than_an_ended_overflow() {
        let candidates = [held(1, "a", 0, 90, true), held(2, "b", 95, 300, false)];
        assert_eq!(
            attribute(&candidates, at(100), LATE).confidence,
            Confidence::Certain
        );
    }

    #[test]
    fn two_live_leases_of_one_number_are_shared_not_guessed() {
        let candidates = [held(1, "a", 0, 300, false), held(2, "b", 50, 350, false)];
        assert_eq!(
            attribute(&candidates, at(100), LATE).confidence,
            Confidence::Shared
        );
    }

    #[test]
    fn one_visit_with_two_leases_is_one_candidate() {
        let candidates = [held(1, "a", 0, 300, false), held(1, "a", 50, 350, false)];
        assert_eq!(
            attribute(&candidates, at(100), LATE).confidence,
            Confidence::Certain
        );
    }

    #[test]
    fn nobody_is_unknown() {
        for candidates in [vec![], vec![held(1, "a", 0, 100, false)]] {
            let attribution = attribute(&candidates, at(5000), LATE);
            assert_eq!(attribution.confidence, Confidence::Unknown);
            assert_eq!((attribution.visit, attribution.source), (None, None));
        }
    }
}
