//! Validation of a plan document: every mistake at once, each naming its step.

use ringfence_model::{
    Conditions, MatchStep, MenuStep, PlanDocument, QueueStep, RingStep, Step, TargetGroupId,
    TrunkId,
};

use crate::conditions::{WITHHELD, same_but_percent};
use crate::graph::Graph;
use crate::hours::hours_problems;
use crate::language::is_range;
use crate::problem::{PlanError, PlanProblem, PlanWarning};
use crate::route::Destinations;
use crate::skip::is_number;

/// The most steps of a plan.
pub const MAX_STEPS_OF_A_PLAN: usize = 200;

/// Checks a plan document, against what its account has where that is given. What is allowed and probably not meant comes
/// as warnings.
///
/// Steps that only decide (`schedule`, `match`, `goto`) or only play (`say`) must not lead round: nothing would ever end
/// it. A round that passes a `menu`, `ring`, `queue` or `forward` is a warning, for there the caller or a target has a say,
/// and [`MAX_STEPS_OF_A_CALL`](crate::MAX_STEPS_OF_A_CALL) ends it at last.
///
/// # Errors
/// [`PlanError`] with every mistake found.
pub fn validate(
    plan: &PlanDocument,
    known: Option<&Destinations>,
) -> Result<Vec<PlanWarning>, PlanError> {
    let mut check = Check {
        known,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    if plan.steps.len() > MAX_STEPS_OF_A_PLAN {
        check
            .problems
            .push(PlanProblem::TooManySteps(plan.steps.len()));
    } else {
        check.plan(plan);
    }
    let Check {
        problems, warnings, ..
    } = check;
    if problems.is_empty() {
        Ok(warnings)
    } else {
        Err(PlanError { problems, warnings })
    }
}

/// A condition's name, what would do, and whether a value does.
type Form = (&'static str, &'static str, fn(&str) -> bool);

struct Check<'a> {
    known: Option<&'a Destinations>,
    problems: Vec<PlanProblem>,
    warnings: Vec<PlanWarning>,
}

