//! Ringing: reservations, rounds, legs, and what comes of them.

use std::time::Duration;

use ringfence_model::AgentState;
use ringfence_routing::{Admission, Choice, StepOutcome};

use crate::call::{Fate, Leg};
use crate::invariants::Invariant;
use crate::simulation::{Fault, Held, Simulation};
use crate::timeline::{CallNumber, Event};

impl Simulation<'_> {
    /// Takes a place in the group, and rings the first round.
    pub(crate) fn ring(&mut self, number: CallNumber, choices: Vec<Choice>) -> Held {
        let Some(group) = choices.first().map(|choice| choice.group) else {
            self.nobody(number);
            return Ok(());
        };
        let reserved = self
            .counts
            .reserve_group(group, &self.world.destinations, self.now);
        let Some(reserved) = reserved else {
            self.outcome.too_late += 1;
            self.nobody(number);
            return Ok(());
        };
        self.counts.loads.groups.entry(group).or_default().cursor += 1;
        self.books.enters(number, group, self.now);
        if let Some(call) = self.calls.get_mut(&number) {
            call.group = Some(reserved);
            call.left = choices.into();
        }
        self.ring_round(number)
    }

    /// Rings those of the next round who can still be reserved; the round after it when there is none.
    pub(crate) fn ring_round(&mut self, number: CallNumber) -> Held {
        loop {
            let Some(call) = self.calls.get_mut(&number) else {
                return Ok(());
            };
            let Some(round) = call.left.front().map(|choice| choice.round) else {
                self.nobody(number);
                return Ok(());
            };
            let mut choices = Vec::new();
            while let Some(choice) = call.left.pop_front_if(|choice| choice.round == round) {
                choices.push(choice);
            }
            for choice in choices {
                self.ring_one(number, &choice)?;
            }
            if self
                .calls
                .get(&number)
                .is_some_and(|call| !call.legs.is_empty())
            {
                return Ok(());
            }
        }
    }

    pub(crate) fn ring_one(&mut self, number: CallNumber, choice: &Choice) -> Held {
        let target = choice.target;
        let before = self
            .counts
            .loads
            .targets
            .get(&target)
            .copied()
            .unwrap_or_default();
        let reserved = self
            .counts
            .reserve(target, &self.world.destinations, self.now);
        let Some(reserved) = reserved else {
            self.outcome.too_late += 1;
            self.log(&format!("call {number}: {} is taken by now", choice.name));
            return Ok(());
        };
        // What is asked here is asked of the world, not of the table.
        let enabled = self.world.destinations.targets[&target].enabled;
        if !enabled
            || matches!(
                before.agent,
                Some(AgentState::SignedOut | AgentState::OnBreak)
            )
        {
            let detail = format!(
                "{} rings, enabled {enabled}, {:?}",
                choice.name, before.agent
            );
            return Err(self.violation(Invariant::NobodyPausedRung, detail));
        }
        if let Admission::Refused { .. } = before.breaker.admission(self.now) {
            let detail = format!("{} rings with {:?}", choice.name, before.breaker);
            return Err(self.violation(Invariant::BreakersKeepCallsAway, detail));
        }
        let leg = self.legs;
        self.legs += 1;
        self.outcome.rings += 1;
        self.books.rings(leg, target, self.now);
        let group = self.counts.loads.groups.entry(choice.group).or_default();
        let cursor = group.cursor;
        group.turns.insert(target, cursor);
        let manners = self.world.manners[&target];
        let lot = self.random.below(100);
        let (fate, wait) = if self.broken.contains(&target) {
            (Fate::Fails, self.random.within(Duration::from_secs(5)))
        } else if lot < manners.answers {
            (Fate::Answers, self.random.within(choice.ring_timeout))
        } else if lot < manners.answers + manners.busy {
            (Fate::Busy, self.random.within(Duration::from_secs(1)))
        } else {
            (Fate::RingsOut, choice.ring_timeout)
        };
        self.timeline.add(self.now + wait, Event::Leg(number, leg));
        self.log(&format!(
            "call {number}: leg {leg} rings {}: {}",
            choice.name, choice.reason
        ));
        if let Some(call) = self.calls.get_mut(&number) {
            call.legs.push(Leg {
                number: leg,
                reserved,
                talks: false,
                fate,
            });
        }
        Ok(())
    }

    pub(crate) fn leg_ends(&mut self, number: CallNumber, leg: u64) -> Held {
        let Some(call) = self.calls.get_mut(&number) else {
            return Ok(());
        };
        let Some(place) = call
            .legs
            .iter()
            .position(|one| one.number == leg && !one.talks)
        else {
            return Ok(());
        };
        let Leg { reserved, fate, .. } = call.legs[place];
        let load = self.counts.loads.targets.entry(reserved.id).or_default();
        match fate {
            Fate::Fails => load.breaker.failed(self.now),
            Fate::Answers | Fate::Busy | Fate::RingsOut => load.breaker.succeeded(),
        }
        self.log(&format!("call {number}: leg {leg} {fate:?}"));
        if fate == Fate::Answers {
            self.answered(number, leg);
            return Ok(());
        }
        self.release_leg(number, leg);
        if self
            .calls
            .get(&number)
            .is_some_and(|call| call.legs.is_empty())
        {
            return self.ring_round(number);
        }
        Ok(())
    }

    pub(crate) fn answered(&mut self, number: CallNumber, leg: u64) {
        self.leave_queue(number);
        let stage = self.next_stage(number);
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        call.left.clear();
        let mut others = Vec::new();
        for one in &mut call.legs {
            if one.number == leg {
                one.talks = true;
                let load = self
                    .counts
                    .loads
                    .targets
                    .entry(one.reserved.id)
                    .or_default();
                load.answered += 1;
            } else {
                others.push(one.number);
            }
        }
        if self.settings.fault != Some(Fault::LetsOthersRing) {
            for other in others {
                self.release_leg(number, other);
            }
        }
        self.outcome.answered += 1;
        self.walk_ends(number, StepOutcome::Answered);
        self.ends_within(number, stage, Duration::from_mins(5));
    }

    /// Nobody answered, or could be rung: back into the queue, or on in the plan.
    pub(crate) fn nobody(&mut self, number: CallNumber) {
        self.release_group(number, false);
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        let stage = call.stage;
        if call.queue.is_some() {
            self.look_later(number, stage);
            return;
        }
        let reason = "nobody took it".to_owned();
        call.walk.outcome(StepOutcome::NotAnswered { reason });
        self.timeline.add(self.now, Event::Goes(number, stage));
    }

    pub(crate) fn walk_ends(&mut self, number: CallNumber, outcome: StepOutcome) {
        if let Some(call) = self.calls.get_mut(&number) {
            call.walk.outcome(outcome);
        }
    }

    pub(crate) fn release_leg(&mut self, number: CallNumber, leg: u64) {
        if let Some(call) = self.calls.get_mut(&number)
            && let Some(place) = call.legs.iter().position(|one| one.number == leg)
        {
            let leg = call.legs.remove(place);
            self.counts.release(leg.reserved, leg.talks, self.now);
            self.books.ends(leg.number, leg.talks);
        }
    }

    pub(crate) fn release_legs(&mut self, number: CallNumber) {
        while let Some(leg) = self.calls.get(&number).and_then(|call| call.legs.first()) {
            let leg = leg.number;
            self.release_leg(number, leg);
        }
        self.release_group(number, false);
    }

    pub(crate) fn release_group(&mut self, number: CallNumber, answered: bool) {
        if let Some(call) = self.calls.get_mut(&number)
            && let Some(group) = call.group.take()
        {
            self.counts.release_group(group, answered, self.now);
            self.books.leaves(number, answered);
        }
    }
}
