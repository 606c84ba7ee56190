//! Validation of a plan document: every mistake at once, each naming its step.

use std::collections::BTreeSet;
use std::fmt;

use ringfence_model::{PlanDocument, Step, TargetGroupId};

/// One mistake in a plan document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanProblem {
    /// The document has no steps at all.
    #[error("the plan has no steps; add one and name it in `start`")]
    NoSteps,
    /// `start` names a step that is not there.
    #[error("`start` names the step {0:?}, which the plan does not have")]
    UnknownStart(String),
    /// `otherwise` names a step that is not there.
    #[error(
        "step {step:?}: `otherwise` names the step {otherwise:?}, which the plan does not have"
    )]
    UnknownOtherwise {
        /// The step that has the mistake.
        step: String,
        /// What it names.
        otherwise: String,
    },
    /// A group that the account does not have.
    #[error("step {step:?}: there is no target group {group}; choose one of the account's groups")]
    UnknownGroup {
        /// The step that has the mistake.
        step: String,
        /// What it names.
        group: TargetGroupId,
    },
    /// Following `otherwise` comes back to the step, so the call would ring for ever.
    #[error("step {step:?}: following `otherwise` comes back to it ({}); end the chain", .path.join(" -> "))]
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
}

/// Every mistake in a plan document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// The mistakes: `start` first, then by the names of the steps. Never empty.
    pub problems: Vec<PlanProblem>,
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

/// Checks a plan document against the groups that its account has.
///
/// # Errors
/// [`PlanError`] with every mistake found.
pub fn validate(
    plan: &PlanDocument,
    group_exists: impl Fn(TargetGroupId) -> bool,
) -> Result<(), PlanError> {
    let mut problems = Vec::new();
    if plan.steps.is_empty() {
        problems.push(PlanProblem::NoSteps);
    } else if !plan.steps.contains_key(&plan.start) {
        problems.push(PlanProblem::UnknownStart(plan.start.clone()));
    }
    for (name, step) in &plan.steps {
        match step {
            Step::Ring { group, otherwise } => {
                if !group_exists(*group) {
                    problems.push(PlanProblem::UnknownGroup {
                        step: name.clone(),
                        group: *group,
                    });
                }
                if let Some(otherwise) = otherwise
                    && !plan.steps.contains_key(otherwise)
                {
                    problems.push(PlanProblem::UnknownOtherwise {
                        step: name.clone(),
                        otherwise: otherwise.clone(),
                    });
                }
            }
            Step::Reject { code } => {
                if !(400..=699).contains(code) {
                    problems.push(PlanProblem::BadCode {
                        step: name.clone(),
                        code: *code,
                    });
                }
            }
        }
    }
    problems.extend(loops(plan));
    if problems.is_empty() {
        Ok(())
    } else {
        Err(PlanError { problems })
    }
}

/// Each loop once. A step has one way out at most, so a walk from every step finds them all.
fn loops(plan: &PlanDocument) -> Vec<PlanProblem> {
    let mut found = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let starts = std::iter::once(&plan.start).chain(plan.steps.keys());
    for start in starts {
        let mut walk: Vec<&str> = Vec::new();
        let mut at = Some(start.as_str());
        while let Some(name) = at {
            if let Some(position) = walk.iter().position(|step| *step == name) {
                let mut path: Vec<String> =
                    walk[position..].iter().map(ToString::to_string).collect();
                path.push(name.to_owned());
                found.push(PlanProblem::Loop {
                    step: name.to_owned(),
                    path,
                });
                break;
            }
            if seen.contains(name) {
                break;
            }
            walk.push(name);
            at = match plan.steps.get(name) {
                Some(Step::Ring { otherwise, .. }) => otherwise.as_deref(),
                _ => None,
            };
        }
        seen.extend(walk);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Timestamp;

    fn group(n: u128) -> TargetGroupId {
        TargetGroupId::new(Timestamp::from_micros(0), n)
    }

    fn ring(n: u128, otherwise: Option<&str>) -> Step {
        Step::Ring {
            group: group(n),
            otherwise: otherwise.map(ToOwned::to_owned),
        }
    }

    fn plan(start: &str, steps: Vec<(&str, Step)>) -> PlanDocument {
        PlanDocument {
            start: start.into(),
            steps: steps.into_iter().map(|(n, s)| (n.into(), s)).collect(),
        }
    }

    #[test]
    fn a_sound_plan_passes() {
        let plan = plan(
            "sales",
            vec![
                ("sales", ring(1, Some("office"))),
                ("office", ring(2, Some("closed"))),
                ("closed", Step::Reject { code: 480 }),
            ],
        );
        assert_eq!(validate(&plan, |_| true), Ok(()));
    }

    #[test]
    fn every_mistake_is_told_at_once_and_names_its_step() {
        let plan = plan(
            "begin",
            vec![
                ("a", ring(1, Some("nowhere"))),
                ("b", ring(2, None)),
                ("c", Step::Reject { code: 200 }),
                ("d", ring(1, Some("e"))),
                ("e", ring(1, Some("d"))),
            ],
        );
        let error = validate(&plan, |id| id == group(1)).expect_err("it has mistakes");
        assert_eq!(error.problems.len(), 5, "{error}");
        let text = error.to_string();
        for part in [
            "\"begin\"",
            "step \"a\"",
            "\"nowhere\"",
            "step \"b\"",
            "step \"c\"",
            "got 200",
            "d -> e -> d",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn a_step_that_leads_to_itself_is_a_loop() {
        let plan = plan("a", vec![("a", ring(1, Some("a")))]);
        let error = validate(&plan, |_| true).expect_err("it loops");
        assert_eq!(
            error.problems,
            [PlanProblem::Loop {
                step: "a".into(),
                path: vec!["a".into(), "a".into()]
            }]
        );
    }

    #[test]
    fn an_empty_plan_is_told_so() {
        let error = validate(&plan("a", vec![]), |_| true).expect_err("it is empty");
        assert_eq!(error.problems, [PlanProblem::NoSteps]);
    }
}
