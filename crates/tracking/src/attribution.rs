//! Attribution: the dialled number's leases around the time of the call -> a visit, a source, and how sure that is.

use ringfence_model::{Confidence, Duration, Lease, Source, Timestamp, Visit, VisitId};

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
    candidates: &[(Lease, Visit)],
    at: Timestamp,
    late_call_window: Duration,
) -> Attribution {
    let _ = (candidates, at, late_call_window);
    todo!()
}
