//! Waiting in a queue until somebody is free: who looks when is said by `live`, who is free by the plan.

use std::collections::HashMap;
use std::time::Duration;

use ringfence_callflow::{Next, Piece, Sound};
use ringfence_live::Ticket;
use ringfence_model::{
    CallEventKind, Caps, LegId, LegOutcome, Party, TargetGroupId, TargetId, Timestamp,
};
use ringfence_routing::{Chance, Instruction, Loads, Periods, Skip, StepOutcome, View, full};

use super::planned::{PlannedCall, rounds};

/// Between two times that a caller is told its place.
const TELLS_AFTER: Duration = Duration::from_secs(30);

/// A target that a caller has rung in vain is not rung for it again before that.
const RESTS_FOR: Duration = Duration::from_secs(30);

/// What a caller hears when the plan says nothing.
const MUSIC: &str = "builtin:music";

/// The prompt that has words for what follows the number.
const PLACE: &str = "/you-are-number";

/// A caller in a queue.
#[derive(Debug)]
pub(super) struct Queueing {
    ticket: Ticket,
    since: Timestamp,
    until: Timestamp,
    music: Sound,
    /// The prompt before its place.
    position: Option<String>,
    /// In which the place is told.
    language: String,
    told_at: Option<Timestamp>,
    /// When somebody becomes free whom no call frees.
    again: Option<Timestamp>,
    rung: HashMap<LegId, TargetId>,
    /// Whom it has rung in vain, and until when they are left alone.
    resting: HashMap<TargetId, Timestamp>,
}

impl PlannedCall {
    /// The call has come to a queue, and has a place in it.
    pub(super) fn begin_waiting(&mut self, ticket: Ticket, instruction: &Instruction) {
        let Instruction::Queue {
            group,
            longest_wait,
            music,
            position,
            options,
            ..
        } = instruction
        else {
            return;
        };
        self.take_options(*group, options);
        let music = Sound::repeated(music.as_deref().unwrap_or(MUSIC));
        self.manner.meanwhile = music.clone();
        let profile = self.known.destinations.group_profiles.get(group);
        let language = profile.and_then(|profile| profile.languages.first());
        self.waits = Some(Queueing {
            ticket,
            since: self.now,
            until: self.now + *longest_wait,
            music,
            language: spoken_in(position.as_deref(), language.map(String::as_str)),
            position: position.clone(),
            told_at: None,
            again: None,
            rung: HashMap::new(),
            resting: HashMap::new(),
        });
    }

    /// What a caller in a queue does next: somebody is free for it, or it waits. `None` when it has waited long enough.
    pub(super) fn go_on_waiting(&mut self) -> Option<Next> {
        let until = self.waits.as_ref()?.until;
        if self.now >= until {
            self.leave_queue("gave up waiting");
            self.walk.outcome(StepOutcome::WaitedTooLong);
            return None;
        }
        while self.finds_somebody() {
            if let Some(ring) = self.next_round() {
                return Some(ring);
            }
            // Others were quicker, or none of them may be dialled.
            self.group = None;
        }
        Some(self.wait())
    }

    /// Looks who is free, when it is this caller's turn, and takes a place in their group.
    fn finds_somebody(&mut self) -> bool {
        let Some(waits) = &mut self.waits else {
            return false;
        };
        let now = self.now;
        let periods = self.known.periods(now);
        let mut deciding = self.places.decide();
        deciding.keep_time(&periods);
        if waits.again.is_some_and(|at| now >= at) && deciding.is_first(&waits.ticket) {
            deciding.time_has_passed();
        }
        waits.again = None;
        if !deciding.may_look(&waits.ticket) {
            return false;
        }
        let targets = &deciding.loads().targets;
        waits.resting.retain(|target, until| {
            let ready = targets.get(target).and_then(|load| load.ready_at);
            // An agent who has said to be ready since is there, whatever was before.
            *until > now && ready.is_none_or(|ready| ready + RESTS_FOR <= *until)
        });
        let mut bits = rand::random::<u64>;
        let view = View {
            facts: &self.about,
            destinations: &self.known.destinations,
            loads: deciding.loads(),
        };
        let Some(balanced) = self.walk.free_now(&view, now, &mut Chance::new(&mut bits)) else {
            return false;
        };
        let mut choices = balanced.choices;
        let found = choices.len();
        choices.retain(|choice| !waits.resting.contains_key(&choice.target));
        let caps = self.known.group_caps(balanced.group);
        let place = if choices.is_empty() {
            None
        } else {
            deciding.take_group(balanced.group, &caps).ok()
        };
        let for_others = balanced
            .passed
            .iter()
            .any(|passed| passed.skip == Skip::Language);
        let others = place.is_some() || choices.len() < found || for_others;
        deciding.looked(&waits.ticket, others);
        let Some(place) = place else {
            let first = deciding.is_first(&waits.ticket);
            let passed = balanced.passed.iter().map(|passed| &passed.skip);
            let full = full_group(&caps, deciding.loads(), balanced.group);
            let skips = passed.chain(&full).filter(|_| first);
            let rests = waits.resting.values().copied();
            waits.again = skips
                .filter_map(|skip| free_at(skip, &periods))
                .chain(rests)
                .min();
            return false;
        };
        deciding.rings(&waits.ticket);
        drop(deciding);
        self.group = Some(place);
        self.rounds = rounds(&choices);
        true
    }

