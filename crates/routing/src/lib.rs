//! From a call plan to the candidates that a call tries, in order.
//!
//! Pure: no I/O, no clock, no chance. Leg ids are drawn by whoever calls [`route`].

mod plan;
mod route;

pub use plan::{PlanError, PlanProblem, validate};
pub use route::{Candidate, Destinations, MAX_CANDIDATES, Refusal, Route, route};
