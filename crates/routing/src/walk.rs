//! The walk of one call through its plan, a step at a time.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{ForwardStep, MenuStep, PlanDocument, QueueStep, RingStep, Step, Timestamp};

use crate::balance::{Balanced, balance};
use crate::chance::Chance;
use crate::conditions;
use crate::decision::{Decision, Instruction, PathEntry, RingMode, RingOptions, StepOutcome};
use crate::facts::View;
use crate::hours::hours_status;

/// A call takes no more steps than this, each try of a menu counted: whoever goes round between menus, queues and groups
/// comes to an end, and so does a plan that nobody validated.
pub const MAX_STEPS_OF_A_CALL: u16 = 100;

/// One call on its way through its plan. The plan stays as it was when the call began.
///
/// [`Walk::next`] tells what to do, [`Walk::outcome`] is told what came of it, and so on until
/// [`Instruction::is_last`]. Nothing here waits or counts time: a caller who has waited too long is told as an outcome.
#[derive(Debug, Clone)]
pub struct Walk {
    plan: Arc<PlanDocument>,
    place: Place,
    outcome: Option<StepOutcome>,
    steps: u16,
}

#[derive(Debug, Clone)]
enum Place {
    /// About to enter this step.
    Before(String),
    /// An instruction of this step is being carried out; a menu was asked so many times.
    Within { step: String, attempt: u8 },
    /// The plan has done its work.
    Over,
}

/// Where a step leads.
enum Way {
    On(String),
    Do(Instruction),
    End(Instruction),
}

impl Walk {
    /// A call at the start of its plan.
    pub fn begin(plan: Arc<PlanDocument>) -> Self {
        Self {
            place: Place::Before(plan.start.clone()),
            plan,
            outcome: None,
            steps: 0,
        }
    }

    /// The plan that the call began with.
    pub fn plan(&self) -> &Arc<PlanDocument> {
        &self.plan
    }

    /// The step whose instruction is being carried out.
    pub fn step(&self) -> Option<&str> {
        match &self.place {
            Place::Within { step, .. } => Some(step),
            Place::Before(_) | Place::Over => None,
        }
    }

    /// Whether the plan has done its work: the call was answered, refused or hung up.
    pub fn is_over(&self) -> bool {
        matches!(self.place, Place::Over)
    }

    /// Says what came of the last instruction; before there is one, and after the last, it is let go by.
    pub fn outcome(&mut self, outcome: StepOutcome) {
        if !matches!(self.place, Place::Within { .. }) {
            return;
        }
        if matches!(outcome, StepOutcome::Answered | StepOutcome::CallerLeft) {
            self.place = Place::Over;
        } else {
            self.outcome = Some(outcome);
        }
    }

    /// What to do next. Without an outcome of the last instruction, nothing came of it.
    ///
    /// Any plan is walked, also one that [`validate`](crate::validate) refuses: a step that is not there refuses the call
    /// with 404, a loop ends it after [`MAX_STEPS_OF_A_CALL`].
    pub fn next(&mut self, view: &View<'_>, now: Timestamp, chance: &mut Chance<'_>) -> Decision {
        let plan = Arc::clone(&self.plan);
        let mut path = Vec::new();
        let mut way = match std::mem::replace(&mut self.place, Place::Over) {
            Place::Over => Way::End(hang_up("the plan has done its work")),
            Place::Before(step) => Way::On(step),
            Place::Within { step, attempt } => {
                let outcome = self.outcome.take().unwrap_or(StepOutcome::Failed {
                    reason: "nothing is known to have come of it".into(),
                });
                let (reason, way) = self.after(&plan, &step, attempt, &outcome);
                path.push(PathEntry { step, reason });
                way
            }
        };
        loop {
            let step = match way {
                Way::Do(instruction) => return Decision { path, instruction },
                Way::End(instruction) => {
                    self.place = Place::Over;
                    return Decision { path, instruction };
                }
                Way::On(step) => step,
            };
            let reason;
            (reason, way) = self.enter(&plan, &step, view, now, chance);
            path.push(PathEntry { step, reason });
        }
    }

    /// Who is free now for a caller who waits in a queue. `None` when the call does not.
    pub fn free_now(
        &self,
        view: &View<'_>,
        now: Timestamp,
        chance: &mut Chance<'_>,
    ) -> Option<Balanced> {
        match self.plan.steps.get(self.step()?)? {
            Step::Queue(queue) => Some(of_queue(queue, view, now, chance)),
            _ => None,
        }
    }