impl Check<'_> {
    fn plan(&mut self, plan: &PlanDocument) {
        if plan.steps.is_empty() {
            self.problems.push(PlanProblem::NoSteps);
        } else if !plan.steps.contains_key(&plan.start) {
            self.problems
                .push(PlanProblem::UnknownStart(plan.start.clone()));
        }
        for (name, step) in &plan.steps {
            self.step(plan, name, step);
        }
        let graph = Graph::of(plan);
        let automatic = graph.rounds(|step| !has_a_say(step));
        self.problems
            .extend(automatic.iter().map(|path| PlanProblem::Loop {
                step: path[0].clone(),
                path: path.clone(),
            }));
        self.warnings.extend(
            graph
                .rounds(|_| true)
                .into_iter()
                .filter(|path| path.iter().any(|name| has_a_say(&plan.steps[name])))
                .map(|path| PlanWarning::Round {
                    step: path[0].clone(),
                    path,
                }),
        );
        let reached = graph.reached();
        if plan.steps.contains_key(&plan.start) {
            self.warnings.extend(
                plan.steps
                    .keys()
                    .filter(|name| !reached.contains(name.as_str()))
                    .map(|name| PlanWarning::Unreachable(name.clone())),
            );
        }
    }

    fn step(&mut self, plan: &PlanDocument, name: &str, step: &Step) {
        if !(1..=64).contains(&name.chars().count())
            || name.trim().is_empty()
            || name.chars().any(char::is_control)
        {
            self.problems.push(PlanProblem::BadName(name.to_owned()));
        }
        for (place, named) in step.leads_to() {
            if !plan.steps.contains_key(named) {
                self.problems.push(PlanProblem::UnknownStep {
                    step: name.to_owned(),
                    place,
                    named: named.to_owned(),
                });
            }
        }
        if let Some(prompts) = self.known.and_then(|known| known.prompts.as_ref()) {
            for (place, prompt) in step.prompts() {
                if !prompts.contains(prompt) {
                    self.problems.push(PlanProblem::UnknownPrompt {
                        step: name.to_owned(),
                        place: place.to_owned(),
                        prompt: prompt.to_owned(),
                    });
                }
            }
        }
        match step {
            Step::Schedule(schedule) => {
                self.problems
                    .extend(hours_problems(&schedule.hours).into_iter().map(|problem| {
                        PlanProblem::Hours {
                            step: name.to_owned(),
                            problem,
                        }
                    }));
            }
            Step::Match(matched) => self.cases(name, matched),
            Step::Menu(menu) => self.menu(name, menu),
            Step::Ring(ring) => self.ring(name, ring),
            Step::Queue(queue) => self.queue(name, queue),
            Step::Voicemail(voicemail) => {
                self.range(name, "longest", 1, 3600, voicemail.longest);
            }
            Step::Forward(forward) => {
                self.range(name, "timeout", 1, 300, forward.timeout);
                self.trunk(name, forward.trunk);
            }
            Step::Reject { code } => {
                if !(400..=699).contains(code) {
                    self.problems.push(PlanProblem::BadCode {
                        step: name.to_owned(),
                        code: *code,
                    });
                }
            }
            Step::Say(_) | Step::Goto { .. } => {}
        }
    }

    fn menu(&mut self, name: &str, menu: &MenuStep) {
        self.range(name, "tries", 1, 10, menu.tries.into());
        self.range(name, "timeout", 1, 60, menu.timeout);
        if menu.keys.is_empty() {
            self.problems.push(PlanProblem::NoKeys(name.to_owned()));
        }
        for key in menu.keys.keys() {
            self.key(name, "keys", Some(key));
        }
    }

    fn ring(&mut self, name: &str, ring: &RingStep) {
        if let Some(timeout) = ring.timeout {
            self.range(name, "timeout", 1, 300, timeout);
        }
        self.key(name, "accept_key", ring.accept_key.as_ref());
        self.group(name, ring.group);
    }

    fn queue(&mut self, name: &str, queue: &QueueStep) {
        self.range(name, "longest_wait", 1, 7200, queue.longest_wait);
        self.range(name, "length", 1, 1000, queue.length);
        if let Some(timeout) = queue.timeout {
            self.range(name, "timeout", 1, 300, timeout);
        }
        self.key(name, "call_back_key", queue.call_back_key.as_ref());
        self.group(name, queue.group);
    }

    fn cases(&mut self, name: &str, matched: &MatchStep) {
        for (index, case) in matched.cases.iter().enumerate() {
            let when = &case.when;
            let number = index + 1;
            if *when == Conditions::default() {
                self.problems.push(PlanProblem::NoCondition {
                    step: name.to_owned(),
                    case: number,
                });
            }
            if let Some(percent) = when.percent {
                self.range(name, "percent", 1, 100, percent.into());
            }
            let forms: [(&[String], Form); 4] = [
                (
                    &when.visitor_language,
                    (
                        "visitor_language",
                        "a language such as de or de-AT",
                        is_range,
                    ),
                ),
                (
                    &when.caller_language,
                    (
                        "caller_language",
                        "a language such as de or de-AT",
                        is_range,
                    ),
                ),
                (
                    &when.country,
                    ("country", "two letters such as DE (ISO 3166-1)", is_country),
                ),
                (
                    &when.caller,
                    (
                        "caller",
                        "a number such as +442079460123, a beginning such as +4420*, or withheld",
                        is_caller_pattern,
                    ),
                ),
            ];
            for (values, (field, expected, fits)) in forms {
                for value in values.iter().filter(|value| !fits(value)) {
                    self.problems.push(PlanProblem::BadCondition {
                        step: name.to_owned(),
                        case: number,
                        field,
                        expected,
                        got: value.chars().take(40).collect(),
                    });
                }
            }
            self.shares(name, matched, index);
        }
    }

    /// Told once, at the first of the cases that share.
    fn shares(&mut self, name: &str, matched: &MatchStep, index: usize) {
        let alike = |when: &Conditions| same_but_percent(when, &matched.cases[index].when);
        let first = !matched.cases[..index].iter().any(|case| alike(&case.when));
        let total: u32 = matched.cases[index..]
            .iter()
            .filter(|case| alike(&case.when))
            .filter_map(|case| case.when.percent)
            .map(u32::from)
            .sum();
        if first && total > 100 {
            self.problems.push(PlanProblem::PercentOver {
                step: name.to_owned(),
                total,
            });
        }
    }

    fn group(&mut self, step: &str, group: TargetGroupId) {
        let Some(known) = self.known else { return };
        let Some(found) = known.groups.get(&group) else {
            self.problems.push(PlanProblem::UnknownGroup {
                step: step.to_owned(),
                group,
            });
            return;
        };
        if found.members.is_empty() {
            self.warnings.push(PlanWarning::EmptyGroup {
                step: step.to_owned(),
                group: found.name.clone(),
            });
        }
        for member in &found.members {
            let Some(target) = known.targets.get(&member.target) else {
                continue;
            };
            let trunk = known
                .profiles
                .get(&target.id)
                .and_then(|profile| profile.trunk);
            if is_number(target) && !trunk.is_some_and(|trunk| known.trunks.contains(&trunk)) {
                self.problems.push(PlanProblem::TargetWithoutTrunk {
                    step: step.to_owned(),
                    group: found.name.clone(),
                    target: target.name.clone(),
                });
            }
        }
    }

    fn trunk(&mut self, step: &str, trunk: TrunkId) {
        if self
            .known
            .is_some_and(|known| !known.trunks.contains(&trunk))
        {
            self.problems.push(PlanProblem::UnknownTrunk {
                step: step.to_owned(),
                trunk,
            });
        }
    }

    fn key(&mut self, step: &str, place: &'static str, key: Option<&String>) {
        if let Some(key) = key
            && !is_key(key)
        {
            self.problems.push(PlanProblem::BadKey {
                step: step.to_owned(),
                place,
                key: key.chars().take(40).collect(),
            });
        }
    }

    fn range(&mut self, step: &str, field: &'static str, least: u32, most: u32, got: u32) {
        if !(least..=most).contains(&got) {
            self.problems.push(PlanProblem::OutOfRange {
                step: step.to_owned(),
                field,
                least,
                most,
                got,
            });
        }
    }
}

fn is_key(key: &str) -> bool {
    matches!(key.as_bytes(), [b'0'..=b'9' | b'*' | b'#'])
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_caller_pattern(text: &str) -> bool {
    let digits = |text: &str, least| {
        text.strip_prefix('+').is_some_and(|digits| {
            (least..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        })
    };
    text == WITHHELD
        || text
            .strip_suffix('*')
            .map_or_else(|| digits(text, 3), |start| digits(start, 1))
}

/// Whether the caller or a target has a say in where a step leads.
fn has_a_say(step: &Step) -> bool {
    matches!(
        step,
        Step::Menu(_) | Step::Ring(_) | Step::Queue(_) | Step::Forward(_) | Step::Voicemail(_)
    )
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
