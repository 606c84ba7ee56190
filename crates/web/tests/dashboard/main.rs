//! The dashboard as a browser sees it: a real server over a real database of each engine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod agents;
mod audit;
mod browser;
mod calls;
mod carriers;
mod cases;
mod conversions;
mod erase;
mod first_steps;
mod forms;
mod groups;
mod mails;
mod numbers;
mod pages;
mod people;
mod plan_edit;
mod plans;
mod pools;
mod programs;
mod reports;
mod second_factor;
mod signing_in;
mod targets;
mod transfers;
mod trunks;
mod walk;
#[path = "../world/mod.rs"]
mod world;
mod worth;

use ringfence_model::{CallId, Confidence};
use ringfence_platform::board::{BoardCall, BoardState};
use ringfence_platform::{now, random};

/// A call of this account that has just come in.
fn board_call(account: ringfence_model::AccountId) -> BoardCall {
    BoardCall {
        id: CallId::new(now(), random()),
        account,
        caller: Some("+441632960001".parse().unwrap()),
        dialled: "+442079460001".parse().unwrap(),
        started_at: now(),
        source: None,
        confidence: Confidence::Unknown,
        state: BoardState::Arriving,
    }
}
