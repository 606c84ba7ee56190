//! What can be wrong with a plan document, in words that are shown.

use std::fmt;

use ringfence_model::{TargetGroupId, TrunkId};

use crate::hours::HoursProblem;
use crate::validate::MAX_STEPS_OF_A_PLAN;
use crate::walk::MAX_STEPS_OF_A_CALL;

/// One mistake in a plan document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanProblem {
    /// The document has no steps at all.
    #[error("the plan has no steps; add one and name it in `start`")]
    NoSteps,
    /// More steps than anybody can read.
    #[error("expected at most {MAX_STEPS_OF_A_PLAN} steps, got {0}; make it several plans")]
    TooManySteps(usize),
    /// A name that nobody can write.
    #[error("step {0:?}: expected a name of 1 to 64 characters that can be seen")]
    BadName(String),
    /// `start` names a step that is not there.
    #[error("`start` names the step {0:?}, which the plan does not have; choose one of its steps")]
    UnknownStart(String),
    /// A step leads to one that is not there.
    #[error(
        "step {step:?}: {place} names the step {named:?}, which the plan does not have; choose one of its steps"
    )]
    UnknownStep {
        /// The step that has the mistake.
        step: String,
        /// Where in it: `otherwise`, `case 2`, `key "1"`.
        place: String,
        /// What it names.
        named: String,
    },
    /// A group that the account does not have.
    #[error("step {step:?}: there is no target group {group}; choose one of the account's groups")]
    UnknownGroup {
        /// The step that has the mistake.
        step: String,
        /// What it names.
        group: TargetGroupId,
    },
    /// A trunk that the account does not have.
    #[error("step {step:?}: there is no trunk {trunk}; choose one of the account's trunks")]
    UnknownTrunk {
        /// The step that has the mistake.
        step: String,
        /// What it names.
        trunk: TrunkId,
    },
    /// A target that is a number, without a trunk that the account has.
    #[error(
        "step {step:?}: target {target:?} of group {group:?} is a number without a trunk; give it one of the account's"
    )]
    TargetWithoutTrunk {
        /// The step that has the mistake.
        step: String,
        /// The group's name.
        group: String,
        /// The target's name.
        target: String,
    },
    /// A prompt that the account does not have.
    #[error(
        "step {step:?}: `{place}` names the prompt {prompt:?}, which the account does not have; upload it or choose another"
    )]
    UnknownPrompt {
        /// The step that has the mistake.
        step: String,
        /// The field that names it.
        place: String,
        /// What it names.
        prompt: String,
    },
    /// Steps that lead round without ever waiting for anybody.
    #[error("step {step:?}: it comes back to itself without a caller or target having a say ({}); let one of these steps lead out", .path.join(" -> "))]
    Loop {
        /// The first step of the loop, in the order in which a call meets it or, out of reach, of names.
        step: String,
        /// The names on the way round, the first one again at the end.
        path: Vec<String>,
    },
    /// A status code that refuses nothing.
    #[error("step {step:?}: expected a SIP status code from 400 to 699, got {code}")]
    BadCode {
        /// The step that has the mistake.
        step: String,
        /// What it says.
        code: u16,
    },
    /// A key that no phone has.
    #[error("step {step:?}: `{place}` expected one of 0 to 9, * and #, got {key:?}")]
    BadKey {
        /// The step that has the mistake.
        step: String,
        /// The field that names it.
        place: &'static str,
        /// What it says.
        key: String,
    },
    /// A menu that no key leads out of.
    #[error("step {0:?}: the menu has no keys; add one")]
    NoKeys(String),
    /// Opening hours that make no sense.
    #[error("step {step:?}: {problem}")]
    Hours {
        /// The step that has the mistake.
        step: String,
        /// What is wrong with them.
        problem: HoursProblem,
    },
    /// A case that asks nothing.
    #[error(
        "step {step:?}: case {case} asks nothing, so no later one is ever tried; add a condition or use `otherwise`"
    )]
    NoCondition {
        /// The step that has the mistake.
        step: String,
        /// Its place, from 1.
        case: usize,
    },
    /// A text that has not the form of what it stands for.
    #[error("step {step:?}: case {case}: `{field}` expected {expected}, got {got:?}")]
    BadCondition {
        /// The step that has the mistake.
        step: String,
        /// The case's place, from 1.
        case: usize,
        /// The condition.
        field: &'static str,
        /// What would do.
        expected: &'static str,
        /// What it says.
        got: String,
    },
    /// Shares that are more than all calls together.
    #[error(
        "step {step:?}: the percentages of cases that ask the same otherwise come to {total}; make them 100 or less"
    )]
    PercentOver {
        /// The step that has the mistake.
        step: String,
        /// Their sum.
        total: u32,
    },
    /// A number outside of its range.
    #[error("step {step:?}: `{field}` expected {least} to {most}, got {got}")]
    OutOfRange {
        /// The step that has the mistake.
        step: String,
        /// The field.
        field: &'static str,
        /// The least that will do.
        least: u32,
        /// The most that will do.
        most: u32,
        /// What it says.
        got: u32,
    },
}

/// Something that is allowed and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanWarning {
    /// No call ever comes to a step.
    #[error("step {0:?}: no other step leads to it; remove it or let one lead there")]
    Unreachable(String),
    /// Steps that lead round, where the caller or a target has a say.
    #[error(
        "step {step:?}: it may come back to itself ({}); a call ends after {MAX_STEPS_OF_A_CALL} steps",
        .path.join(" -> ")
    )]
    Round {
        /// The first step of the round.
        step: String,
        /// The names on the way round, the first one again at the end.
        path: Vec<String>,
    },
    /// A group without targets.
    #[error("step {step:?}: group {group:?} has no targets, so nobody rings; add one")]
    EmptyGroup {
        /// The step that names it.
        step: String,
        /// The group's name.
        group: String,
    },
}

/// Every mistake in a plan document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// The mistakes: `start` first, then by the names of the steps. Never empty.
    pub problems: Vec<PlanProblem>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<PlanWarning>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
