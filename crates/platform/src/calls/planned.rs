//! A call that follows its plan: what its machine asks is answered from the plan, as things stand at that moment, and
//! places are held at whoever it rings.
//!
//! Synchronous, and without a message: it runs in the call's own task, between two packets of its signalling.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ringfence_callflow::{Call, Input, Manner, Next, Options, Output, Piece, Sound};
use ringfence_live::{AccountPlaces, Place};
use ringfence_model::{
    CallEventKind, CallerIdShown, Caps, E164, LegId, LegOutcome, PlanDocument, TargetGroupId,
    TargetId, Timestamp, TrunkId,
};
use ringfence_routing::{
    CallFacts, Candidate, Chance, Choice, Decision, Instruction, Periods, Refusal, RingOptions,
    StepOutcome, View, Walk, periods,
};
use ringfence_telephony::{Flow, PhoneDirectory};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::facts::NumberFacts;
use super::manner;
use super::queueing::Queueing;
use super::transferring::Transferring;
use crate::arrangement::number_of;
use crate::minutes::CallMinutes;
use crate::phones::user_of;
use crate::random;

/// As many ring at once as a call's sound has lines (decision 13); those after them are the next round.
pub(super) const MOST_AT_ONCE: usize = 16;

/// One call on its way through its plan.
#[derive(Debug)]
pub(super) struct PlannedCall {
    pub(super) call: Call,
    pub(super) walk: Walk,
    pub(super) about: CallFacts,
    pub(super) known: Arc<NumberFacts>,
    pub(super) places: AccountPlaces,
    phones: PhoneDirectory,
    /// The telephone numbers that it dials.
    minutes: CallMinutes,
    /// Those who are rung next when nobody answers, of the step that is taken.
    pub(super) rounds: VecDeque<Vec<Choice>>,
    /// How they are rung.
    pub(super) manner: Manner,
    /// The number that they see, when it is not the caller's.
    shown: Option<E164>,
    /// Whether the account wants conversations recorded.
    records: bool,
    /// Its place in the group that it is rung for.
    pub(super) group: Option<Place>,
    /// The queue that it is in.
    pub(super) waits: Option<Queueing>,
    /// What is known of a transfer of it.
    pub(super) transferring: Transferring,
    /// Notified when it may look again who is free.
    pub(super) wake: Arc<Notify>,
    /// Its places at the targets that ring or talk.
    pub(super) held: Vec<Held>,
    outputs: VecDeque<Output>,
    pub(super) now: Timestamp,
    has_begun: bool,
}

/// What a call shares with others.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// Who of its account has how many calls.
    pub(super) places: AccountPlaces,
    /// Where phones are registered.
    pub(super) phones: PhoneDirectory,
    /// What its account dials.
    pub(super) minutes: CallMinutes,
    /// Where it asks about a transfer.
    pub(super) transferring: Transferring,
}

impl Surroundings {
    pub(super) fn of(
        platform: &crate::Platform,
        account: ringfence_model::AccountId,
        transferring: Transferring,
        now: Timestamp,
    ) -> Self {
        Self {
            places: platform.live.places(account),
            phones: platform.phones.directory.clone(),
            minutes: platform.minutes.of_call(account, now),
            transferring,
        }
    }
}

/// A place at a target.
#[derive(Debug)]
pub(super) struct Held {
    /// The legs that it was taken for.
    pub(super) legs: Vec<LegId>,
    target: TargetId,
    name: String,
    /// The group that the target is rung for; none when it is rung by itself.
    group: Option<TargetGroupId>,
    place: Place,
}

