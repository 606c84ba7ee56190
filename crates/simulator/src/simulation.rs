//! The simulation of one world: the clock, the calls, and what happens to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{AgentState, PlanDocument, Timestamp};
use ringfence_routing::{
    Chance, Decision, Instruction, Loads, MAX_STEPS_OF_A_CALL, StepOutcome, View, Walk,
};

use crate::books::Books;
use crate::call::Call;
use crate::counts::{Counts, SNAPSHOT_FOR};
use crate::invariants::{Invariant, Violation};
use crate::random::Random;
use crate::timeline::{CallNumber, Event, Timeline};
use crate::world::{BEGINS, World, draw_caller};

/// A fault that is put in on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Reserve whatever the caps say.
    IgnoresCaps,
    /// Reserve who is paused.
    IgnoresPauses,
    /// Keep what a call held that ended.
    ForgetsToRelease,
    /// Let the others ring on when one has answered.
    LetsOthersRing,
}

/// Which world, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// From which everything follows.
    pub seed: u64,
    /// Calls that come before it ends.
    pub calls: u64,
    /// A fault that is put in on purpose.
    pub fault: Option<Fault>,
}

/// What a world came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Calls that came and ended.
    pub calls: u64,
    /// Calls that a target answered.
    pub answered: u64,
    /// Rings of targets.
    pub rings: u64,
    /// Reservations that came too late.
    pub too_late: u64,
    /// Events after which every invariant was asked.
    pub events: u64,
    /// A hash of the log (FNV-1a).
    pub log: u64,
}

/// Runs one world to its end; `tell` gets each line of its log, and how long after the beginning it is.
///
/// # Errors
/// The first [`Violation`].
pub fn run_world(
    settings: Settings,
    tell: &mut dyn FnMut(Duration, &str),
) -> Result<Outcome, Violation> {
    let mut random = Random::new(settings.seed);
    let world = World::draw(&mut random);
    let mut counts = Counts::new(Loads::default(), settings.fault);
    for agent in &world.agents {
        counts.loads.targets.entry(*agent).or_default().agent = Some(AgentState::Available);
    }
    let mut simulation = Simulation {
        plan: Arc::new(world.plan.clone()),
        seen: counts.loads.clone(),
        seen_at: BEGINS,
        // From a call in two minutes to one in two seconds.
        mean_gap: Duration::from_secs(2 + random.below(60)),
        settings,
        world,
        counts,
        random,
        tell,
        now: BEGINS,
        timeline: Timeline::new(),
        calls: BTreeMap::new(),
        ended: BTreeSet::new(),
        books: Books::default(),
        broken: BTreeSet::new(),
        arrived: 0,
        legs: 0,
        outcome: Outcome {
            calls: 0,
            answered: 0,
            rings: 0,
            too_late: 0,
            events: 0,
            log: 0xcbf2_9ce4_8422_2325,
        },
    };
    simulation.run()
}

pub(crate) struct Simulation<'a> {
    pub(crate) settings: Settings,
    pub(crate) world: World,
    pub(crate) plan: Arc<PlanDocument>,
    pub(crate) counts: Counts,
    /// The loads as they were read last: decisions are made from these.
    pub(crate) seen: Loads,
    pub(crate) seen_at: Timestamp,
    pub(crate) mean_gap: Duration,
    pub(crate) random: Random,
    pub(crate) tell: &'a mut dyn FnMut(Duration, &str),
    pub(crate) now: Timestamp,
    pub(crate) timeline: Timeline<Event>,
    pub(crate) calls: BTreeMap<CallNumber, Call>,
    pub(crate) ended: BTreeSet<CallNumber>,
    pub(crate) books: Books,
    /// Targets that fail every call.
    pub(crate) broken: BTreeSet<ringfence_model::TargetId>,
    pub(crate) arrived: u64,
    pub(crate) legs: u64,
    pub(crate) outcome: Outcome,
}

/// All that was asked held.
pub(crate) type Held = Result<(), Violation>;

