//! What a decision is made from: what is known of the call, and how its targets stand at this moment.

use std::collections::HashMap;

use ringfence_model::{AgentState, BreakReason, E164, Source, TargetGroupId, TargetId, Timestamp};

use crate::{Breaker, Destinations};

/// What is known of a call. A thing that is not known matches no condition that asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFacts {
    /// Who calls; `None` when the number is withheld.
    pub caller: Option<E164>,
    /// The tracking number that was called.
    pub dialled: Option<E164>,
    /// The languages of the visitor's browser (RFC 5646), the best first.
    pub visitor_languages: Vec<String>,
    /// The language that the caller is known to speak, from earlier calls or the number's country.
    pub caller_language: Option<String>,
    /// ISO 3166-1 alpha-2
    pub country: Option<String>,
    /// ISO 3166-2: `GB-LND`.
    pub region: Option<String>,
    /// `phone`, `tablet`, `desktop`.
    pub device: Option<String>,
    /// What the source rules made of the visit.
    pub source: Option<Source>,
    /// Tags of the visit and of the number.
    pub tags: Vec<String>,
    /// Whether this caller has called the account before.
    pub returning: bool,
    /// Who spoke last with this caller.
    pub last_target: Option<TargetId>,
}

impl CallFacts {
    /// The languages in which to speak to the caller, the best first.
    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> {
        self.visitor_languages
            .iter()
            .chain(&self.caller_language)
            .map(String::as_str)
    }
}

/// How targets and groups stand, as it was read a moment ago. One that is missing has no calls and no limit reached.
#[derive(Debug, Clone, Default)]
pub struct Loads {
    /// Targets by id.
    pub targets: HashMap<TargetId, TargetLoad>,
    /// Groups by id.
    pub groups: HashMap<TargetGroupId, GroupLoad>,
}

/// How a target stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetLoad {
    /// Calls that ring there or are talked on.
    pub active: u32,
    /// Calls since the hour began.
    pub hour: u32,
    /// Calls since the day began.
    pub day: u32,
    /// Calls since the month began.
    pub month: u32,
    /// Calls that rang there lately and were not given up by others, for the answer rate.
    pub rung: u32,
    /// How many of them were answered.
    pub answered: u32,
    /// When it last rang.
    pub last_rung_at: Option<Timestamp>,
    /// When its last answered call ended.
    pub last_ended_at: Option<Timestamp>,
    /// Whether calls get through.
    pub breaker: Breaker,
    /// What its agent says, when it is an agent's.
    pub agent: Option<AgentState>,
    /// Why its agent is on a break.
    pub break_reason: Option<BreakReason>,
    /// When its agent last said to be ready: a call that ended before leaves nothing to wrap up.
    pub ready_at: Option<Timestamp>,
}

impl TargetLoad {
    /// Since when it has had nothing to do. A ring that nobody answered counts, so that a desk without a person does not
    /// stand before the others for ever.
    pub(crate) fn idle_since(&self) -> Option<Timestamp> {
        self.last_ended_at.max(self.last_rung_at)
    }
}

/// How a group stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupLoad {
    /// Calls of all its targets that came by this group.
    pub active: u32,
    /// Calls since the hour began.
    pub hour: u32,
    /// Calls since the day began.
    pub day: u32,
    /// Calls since the month began.
    pub month: u32,
    /// Callers who wait in its queue.
    pub waiting: u32,
    /// How many calls it was asked to spread before this one: read and counted up in one go.
    pub cursor: u64,
    /// The cursor at which each target last rang for this group.
    pub turns: HashMap<TargetId, u64>,
}

/// Everything that a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The call.
    pub facts: &'a CallFacts,
    /// What the account has.
    pub destinations: &'a Destinations,
    /// How it stands.
    pub loads: &'a Loads,
}

impl View<'_> {
    /// How a target stands. One with an agent who has said nothing is signed out.
    pub(crate) fn load(&self, target: TargetId) -> TargetLoad {
        let mut load = self.loads.targets.get(&target).copied().unwrap_or_default();
        if load.agent.is_none() && self.destinations.agents.contains(&target) {
            load.agent = Some(AgentState::SignedOut);
        }
        load
    }
}