impl PlannedCall {
    /// A call that begins `now`; `about` it is what the plan may ask, and it is recorded where the plan says nothing if the
    /// account `records`.
    pub(super) fn new(
        surroundings: Surroundings,
        plan: &Arc<PlanDocument>,
        known: Arc<NumberFacts>,
        about: CallFacts,
        records: bool,
        now: Timestamp,
    ) -> Self {
        let Surroundings {
            places,
            phones,
            minutes,
            transferring,
        } = surroundings;
        Self {
            call: Call::asking(Options::default(), now),
            walk: Walk::begin(Arc::clone(plan)),
            about,
            known,
            places,
            phones,
            minutes,
            rounds: VecDeque::new(),
            manner: Manner::default(),
            shown: None,
            records,
            group: None,
            waits: None,
            wake: transferring.wake(),
            transferring,
            held: Vec::new(),
            outputs: VecDeque::new(),
            now,
            has_begun: false,
        }
    }

    /// What is next, when that came of the last thing.
    fn next(&mut self, outcome: Option<StepOutcome>) -> Next {
        if let Some(ring) = self.next_round() {
            return ring;
        }
        // Nobody of the step is rung any more: its places are free before others are taken.
        self.group = None;
        self.held.clear();
        if self.waits.is_some() {
            if let Some(next) = self.go_on_waiting() {
                return next;
            }
        } else if let Some(outcome) = outcome {
            self.walk.outcome(outcome);
        }
        loop {
            match self.decide() {
                Instruction::Queue { .. } => {
                    if let Some(next) = self.go_on_waiting() {
                        return next;
                    }
                }
                Instruction::Ring { .. } => {
                    if let Some(ring) = self.next_round() {
                        return ring;
                    }
                    self.group = None;
                    let reason = "nobody of them could be rung".to_owned();
                    self.walk.outcome(StepOutcome::NotAnswered { reason });
                }
                Instruction::Reject { code, reason } => {
                    return Next::Refuse(Refusal { code, reason });
                }
                Instruction::HangUp { reason } => {
                    return Next::End {
                        reason: Some(reason),
                    };
                }
                Instruction::Forward {
                    number,
                    trunk,
                    timeout,
                } => match self.forward(&number, trunk, timeout) {
                    Ok(candidate) => {
                        return Next::Ring {
                            candidates: vec![candidate],
                            manner: manner::of_forward(self.records),
                        };
                    }
                    Err(reason) => self.walk.outcome(StepOutcome::Failed { reason }),
                },
                instruction => match heard(instruction) {
                    Ok(next) => return next,
                    Err(reason) => self.walk.outcome(StepOutcome::Failed { reason }),
                },
            }
        }
    }

    /// Takes the plan's next steps, and a place in the group that they lead to. Counts stand still meanwhile.
    fn decide(&mut self) -> Instruction {
        let mut bits = rand::random::<u64>;
        let mut deciding = self.places.decide();
        deciding.keep_time(&self.known.periods(self.now));
        let view = View {
            facts: &self.about,
            destinations: &self.known.destinations,
            loads: deciding.loads(),
        };
        let decision = self.walk.next(&view, self.now, &mut Chance::new(&mut bits));
        let mut full = None;
        let mut options = None;
        if let Instruction::Ring {
            group,
            choices,
            options: asked,
            ..
        } = &decision.instruction
        {
            options = Some((*group, asked));
            // It was not full a moment ago, and nobody has counted since.
            match deciding.take_group(*group, &self.known.group_caps(*group)) {
                Ok(place) => {
                    self.group = Some(place);
                    self.rounds = rounds(choices);
                }
                Err(skip) => full = Some(format!("the group is {skip}")),
            }
        }
        // Who comes now stands behind all who were counted.
        let ticket = match &decision.instruction {
            Instruction::Queue { group, .. } => {
                Some(deciding.join_queue(*group, Arc::clone(&self.wake)))
            }
            _ => None,
        };
        drop(deciding);
        self.tell(&decision);
        if let Some(ticket) = ticket {
            self.begin_waiting(ticket, &decision.instruction);
        }
        if let Some((group, options)) = options {
            self.take_options(group, options);
        }
        if let Some(reason) = full {
            self.tell_decided(reason);
        }
        self.has_begun = true;
        decision.instruction
    }

