//! The invariants, asked of the world, the table and the books.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::AgentState;
use ringfence_routing::Choice;

use crate::counts::reached;
use crate::invariants::Invariant;
use crate::simulation::{Held, Simulation};

impl Simulation<'_> {
    /// Everything that must hold after an event.
    pub(crate) fn check(&self) -> Held {
        let mut legs = BTreeMap::new();
        let mut waiting = BTreeMap::new();
        for (number, call) in &self.calls {
            let talking = call.legs.iter().filter(|leg| leg.talks).count();
            if talking > 1 || talking == 1 && call.legs.len() > 1 {
                let detail = format!("call {number}: {:?}", call.legs);
                return Err(self.violation(Invariant::OneTalksAndNoneRings, detail));
            }
            for leg in &call.legs {
                *legs.entry(leg.reserved.id).or_insert(0u32) += 1;
            }
            if let Some((group, length)) = call.queue {
                let (count, most) = waiting.entry(group).or_insert((0u32, 0));
                *count += 1;
                *most = length.max(*most);
            }
        }
        for (group, (count, most)) in waiting {
            if count > most {
                let detail = format!("{count} wait for {group:?}, at most {most} may");
                return Err(self.violation(Invariant::NoQueueTooLong, detail));
            }
        }
        for target in &self.world.targets {
            let counted = self
                .counts
                .loads
                .targets
                .get(target)
                .map_or(0, |load| load.active);
            let rings = legs.get(target).copied().unwrap_or(0);
            let booked = self.books.active(*target);
            if counted != rings || counted != booked {
                let detail =
                    format!("{target:?}: {counted} counted, {rings} ring, {booked} booked");
                return Err(self.violation(Invariant::CountsAreTrue, detail));
            }
            let profile = &self.world.destinations.profiles[target];
            if self.books.is_over(*target, &profile.caps) {
                let detail = format!("{target:?} is above {:?}", profile.caps);
                return Err(self.violation(Invariant::NoCapExceeded, detail));
            }
        }
        for group in &self.world.groups {
            let counted = self
                .counts
                .loads
                .groups
                .get(group)
                .map_or(0, |load| load.active);
            let booked = self.books.active_in(*group);
            if counted != booked {
                let detail = format!("{group:?}: {counted} counted, {booked} booked");
                return Err(self.violation(Invariant::CountsAreTrue, detail));
            }
            let profile = &self.world.destinations.group_profiles[group];
            if self.books.is_over_in(*group, &profile.caps) {
                let detail = format!("{group:?} is above {:?}", profile.caps);
                return Err(self.violation(Invariant::NoCapExceeded, detail));
            }
        }
        Ok(())
    }

    /// Whether a decision can be made from the facts that were read.
    pub(crate) fn fits(&self, choices: &[Choice]) -> Held {
        let mut met = BTreeSet::new();
        for choice in choices {
            let load = self.seen.targets.get(&choice.target).copied();
            let load = load.unwrap_or_default();
            let caps = self
                .world
                .destinations
                .profiles
                .get(&choice.target)
                .map(|profile| profile.caps)
                .unwrap_or_default();
            let enabled = self.world.destinations.targets[&choice.target].enabled;
            let full = reached(&caps, [load.active, load.hour, load.day, load.month]);
            let here = !matches!(
                load.agent,
                Some(AgentState::SignedOut | AgentState::OnBreak)
            );
            if !met.insert(choice.target) || !enabled || full || !here || choice.reason.is_empty() {
                return Err(self.violation(
                    Invariant::DecisionsFitTheirFacts,
                    format!("{choice:?} with {load:?}, enabled {enabled}"),
                ));
            }
        }
        Ok(())
    }
}
