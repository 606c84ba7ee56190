//! What a call can do that is told everything beforehand: whom it rings, in which order, and what the caller is told
//! at the end. [`Walk`](crate::Walk) goes step by step, [`trial`](crate::trial()) as if nobody answered.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ringfence_model::{
    E164, GroupProfile, LegId, Target, TargetGroup, TargetGroupId, TargetId, TargetProfile, TrunkId,
};

/// The most candidates of one route: a caller has hung up long before the last of them rings.
pub const MAX_CANDIDATES: usize = 50;

/// What an account has that a plan may name. Groups and targets without a profile have the default one.
#[derive(Debug, Clone, Default)]
pub struct Destinations {
    /// Groups by id.
    pub groups: HashMap<TargetGroupId, TargetGroup>,
    /// Targets by id, paused ones too.
    pub targets: HashMap<TargetId, Target>,
    /// How groups spread their calls.
    pub group_profiles: HashMap<TargetGroupId, GroupProfile>,
    /// Languages, caps, hours and trunks of targets.
    pub profiles: HashMap<TargetId, TargetProfile>,
    /// Targets that have an agent: without a word of their agents, they are signed out.
    pub agents: HashSet<TargetId>,
    /// Trunks by id.
    pub trunks: HashSet<TrunkId>,
    /// Names of prompts; `None` when they are not known, and then none is asked for.
    pub prompts: Option<HashSet<String>>,
}

/// One target that a call will ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The id that its leg will have.
    pub leg: LegId,
    /// The target.
    pub target: TargetId,
    /// The target's name.
    pub name: String,
    /// The SIP URI to ring (RFC 3261 §19.1).
    pub uri: String,
    /// How long it rings before the next one does.
    pub ring_timeout: Duration,
    /// The number that it sees, in the place of the caller's.
    pub shown: Option<E164>,
    /// Why it is rung at this place, in words that are shown.
    pub reason: String,
}

/// What the plan says the caller is told when no candidate answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A SIP status code, 400 to 699.
    pub code: u16,
    /// Why, in words that are shown.
    pub reason: String,
}

/// The whole way of a call through its plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Whom to ring, in order; may be empty.
    pub candidates: Vec<Candidate>,
    /// The plan's own last word. `None` when the plan ends at a ring step: then the code follows from
    /// what the targets answered.
    pub refuse: Option<Refusal>,
}
