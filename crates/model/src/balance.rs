//! How calls are spread over a group's targets: strategies, caps, weights, languages.
//!
//! Every field has a default, and the defaults together ring a group's targets in their order, without any limit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::records::words;
use crate::{Hours, TargetGroupId, TargetId, TrunkId};

words! {
    /// In which order a group's targets are tried.
    Strategy {
        /// By lot that keeps to the members' weights.
        Weighted = "weighted",
        /// Each in its turn.
        RoundRobin = "round_robin",
        /// Whoever has the fewest calls now.
        LeastBusy = "least_busy",
        /// Whoever has waited longest since the last call.
        LongestIdle = "longest_idle",
        /// By the members' priority, then in the order in which the group has them.
        Priority = "priority",
        /// All at once; the first to answer has the call.
        Simultaneous = "simultaneous",
        /// Whoever spoke last with this caller, then as `longest_idle`.
        Sticky = "sticky",
        /// By the rate at which targets answer, with a share of the calls by lot so that each can show how it does now.
        Performance = "performance",
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the macro that makes the words has no place for an attribute on a variant"
)]
impl Default for Strategy {
    fn default() -> Self {
        Self::Priority
    }
}

words! {
    /// What the caller's language does to the order of a group's targets.
    LanguageUse {
        /// Who speaks it comes first, then the next best language, then everyone.
        Prefer = "prefer",
        /// Who speaks none of the wanted languages is passed over.
        Require = "require",
        /// Nothing.
        Ignore = "ignore",
    }
}

#[expect(
    clippy::derivable_impls,
    reason = "the macro that makes the words has no place for an attribute on a variant"
)]
impl Default for LanguageUse {
    fn default() -> Self {
        Self::Prefer
    }
}

/// The most calls of a target or group; `None` is without limit, 0 lets none through.
///
/// A ring counts from its beginning, so that no two take the last place; one that is not answered is given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caps {
    /// At the same time, from the first ring to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// In an hour of the account's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour: Option<u32>,
    /// In a day of the account's calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<u32>,
    /// In a month of the account's calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub month: Option<u32>,
}

/// What balancing knows of a target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetProfile {
    /// The languages that are spoken there (RFC 5646), the best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Its own limits.
    pub caps: Caps,
    /// When it takes calls; `None` is always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Seconds of rest after each call, at most 3600.
    pub wrap_up: u32,
    /// Its agent is put on a break when so many calls in a row rang there in vain, at most 100; 0 is never.
    #[serde(skip_serializing_if = "is_zero")]
    pub break_after: u32,
    /// The trunk that carries its calls, for a target that is a number (`tel:`, RFC 3966).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk: Option<TrunkId>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What balancing knows of a target's place in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemberProfile {
    /// Its share among the weights of the others, 0 to 10,000. 0 is a spare: rung after all others.
    pub weight: u32,
    /// 1 is tried before 2.
    pub priority: u32,
}

impl Default for MemberProfile {
    fn default() -> Self {
        Self {
            weight: 1,
            priority: 1,
        }
    }
}

/// How a group spreads its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupProfile {
    /// The order of its targets, where a step asks for no other.
    pub strategy: Strategy,
    /// Limits of all its calls together.
    pub caps: Caps,
    /// What the caller's language does.
    pub language: LanguageUse,
    /// Languages to try after those of the caller (RFC 4647 §2.3), before everyone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// The group that takes over while no target of this one can be rung.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<TargetGroupId>,
    /// For `performance`: calls by lot, in percent, 0 to 100.
    pub explore: u8,
    /// Weights and priorities; a member that is missing has the default ones.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<TargetId, MemberProfile>,
}

impl Default for GroupProfile {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            caps: Caps::default(),
            language: LanguageUse::default(),
            languages: Vec::new(),
            overflow: None,
            explore: 10,
            members: BTreeMap::new(),
        }
    }
}

impl GroupProfile {
    /// A member's weight and priority.
    pub fn member(&self, target: TargetId) -> MemberProfile {
        self.members.get(&target).copied().unwrap_or_default()
    }
}
