//! One call as a sans-IO state machine: it rings, joins the first that answers, plays prompts, takes a message, and ends
//! once.
//!
//! What it does is asked for step by step: [`Output::Ask`] says what came of the last step, [`Call::proceed`] says what is
//! [`Next`]. A call of [`Call::new`] has all of it beforehand and asks nothing.
//!
//! Nothing here does I/O or asks for the time. Whoever drives it tells it what happened with
//! [`Call::handle`], then does what [`Call::poll`] says until that answers [`Output::Timeout`] (come back
//! then, or when something happens) or [`Output::Idle`].
//!
//! The events `Arrived` and `Attributed` come before the machine exists and are their recorder's own; every
//! later one comes out of here, in order, and the last is the one `Ended`.
//!
//! # What the caller's side is told when nobody answers
//! | what happened | code | disposition |
//! | --- | --- | --- |
//! | the plan refuses before anybody is rung | the plan's | rejected |
//! | targets were rung, then the plan refuses | the plan's | missed |
//! | a target rang out or was away (408, 480) | 480 | missed |
//! | else a target was busy (486, 600) | 486 | missed |
//! | else a target refused (3xx, other 4xx and 6xx) | 480 | missed |
//! | else (5xx, unreachable, silence) | 503 | missed |
//! | there is nobody to ring | 480 | missed |
//! | the caller gave up | 487 | abandoned |
//! | the server was stopped | 503 | failed |
//! | it broke: no common codec, no free port, an error of ours | what the driver says | failed |

mod call;
mod consenting;
mod ending;
mod next;
mod ringing;
mod saying;
mod state;
mod taking;
mod talking;
mod transferring;
mod types;
mod verdict;
mod waiting;

pub use call::Call;
pub use next::{Manner, Next, Recorded};
pub use transferring::DECIDED_WITHIN;
pub use types::{
    Action, Ear, Input, LegFailure, MessageEnd, Options, Output, Piece, Played, Sound, TransferAsk,
};
