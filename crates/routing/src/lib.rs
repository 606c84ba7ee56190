//! Call plans: from a document and a call's facts to what happens next, with the reasons.
//!
//! - [`validate`] tells every mistake of a document at once.
//! - [`Walk`] leads one call through its plan, a step at a time: [`Walk::next`] gives a [`Decision`], its
//!   [`Instruction`] is carried out elsewhere, [`Walk::outcome`] says what came of it.
//! - [`balance`] puts the targets of a group in order, and says why each one stands where it does or is left out.
//! - [`Breaker`] keeps calls from a target that fails.
//! - [`DialledMinutes`] counts what calls to telephone numbers take.
//!
//! Pure: no I/O, no clock, no chance of its own. What is known of targets at this moment comes in as [`Loads`], and
//! every decision carries its reasons in words that are shown. A snapshot is old when it is read: whoever rings a target
//! reserves it first, by compare-and-set, and passes over a [`Choice`] that is full by now.

mod balance;
mod breaker;
mod chance;
mod conditions;
mod decision;
mod dialling;
mod facts;
mod graph;
mod hours;
mod language;
mod minutes;
mod order;
mod periods;
mod problem;
mod route;
mod skip;
mod transfer;
mod trial;
mod validate;
mod walk;

pub use balance::{Balanced, Choice, Passed, balance};
pub use breaker::{Admission, Breaker};
pub use chance::Chance;
pub use decision::{Decision, Instruction, PathEntry, RingMode, RingOptions, StepOutcome};
pub use dialling::{Forbidden, may_dial};
pub use facts::{CallFacts, GroupLoad, Loads, TargetLoad, View};
pub use hours::{HoursProblem, HoursStatus, hours_problems, hours_status};
pub use language::{is_range, speaks};
pub use minutes::{DialledMinutes, OverLimit, SPAN, counted_after, within_limit};
pub use periods::{Period, Periods, periods};
pub use problem::{PlanError, PlanProblem, PlanWarning};
pub use route::{Candidate, Destinations, MAX_CANDIDATES, Refusal, Route};
pub use skip::{Skip, admitted, full};
pub use transfer::{
    NoTransfer, PutThrough, Talk, TransferRules, Wanted, colleague, join, may_ring, put_through,
    put_through_to,
};
pub use trial::{Stage, trial};
pub use validate::{MAX_STEPS_OF_A_PLAN, validate};
pub use walk::{MAX_STEPS_OF_A_CALL, Walk};
