//! Queues: who waits, and looks again who is free.

use std::time::Duration;

use ringfence_model::TargetGroupId;
use ringfence_routing::{Chance, Choice, StepOutcome, View};

use crate::simulation::{Held, Simulation};
use crate::timeline::{CallNumber, Event};

impl Simulation<'_> {
    pub(crate) fn enter_queue(
        &mut self,
        number: CallNumber,
        group: TargetGroupId,
        choices: Vec<Choice>,
        longest_wait: Duration,
        length: u32,
    ) -> Held {
        let load = self.counts.loads.groups.entry(group).or_default();
        if load.waiting >= length {
            if let Some(call) = self.calls.get_mut(&number) {
                let reason = "the queue is full by now".to_owned();
                call.walk.outcome(StepOutcome::Failed { reason });
                let goes = Event::Goes(number, call.stage);
                self.timeline.add(self.now, goes);
            }
            return Ok(());
        }
        load.waiting += 1;
        let Some(call) = self.calls.get_mut(&number) else {
            return Ok(());
        };
        call.queue = Some((group, length));
        let stage = call.stage;
        self.timeline
            .add(self.now + longest_wait, Event::WaitedTooLong(number, stage));
        if choices.is_empty() {
            self.look_later(number, stage);
            return Ok(());
        }
        self.ring(number, choices)
    }

    pub(crate) fn look_later(&mut self, number: CallNumber, stage: u32) {
        let wait = Duration::from_secs(5);
        self.timeline
            .add(self.now + wait, Event::LooksAgain(number, stage));
    }

    pub(crate) fn looks_again(&mut self, number: CallNumber, stage: u32) -> Held {
        if self
            .at(number, stage)
            .is_none_or(|call| !call.legs.is_empty())
        {
            return Ok(());
        }
        if self.random.percent(2) {
            return self.came_of_it(number, stage, StepOutcome::CallBackAsked);
        }
        self.read_loads();
        let Some(call) = self.calls.get(&number) else {
            return Ok(());
        };
        let view = View {
            facts: &call.facts,
            destinations: &self.world.destinations,
            loads: &self.seen,
        };
        let random = &mut self.random;
        let mut bits = || random.bits();
        let chance = &mut Chance::new(&mut bits);
        match call.walk.free_now(&view, self.now, chance) {
            Some(balanced) if !balanced.choices.is_empty() => {
                self.fits(&balanced.choices)?;
                self.ring(number, balanced.choices)
            }
            _ => {
                self.look_later(number, stage);
                Ok(())
            }
        }
    }

    pub(crate) fn leave_queue(&mut self, number: CallNumber) {
        if let Some(call) = self.calls.get_mut(&number)
            && let Some((group, _)) = call.queue.take()
        {
            let load = self.counts.loads.groups.entry(group).or_default();
            load.waiting = load.waiting.saturating_sub(1);
        }
    }
}