    /// Comes to a step: what is decided there, and where it leads.
    fn enter(
        &mut self,
        plan: &PlanDocument,
        name: &str,
        view: &View<'_>,
        now: Timestamp,
        chance: &mut Chance<'_>,
    ) -> (String, Way) {
        if let Some(end) = self.count_step() {
            return end;
        }
        let Some(step) = plan.steps.get(name) else {
            let reason = format!("the plan has no step {name:?}");
            return (reason.clone(), reject(404, reason));
        };
        let (reason, way) = match step {
            Step::Schedule(schedule) => {
                let status = hours_status(&schedule.hours, now);
                let (word, next) = if status.open {
                    ("open", &schedule.open)
                } else {
                    ("closed", &schedule.otherwise)
                };
                (format!("{word}: {}", status.reason), Way::On(next.clone()))
            }
            Step::Match(matched) => {
                let (next, reason) = conditions::decide(matched, view.facts, chance);
                (reason, Way::On(next.to_owned()))
            }
            Step::Menu(menu) => (
                format!("asks {:?}, try 1 of {}", menu.prompt, menu.tries.max(1)),
                Way::Do(ask(menu, 1)),
            ),
            Step::Say(say) => (
                format!("plays {:?}", say.prompt),
                Way::Do(Instruction::Say {
                    prompt: say.prompt.clone(),
                }),
            ),
            Step::Ring(ring) => enter_ring(ring, view, now, chance),
            Step::Queue(queue) => enter_queue(queue, view, now, chance),
            Step::Voicemail(voicemail) => (
                format!("takes a message of at most {} s", voicemail.longest),
                Way::Do(Instruction::Voicemail {
                    prompt: voicemail.prompt.clone(),
                    longest: seconds(voicemail.longest),
                }),
            ),
            Step::Forward(forward) => enter_forward(forward),
            Step::Reject { code } => {
                let reason = format!("step {name:?} of the plan refuses with {code}");
                // A code that refuses nothing would leave the caller without a word.
                let code = if (400..=699).contains(code) {
                    *code
                } else {
                    603
                };
                (reason.clone(), reject(code, reason))
            }
            Step::Goto { step } => ("goes on".to_owned(), Way::On(step.clone())),
        };
        if matches!(way, Way::Do(_)) {
            self.place = Place::Within {
                step: name.to_owned(),
                attempt: 1,
            };
        }
        let reason = match &way {
            Way::On(next) => format!("{reason}; on to {next:?}"),
            Way::Do(_) | Way::End(_) => reason,
        };
        (reason, way)
    }

    /// Leaves a step whose instruction was carried out: what came of it, and where that leads.
    fn after(
        &mut self,
        plan: &PlanDocument,
        name: &str,
        attempt: u8,
        outcome: &StepOutcome,
    ) -> (String, Way) {
        let happened = said(outcome);
        let next = match plan.steps.get(name) {
            Some(Step::Menu(menu)) => {
                let pressed = match outcome {
                    StepOutcome::Key(key) => menu.keys.get(key.encode_utf8(&mut [0; 4]) as &str),
                    _ => None,
                };
                if pressed.is_none() && attempt < menu.tries {
                    return self.ask_again(menu, name, attempt + 1, &happened);
                }
                pressed.or(menu.otherwise.as_ref())
            }
            Some(Step::Queue(_)) if *outcome == StepOutcome::CallBackAsked => None,
            Some(Step::Say(say)) => say.next.as_ref(),
            Some(Step::Ring(ring)) => ring.otherwise.as_ref(),
            Some(Step::Queue(queue)) => queue.otherwise.as_ref(),
            Some(Step::Forward(forward)) => forward.otherwise.as_ref(),
            _ => None,
        };
        let Some(next) = next else {
            let end = Way::End(hang_up(&format!("{happened}, and the plan ends there")));
            return (happened, end);
        };
        (format!("{happened}; on to {next:?}"), Way::On(next.clone()))
    }

    fn ask_again(
        &mut self,
        menu: &MenuStep,
        name: &str,
        attempt: u8,
        happened: &str,
    ) -> (String, Way) {
        if let Some(end) = self.count_step() {
            return end;
        }
        self.place = Place::Within {
            step: name.to_owned(),
            attempt,
        };
        (
            format!("{happened}; asks again, try {attempt} of {}", menu.tries),
            Way::Do(ask(menu, attempt)),
        )
    }

    /// Counts a step; the end of the call when there were too many.
    fn count_step(&mut self) -> Option<(String, Way)> {
        self.steps += 1;
        (self.steps > MAX_STEPS_OF_A_CALL).then(|| {
            let reason =
                format!("the call has taken {MAX_STEPS_OF_A_CALL} steps, the most of a call");
            (reason.clone(), reject(480, reason))
        })
    }
}