    fn wait(&mut self) -> Next {
        let Some(waits) = &mut self.waits else {
            return Next::End { reason: None };
        };
        let place = self.places.decide().place_in_queue(&waits.ticket);
        let due = waits.told_at.is_none_or(|at| self.now >= at + TELLS_AFTER);
        let told = waits.position.as_ref().filter(|_| due);
        let announcement = told.map(|prompt| announcement(prompt, place, &waits.language));
        if announcement.is_some() {
            waits.told_at = Some(self.now);
        }
        let tells = waits.told_at.map(|at| at + TELLS_AFTER);
        let until = waits.until;
        Next::Wait {
            music: waits.music.clone(),
            announcement,
            until: tells.into_iter().chain(waits.again).fold(until, Ord::min),
        }
    }

    /// What happens to a call in a queue.
    pub(super) fn note_in_queue(&mut self, event: &CallEventKind) {
        let Some(waits) = &mut self.waits else { return };
        match event {
            CallEventKind::Ringing { leg, target, .. } => {
                waits.rung.insert(*leg, *target);
            }
            CallEventKind::LegFailed { leg, outcome, .. } => {
                if let Some(target) = waits.rung.remove(leg)
                    && *outcome != LegOutcome::Cancelled
                {
                    waits.resting.insert(target, self.now + RESTS_FOR);
                }
            }
            CallEventKind::Answered { .. } => self.leave_queue("is put through"),
            CallEventKind::HungUp { by: Party::Caller } => self.leave_queue("hung up"),
            CallEventKind::HungUp { .. } | CallEventKind::Ended { .. } => {
                self.leave_queue("was hung up");
            }
            _ => {}
        }
    }

    /// Rests a target that cannot be rung for this caller at all.
    pub(super) fn leave_alone(&mut self, target: TargetId) {
        let until = self.now + RESTS_FOR;
        if let Some(waits) = &mut self.waits {
            waits.resting.insert(target, until);
        }
    }

    fn leave_queue(&mut self, how: &str) {
        let Some(waits) = self.waits.take() else {
            return;
        };
        let place = self.places.decide().place_in_queue(&waits.ticket);
        let seconds = self.now.since(waits.since).as_secs();
        self.tell_decided(format!(
            "the caller {how} after {seconds} s in the queue, at place {place}"
        ));
    }
}

/// Which cap of a group is reached.
fn full_group(caps: &Caps, loads: &Loads, group: TargetGroupId) -> Option<Skip> {
    let load = loads.groups.get(&group)?;
    full(caps, [load.active, load.hour, load.day, load.month])
}

/// When a target or group is free again by the clock alone.
fn free_at(skip: &Skip, periods: &Periods) -> Option<Timestamp> {
    match skip {
        Skip::Hour(_) => Some(periods.hour.end),
        Skip::Day(_) => Some(periods.day.end),
        Skip::Month(_) => Some(periods.month.end),
        Skip::WrappingUp { until, .. } | Skip::BreakerOpen { until, .. } => Some(*until),
        _ => None,
    }
}

/// The language of a number after a prompt: the prompt's own, when it is one that every installation has.
fn spoken_in(prompt: Option<&str>, of_group: Option<&str>) -> String {
    let builtin = prompt.and_then(|prompt| prompt.strip_prefix("builtin:")?.split('/').next());
    builtin.or(of_group).unwrap_or("en").to_owned()
}

/// "You are number 3 in the queue."
fn announcement(prompt: &str, place: u32, language: &str) -> Sound {
    let number = Piece::Number {
        value: place,
        language: language.to_owned(),
    };
    let sound = Sound::prompt(prompt).then(number);
    match prompt.strip_suffix(PLACE) {
        Some(language) if language.starts_with("builtin:") => {
            sound.then(Piece::Prompt(format!("{language}/in-the-queue")))
        }
        _ => sound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_the_language_of_its_prompt() {
        for (prompt, of_group, language) in [
            ("builtin:de/you-are-number", Some("en"), "de"),
            ("place", Some("de-AT"), "de-AT"),
            ("place", None, "en"),
        ] {
            assert_eq!(spoken_in(Some(prompt), of_group), language);
        }
        let told = announcement("builtin:de/you-are-number", 3, "de").pieces;
        let last = Piece::Prompt("builtin:de/in-the-queue".into());
        assert_eq!((told.len(), told.last()), (3, Some(&last)));
        assert_eq!(announcement("place", 3, "en").pieces.len(), 2);
    }
}