impl Simulation<'_> {
    pub(crate) fn run(&mut self) -> Result<Outcome, Violation> {
        let plan = format!("plan {:?}", self.plan);
        self.log(&plan);
        self.timeline.add(self.now, Event::Arrives);
        self.trouble();
        while let Some((at, event)) = self.timeline.next() {
            if at < self.now {
                return Err(self.violation(Invariant::TimeGoesOn, format!("{event:?} at {at:?}")));
            }
            self.now = at;
            self.counts.roll(at);
            self.outcome.events += 1;
            self.happens(event)?;
            self.check()?;
        }
        let calls = self.settings.calls;
        if self.outcome.calls != calls || !self.calls.is_empty() {
            let detail = format!("{} of {calls} calls ended", self.outcome.calls);
            return Err(self.violation(Invariant::EveryCallEndsOnce, detail));
        }
        Ok(self.outcome)
    }

    pub(crate) fn happens(&mut self, event: Event) -> Held {
        match event {
            Event::Arrives => self.arrives(),
            Event::Over(call, stage) => self.over(call, stage),
            Event::Goes(call, stage) => match self.at(call, stage) {
                Some(_) => self.advance(call),
                None => Ok(()),
            },
            Event::Key(call, stage, key) => {
                let outcome = key.map_or(StepOutcome::NoKey, StepOutcome::Key);
                self.came_of_it(call, stage, outcome)
            }
            Event::Leg(call, leg) => self.leg_ends(call, leg),
            Event::ForwardEnds(call, stage, answered) => {
                if answered && self.at(call, stage).is_some() {
                    self.log(&format!("call {call}: the number answers"));
                    self.walk_ends(call, StepOutcome::Answered);
                    return self.end(call);
                }
                let reason = "no answer".to_owned();
                self.came_of_it(call, stage, StepOutcome::NotAnswered { reason })
            }
            Event::LooksAgain(call, stage) => self.looks_again(call, stage),
            Event::WaitedTooLong(call, stage) => {
                if self.at(call, stage).is_some() {
                    self.release_legs(call);
                }
                self.came_of_it(call, stage, StepOutcome::WaitedTooLong)
            }
            Event::HangsUp(call) => {
                if self.calls.contains_key(&call) {
                    self.log(&format!("call {call}: the caller hangs up"));
                    self.walk_ends(call, StepOutcome::CallerLeft);
                    return self.end(call);
                }
                Ok(())
            }
            Event::Pauses(target) => {
                if let Some(target) = self.world.destinations.targets.get_mut(&target) {
                    target.enabled = !target.enabled;
                }
                self.again(Event::Pauses(target), 3600);
                Ok(())
            }
            Event::AgentTurns(target) => {
                let states = [
                    AgentState::SignedOut,
                    AgentState::OnBreak,
                    AgentState::Available,
                    AgentState::Available,
                ];
                let state = *self.random.one_of(&states);
                self.counts.loads.targets.entry(target).or_default().agent = Some(state);
                self.again(Event::AgentTurns(target), 1800);
                Ok(())
            }
            Event::Breaks(target) => {
                if !self.broken.remove(&target) {
                    self.broken.insert(target);
                }
                self.again(Event::Breaks(target), 3600);
                Ok(())
            }
            Event::Pings(target) => {
                let answered = !self.broken.contains(&target);
                let load = self.counts.loads.targets.entry(target).or_default();
                load.breaker.pinged(answered, self.now);
                self.again(Event::Pings(target), 120);
                Ok(())
            }
        }
    }

    /// Once more, while calls come.
    pub(crate) fn again(&mut self, event: Event, seconds: u64) {
        if self.arrived < self.settings.calls {
            let wait = self.random.within(Duration::from_secs(seconds));
            self.timeline.add(self.now + wait, event);
        }
    }

    /// Targets are paused, agents come and go, some break.
    pub(crate) fn trouble(&mut self) {
        for target in self.world.targets.clone() {
            self.again(Event::Pauses(target), 7200);
            if self.random.percent(30) {
                self.again(Event::Breaks(target), 7200);
            }
            if self.random.percent(50) {
                self.again(Event::Pings(target), 60);
            }
        }
        for agent in self.world.agents.clone() {
            self.again(Event::AgentTurns(agent), 1800);
        }
    }

    pub(crate) fn arrives(&mut self) -> Held {
        let number = self.arrived;
        self.arrived += 1;
        if self.arrived < self.settings.calls {
            let gap = self.random.within(self.mean_gap * 2);
            self.timeline.add(self.now + gap, Event::Arrives);
        }
        let facts = draw_caller(&self.world, &mut self.random);
        let walk = Walk::begin(Arc::clone(&self.plan));
        self.calls.insert(number, Call::new(walk, facts));
        let patience = self.random.within(Duration::from_mins(10));
        self.timeline
            .add(self.now + patience, Event::HangsUp(number));
        self.log(&format!("call {number}: comes"));
        self.advance(number)
    }

    /// The call, while it is still at this stage.
    pub(crate) fn at(&mut self, call: CallNumber, stage: u32) -> Option<&mut Call> {
        self.calls.get_mut(&call).filter(|call| call.stage == stage)
    }

    pub(crate) fn came_of_it(
        &mut self,
        number: CallNumber,
        stage: u32,
        outcome: StepOutcome,
    ) -> Held {
        let Some(call) = self.at(number, stage) else {
            return Ok(());
        };
        call.walk.outcome(outcome);
        self.advance(number)
    }

    pub(crate) fn over(&mut self, number: CallNumber, stage: u32) -> Held {
        match self.at(number, stage).map(|call| call.talks()) {
            None => Ok(()),
            Some(true) => {
                self.log(&format!("call {number}: they have talked"));
                self.end(number)
            }
            Some(false) => self.came_of_it(number, stage, StepOutcome::Done),
        }
    }

    /// The next step of the plan, and what it asks for.
    pub(crate) fn advance(&mut self, number: CallNumber) -> Held {
        self.leave_queue(number);
        let Some(decision) = self.decide(number)? else {
            return Ok(());
        };
        for entry in &decision.path {
            self.log(&format!("call {number}: {}: {}", entry.step, entry.reason));
        }
        let stage = self.next_stage(number);
        match decision.instruction {
            Instruction::Ring { choices, .. } => self.ring(number, choices),
            Instruction::Menu { keys, timeout, .. } => {
                let key = match self.random.number(10) {
                    0..6 => self.random.one_of(&keys).chars().next(),
                    6 => Some('#'),
                    _ => None,
                };
                let wait = match key {
                    Some(_) => self.random.within(timeout),
                    None => timeout,
                };
                self.timeline
                    .add(self.now + wait, Event::Key(number, stage, key));
                Ok(())
            }
            Instruction::Say { .. } => {
                self.ends_within(number, stage, Duration::from_secs(8));
                Ok(())
            }
            Instruction::Voicemail { longest, .. } => {
                self.ends_within(number, stage, longest);
                Ok(())
            }
            Instruction::Queue {
                group,
                choices,
                longest_wait,
                length,
                ..
            } => self.enter_queue(number, group, choices, longest_wait, length),
            Instruction::Forward { timeout, .. } => {
                let answered = self.random.percent(60);
                let wait = self.random.within(timeout);
                let event = Event::ForwardEnds(number, stage, answered);
                self.timeline.add(self.now + wait, event);
                Ok(())
            }
            Instruction::Reject { .. } | Instruction::HangUp { .. } => self.end(number),
        }
    }

    pub(crate) fn ends_within(&mut self, number: CallNumber, stage: u32, longest: Duration) {
        let wait = self.random.within(longest);
        self.timeline
            .add(self.now + wait, Event::Over(number, stage));
    }

    pub(crate) fn next_stage(&mut self, number: CallNumber) -> u32 {
        self.calls.get_mut(&number).map_or(0, |call| {
            call.stage += 1;
            call.stage
        })
    }

    /// Reads the facts, unless they are fresh enough, and asks the walk.
    pub(crate) fn decide(&mut self, number: CallNumber) -> Result<Option<Decision>, Violation> {
        self.read_loads();
        let Some(call) = self.calls.get_mut(&number) else {
            return Ok(None);
        };
        let view = View {
            facts: &call.facts,
            destinations: &self.world.destinations,
            loads: &self.seen,
        };
        let random = &mut self.random;
        let mut bits = || random.bits();
        let decision = call.walk.next(&view, self.now, &mut Chance::new(&mut bits));
        if decision.path.len() > usize::from(MAX_STEPS_OF_A_CALL) + 2
            || decision.path.iter().any(|entry| entry.reason.is_empty())
        {
            let detail = format!("{} steps for call {number}", decision.path.len());
            return Err(self.violation(Invariant::EveryDecisionHasAReason, detail));
        }
        if let Instruction::Ring { choices, .. } | Instruction::Queue { choices, .. } =
            &decision.instruction
        {
            self.fits(choices)?;
        }
        Ok(Some(decision))
    }

    pub(crate) fn read_loads(&mut self) {
        if self.now.since(self.seen_at) >= SNAPSHOT_FOR {
            self.seen = self.counts.loads.clone();
            self.seen_at = self.now;
        } else {
            // The cursor is read and counted up in one go, by each decision.
            for (id, load) in &self.counts.loads.groups {
                self.seen.groups.entry(*id).or_default().cursor = load.cursor;
            }
        }
    }

    pub(crate) fn end(&mut self, number: CallNumber) -> Held {
        if self.settings.fault != Some(Fault::ForgetsToRelease) {
            let answered = self.calls.get(&number).is_some_and(Call::talks);
            self.release_group(number, answered);
            self.release_legs(number);
        }
        self.leave_queue(number);
        self.log(&format!("call {number}: ends"));
        let call = self.calls.remove(&number);
        let held = call.as_ref().is_some_and(|call| {
            !call.legs.is_empty() || call.group.is_some() || call.queue.is_some()
        });
        if held {
            let detail = format!("call {number} has ended and holds {call:?}");
            return Err(self.violation(Invariant::TheEndedHoldNothing, detail));
        }
        if call.is_none() || !self.ended.insert(number) {
            let detail = format!("call {number} ends again");
            return Err(self.violation(Invariant::EveryCallEndsOnce, detail));
        }
        self.outcome.calls += 1;
        Ok(())
    }

    pub(crate) fn log(&mut self, line: &str) {
        for byte in line.bytes().chain(*b"\n") {
            self.outcome.log = (self.outcome.log ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let at = self.now.since(BEGINS);
        self.outcome.log ^= u64::try_from(at.as_micros()).unwrap_or(0);
        (self.tell)(at, line);
    }

    pub(crate) fn violation(&self, invariant: Invariant, detail: String) -> Violation {
        Violation {
            invariant,
            seed: self.settings.seed,
            event: self.outcome.events,
            detail,
        }
    }
}