    /// How the targets of a step are rung, and what they see.
    pub(super) fn take_options(&mut self, group: TargetGroupId, options: &RingOptions) {
        let profile = self.known.destinations.group_profiles.get(&group);
        let language = profile.and_then(|profile| profile.languages.first());
        self.manner = manner::of_step(options, self.records, language.map(String::as_str));
        self.shown = match &options.caller_id {
            CallerIdShown::Caller => None,
            CallerIdShown::Dialled => self.about.dialled.clone(),
            CallerIdShown::Number(number) if self.known.shown.contains(number) => {
                Some(number.clone())
            }
            CallerIdShown::Number(number) => {
                self.tell_decided(format!(
                    "{number} is not the account's any more: the number that was dialled is shown"
                ));
                self.about.dialled.clone()
            }
        };
    }

    /// Tells the steps that were taken. What the next event says by itself is not told twice: a first step that rings its
    /// whole group, and a last one that leads nowhere.
    fn tell(&mut self, decision: &Decision) {
        let says_nothing_new = match &decision.instruction {
            Instruction::Ring { passed, .. } => !self.has_begun && passed.is_empty(),
            Instruction::HangUp { .. } => true,
            _ => false,
        };
        if says_nothing_new && decision.path.len() == 1 {
            return;
        }
        for entry in &decision.path {
            let (step, reason) = (entry.step.clone(), entry.reason.clone());
            let decided = CallEventKind::Decided { step, reason };
            self.outputs.push_back(Output::Emit(decided));
        }
    }

    pub(super) fn tell_decided(&mut self, reason: String) {
        let step = self.walk.step().unwrap_or_default().to_owned();
        let decided = CallEventKind::Decided { step, reason };
        self.outputs.push_back(Output::Emit(decided));
    }

    /// The next of the step that can be rung, each with a place; who is full by now is passed over and told.
    pub(super) fn next_round(&mut self) -> Option<Next> {
        while let Some(round) = self.rounds.pop_front() {
            let mut ring = Vec::with_capacity(round.len());
            for (others, choice) in (0..round.len()).rev().zip(&round) {
                let room = MOST_AT_ONCE.saturating_sub(ring.len() + others).max(1);
                match self.take(choice, room) {
                    Ok(candidates) => ring.extend(candidates),
                    Err(reason) => {
                        self.tell_decided(format!("{} is passed over: {reason}", choice.name));
                    }
                }
            }
            if !ring.is_empty() {
                return Some(Next::Ring {
                    candidates: ring,
                    manner: self.manner.clone(),
                });
            }
        }
        None
    }

    /// Takes a place at a target of a group; words when it cannot be rung.
    fn take(&mut self, choice: &Choice, room: usize) -> Result<Vec<Candidate>, String> {
        let mut candidate = choice.candidate(LegId::new(self.now, random()));
        candidate.shown.clone_from(&self.shown);
        self.take_for(candidate, choice.trunk, Some(choice.group), room)
    }

    /// Takes a place at a target, as a candidate with the target's own URI; words when it cannot be rung. A phone that is
    /// registered at several places rings at all of them, at most `room`.
    pub(super) fn take_for(
        &mut self,
        mut candidate: Candidate,
        trunk: Option<TrunkId>,
        group: Option<TargetGroupId>,
        room: usize,
    ) -> Result<Vec<Candidate>, String> {
        let (target, name) = (candidate.target, candidate.name.clone());
        let mut others = Vec::new();
        if let Some(user) = user_of(&candidate.uri).map(ToOwned::to_owned) {
            let places = self.phones.reached(target, self.now);
            let mut uris = places
                .unwrap_or_default()
                .into_iter()
                .map(|place| place.uri);
            let first = uris.next();
            candidate.uri = first.ok_or_else(|| format!("the phone {user} is not registered"))?;
            others = uris
                .take(room.saturating_sub(1))
                .map(|uri| Candidate {
                    leg: LegId::new(self.now, random()),
                    uri,
                    ..candidate.clone()
                })
                .collect();
        }
        if let (Some(number), Some(trunk)) = (number_of(&candidate.uri), trunk) {
            candidate.uri = match self.dial(&number, trunk, candidate.leg) {
                Ok(uri) => uri,
                Err(why) => {
                    self.leave_alone(target);
                    return Err(why);
                }
            };
        }
        let profile = self.known.destinations.profiles.get(&target);
        let caps = profile.map_or_else(Caps::default, |profile| profile.caps);
        let mut deciding = self.places.decide();
        deciding.keep_time(&self.known.periods(self.now));
        let place = deciding.take_target(target, group, &caps, self.now);
        drop(deciding);
        let place = place.map_err(|skip| {
            self.minutes.ended(candidate.leg, self.now);
            skip.to_string()
        })?;
        let candidates = [vec![candidate], others].concat();
        let legs = candidates.iter().map(|candidate| candidate.leg).collect();
        self.held.push(Held {
            legs,
            target,
            name,
            group,
            place,
        });
        Ok(candidates)
    }

