//! A plan tried without a call: where a call would go when nobody answers, with the reason for each turn.

use std::sync::Arc;

use ringfence_model::{PlanDocument, Timestamp};

use crate::chance::Chance;
use crate::decision::{Decision, Instruction, StepOutcome};
use crate::facts::View;
use crate::walk::Walk;

/// One decision of a trial, and what it goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The steps that led there, and what would be done.
    pub decision: Decision,
    /// What the trial takes to have come of it; `None` at the end.
    pub outcome: Option<StepOutcome>,
}

/// Leads a call through a plan: prompts are played to their end, nobody answers, a caller in a queue waits as long as it
/// lets them, and at menus the keys of `presses` are pressed, then none.
pub fn trial(
    plan: PlanDocument,
    view: &View<'_>,
    now: Timestamp,
    chance: &mut Chance<'_>,
    presses: &str,
) -> Vec<Stage> {
    let mut walk = Walk::begin(Arc::new(plan));
    let mut presses = presses.chars();
    let mut stages = Vec::new();
    loop {
        let decision = walk.next(view, now, chance);
        let outcome = match &decision.instruction {
            // A message is the last thing of its call.
            Instruction::Reject { .. }
            | Instruction::HangUp { .. }
            | Instruction::Voicemail { .. } => None,
            Instruction::Ring { .. } | Instruction::Forward { .. } => {
                Some(StepOutcome::NotAnswered {
                    reason: "nobody does in a trial".into(),
                })
            }
            Instruction::Menu { .. } => {
                Some(presses.next().map_or(StepOutcome::NoKey, StepOutcome::Key))
            }
            Instruction::Say { .. } => Some(StepOutcome::Done),
            Instruction::Queue { .. } => Some(StepOutcome::WaitedTooLong),
        };
        let next = outcome.clone();
        stages.push(Stage { decision, outcome });
        match next {
            Some(outcome) => walk.outcome(outcome),
            None => return stages,
        }
    }
}