fn enter_ring(
    ring: &RingStep,
    view: &View<'_>,
    now: Timestamp,
    chance: &mut Chance<'_>,
) -> (String, Way) {
    let timeout = ring.timeout.map(seconds);
    let balanced = balance(ring.group, ring.strategy, timeout, view, now, chance);
    let reason = balanced.notes.join("; ");
    if balanced.choices.is_empty() {
        return match &ring.otherwise {
            Some(next) => (reason, Way::On(next.clone())),
            None => (reason.clone(), Way::End(hang_up(&reason))),
        };
    }
    let at_once = balanced
        .choices
        .windows(2)
        .any(|two| two[0].round == two[1].round);
    let instruction = Instruction::Ring {
        group: balanced.group,
        strategy: balanced.strategy,
        mode: if at_once {
            RingMode::Simultaneous
        } else {
            RingMode::Sequential
        },
        choices: balanced.choices,
        passed: balanced.passed,
        options: RingOptions {
            whisper: ring.whisper.clone(),
            accept_key: ring.accept_key.clone(),
            caller_id: ring.caller_id.clone(),
            record: ring.record.clone(),
        },
    };
    (reason, Way::Do(instruction))
}

fn of_queue(
    queue: &QueueStep,
    view: &View<'_>,
    now: Timestamp,
    chance: &mut Chance<'_>,
) -> Balanced {
    let timeout = queue.timeout.map(seconds);
    balance(queue.group, queue.strategy, timeout, view, now, chance)
}

fn enter_queue(
    queue: &QueueStep,
    view: &View<'_>,
    now: Timestamp,
    chance: &mut Chance<'_>,
) -> (String, Way) {
    let balanced = of_queue(queue, view, now, chance);
    let waiting = view
        .loads
        .groups
        .get(&queue.group)
        .map_or(0, |group| group.waiting);
    let known = view.destinations.groups.contains_key(&queue.group);
    if !known || waiting >= queue.length {
        let reason = if known {
            format!(
                "{waiting} callers wait already, its most are {}",
                queue.length
            )
        } else {
            balanced.notes.join("; ")
        };
        return match &queue.otherwise {
            Some(next) => (reason, Way::On(next.clone())),
            None => (reason.clone(), Way::End(hang_up(&reason))),
        };
    }
    let reason = format!(
        "waits behind {waiting} for at most {} s; {}",
        queue.longest_wait,
        balanced.notes.join("; ")
    );
    let instruction = Instruction::Queue {
        group: queue.group,
        choices: balanced.choices,
        longest_wait: seconds(queue.longest_wait),
        length: queue.length,
        music: queue.music.clone(),
        position: queue.position.clone(),
        call_back_key: queue.call_back_key.clone(),
        options: RingOptions {
            whisper: queue.whisper.clone(),
            record: queue.record.clone(),
            ..RingOptions::default()
        },
    };
    (reason, Way::Do(instruction))
}

fn enter_forward(forward: &ForwardStep) -> (String, Way) {
    (
        format!("forwards to {}", forward.number.as_str()),
        Way::Do(Instruction::Forward {
            number: forward.number.clone(),
            trunk: forward.trunk,
            timeout: seconds(forward.timeout),
        }),
    )
}

fn ask(menu: &MenuStep, attempt: u8) -> Instruction {
    Instruction::Menu {
        prompt: menu.prompt.clone(),
        keys: menu.keys.keys().cloned().collect(),
        timeout: seconds(menu.timeout),
        attempt,
    }
}

fn said(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Done => "it was done".into(),
        StepOutcome::Key(key) => format!("the caller pressed {key}"),
        StepOutcome::NoKey => "the caller pressed no key".into(),
        StepOutcome::NotAnswered { reason } => format!("nobody answered: {reason}"),
        StepOutcome::WaitedTooLong => "the caller waited as long as the queue allows".into(),
        StepOutcome::CallBackAsked => "the caller asked to be called back".into(),
        StepOutcome::Failed { reason } => format!("it failed: {reason}"),
        StepOutcome::Answered => "somebody answered".into(),
        StepOutcome::CallerLeft => "the caller hung up".into(),
    }
}

fn reject(code: u16, reason: String) -> Way {
    Way::End(Instruction::Reject { code, reason })
}

fn hang_up(reason: &str) -> Instruction {
    Instruction::HangUp {
        reason: reason.to_owned(),
    }
}

fn seconds(length: u32) -> Duration {
    Duration::from_secs(length.into())
}