    /// Takes a place at a target that has the call already, in another one of the house: its caps were asked then.
    pub(super) fn hold_uncapped(&mut self, candidate: &Candidate) -> Result<(), String> {
        let caps = Caps::default();
        let group = None::<TargetGroupId>;
        let mut deciding = self.places.decide();
        let taken = deciding.take_target(candidate.target, group, &caps, self.now);
        drop(deciding);
        let place = taken.map_err(|skip| skip.to_string())?;
        self.held.push(Held {
            legs: vec![candidate.leg],
            target: candidate.target,
            name: candidate.name.clone(),
            group,
            place,
        });
        Ok(())
    }

    /// The target that a leg was rung at, and its name.
    pub(super) fn held_by(&self, leg: LegId) -> Option<(TargetId, &str)> {
        let held = self.held.iter().find(|held| held.legs.contains(&leg))?;
        Some((held.target, &held.name))
    }

    /// A number over its trunk; words when it may not be dialled. What was allowed when the plan was applied may be closed
    /// by now.
    pub(super) fn forward(
        &mut self,
        number: &E164,
        trunk: TrunkId,
        timeout: Duration,
    ) -> Result<Candidate, String> {
        let leg = LegId::new(self.now, random());
        Ok(Candidate {
            leg,
            target: target_of(number),
            name: number.to_string(),
            uri: self.dial(number, trunk, leg)?,
            ring_timeout: timeout,
            shown: None,
            reason: "the plan forwards to it".to_owned(),
        })
    }

    /// The URI that reaches a number, when it may be dialled, and is counted from now on.
    fn dial(&mut self, number: &E164, trunk: TrunkId, leg: LegId) -> Result<String, String> {
        let uri = self.known.reach.uri(number, trunk);
        let dialled = uri.and_then(|uri| self.minutes.begin(leg, self.now).map(|()| uri));
        dialled.inspect_err(|why| {
            metrics::counter!("ringfence_numbers_not_dialled_total").increment(1);
            tracing::warn!(number = number.masked(), "a number is not dialled: {why}");
        })
    }

    /// Says for which group a target rings.
    fn name_group(&self, event: &mut CallEventKind) {
        if let CallEventKind::Ringing { leg, group, .. } = event {
            let held = self.held.iter().find(|held| held.legs.contains(leg));
            *group = held.and_then(|held| held.group);
        }
    }

    /// Gives places back when what they were taken for is over.
    fn note(&mut self, event: &CallEventKind) {
        self.note_in_queue(event);
        self.note_in_transfer(event);
        match event {
            CallEventKind::LegFailed { leg, outcome, .. } => {
                self.minutes.ended(*leg, self.now);
                for held in &mut self.held {
                    let rang = held.legs.len();
                    held.legs.retain(|held| held != leg);
                    // Of a phone that is registered at several places: when none of them rings any more.
                    let is_last = held.legs.is_empty() && rang > 0;
                    if is_last && *outcome != LegOutcome::Cancelled {
                        held.place.missed();
                    }
                }
                self.held.retain(|held| !held.legs.is_empty());
            }
            CallEventKind::Left { leg } => self.minutes.ended(*leg, self.now),
            // The carrier counts from here, whether that one takes the call or not.
            CallEventKind::PickedUp { leg, .. } => self.minutes.answered(*leg, self.now),
            CallEventKind::Answered { leg } => {
                self.minutes.answered(*leg, self.now);
                let mut held = self.held.iter_mut();
                if let Some(held) = held.find(|held| held.legs.contains(leg)) {
                    held.place.answered();
                    if let Some(group) = &mut self.group {
                        group.answered();
                    }
                }
                self.rounds.clear();
            }
            CallEventKind::HungUp { .. } | CallEventKind::Ended { .. } => {
                self.minutes.all_ended(self.now);
                self.held.clear();
                self.group = None;
            }
            _ => {}
        }
    }
}

impl Flow for PlannedCall {
    fn handle(&mut self, input: Input, now: Timestamp) {
        self.now = now;
        if input == Input::LookAgain {
            // Before what was asked is known: a wish that comes meanwhile is one too many.
            self.look_at_wish();
            self.look_at_transfer();
        }
        self.call.handle(input, now);
    }

    fn poll(&mut self) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            match self.call.poll() {
                Output::Ask(outcome) => {
                    let next = self.next(outcome);
                    self.call.proceed(next, self.now);
                }
                Output::AskTransfer(ask) => self.asked_about_transfer(ask),
                Output::Emit(mut event) => {
                    self.note(&event);
                    self.name_group(&mut event);
                    self.outputs.push_back(Output::Emit(event));
                }
                output => return output,
            }
        }
    }

    fn is_talking(&self) -> bool {
        self.call.is_talking()
    }

    fn wake(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.wake))
    }
}

impl NumberFacts {
    /// The hour, day and month of the account.
    pub(super) fn periods(&self, now: Timestamp) -> Periods {
        periods(now, &self.zone)
    }

    pub(super) fn group_caps(&self, group: TargetGroupId) -> Caps {
        let profile = self.destinations.group_profiles.get(&group);
        profile.map_or_else(Caps::default, |profile| profile.caps)
    }
}

/// A leg's row names a target. That of a number which is none is made from the number: always the same, and nobody else's.
fn target_of(number: &E164) -> TargetId {
    let digest = Sha256::digest(number.as_str());
    let mut octets = [0; 16];
    octets.copy_from_slice(&digest[..16]);
    TargetId(uuid::Builder::from_custom_bytes(octets).into_uuid())
}

/// Choices by the rounds in which they are rung.
pub(super) fn rounds(choices: &[Choice]) -> VecDeque<Vec<Choice>> {
    choices
        .chunk_by(|one, other| one.round == other.round)
        .flat_map(|round| round.chunks(MOST_AT_ONCE))
        .map(<[Choice]>::to_vec)
        .collect()
}

/// What the caller is to hear; words for what is nothing to be heard.
fn heard(instruction: Instruction) -> Result<Next, String> {
    match instruction {
        Instruction::Say { prompt } => Ok(Next::Say(Sound::prompt(prompt))),
        Instruction::Menu {
            prompt, timeout, ..
        } => Ok(Next::Menu {
            sound: Sound::prompt(prompt),
            timeout,
        }),
        Instruction::Voicemail { prompt, longest } => {
            let greeting = prompt.map(Sound::prompt).unwrap_or_default();
            Ok(Next::TakeMessage {
                greeting: greeting.then(Piece::Prompt("builtin:beep".to_owned())),
                longest,
            })
        }
        Instruction::Queue { .. }
        | Instruction::Ring { .. }
        | Instruction::Forward { .. }
        | Instruction::Reject { .. }
        | Instruction::HangUp { .. } => Err("it is nothing to be heard".to_owned()),
    }
}

#[cfg(test)]
#[path = "planned_tests.rs"]
pub(super) mod tests;
