//! Balancing: the targets of a group in the order in which a call tries them, and why the others are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringfence_model::{
    GroupProfile, LanguageUse, Strategy, TargetGroup, TargetGroupId, TargetId, TargetProfile,
    Timestamp, TrunkId,
};

use crate::chance::Chance;
use crate::facts::View;
use crate::language::speaks;
use crate::order::{Able, ordered};
use crate::route::{Candidate, MAX_CANDIDATES};
use crate::skip::{Skip, admitted, full};

/// Wanted languages that are looked at; who sends more means none of the later ones.
const MOST_LANGUAGES: usize = 16;

/// A target that a call tries, and why it stands where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The target.
    pub target: TargetId,
    /// Its name.
    pub name: String,
    /// The URI to ring (SIP, RFC 3261 §19.1, or `tel:`, RFC 3966).
    pub uri: String,
    /// The trunk that carries the call, for a number.
    pub trunk: Option<TrunkId>,
    /// The group whose counts it adds to.
    pub group: TargetGroupId,
    /// How long it rings.
    pub ring_timeout: Duration,
    /// Those of one round ring together; the next round begins when none of them answered.
    pub round: u16,
    /// It is the one call by which its breaker finds out: claim it with [`Breaker::probe`](crate::Breaker::probe).
    pub probe: bool,
    /// Why it stands at this place, in words that are shown.
    pub reason: String,
}

impl Choice {
    /// The choice as a candidate of a call, with the id that its leg will have.
    pub fn candidate(&self, leg: ringfence_model::LegId) -> Candidate {
        Candidate {
            leg,
            target: self.target,
            name: self.name.clone(),
            uri: self.uri.clone(),
            ring_timeout: self.ring_timeout,
            shown: None,
            reason: self.reason.clone(),
        }
    }
}

/// A target that is not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The target.
    pub target: TargetId,
    /// Its name.
    pub name: String,
    /// Why.
    pub skip: Skip,
}

/// What balancing made of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balanced {
    /// The group whose targets are tried: the asked one, or one that it flows over to.
    pub group: TargetGroupId,
    /// The strategy that put them in order.
    pub strategy: Strategy,
    /// Whom to try, in order; at most [`MAX_CANDIDATES`]. Empty when nobody can be.
    pub choices: Vec<Choice>,
    /// Who is passed over, in all groups that were looked at.
    pub passed: Vec<Passed>,
    /// What happened group by group, in words that are shown.
    pub notes: Vec<String>,
}

/// Puts the targets of a group in order. When none can be rung, the group that it flows over to is asked, and so on.
///
/// `strategy` and `timeout` stand before what the group says. Who speaks the wanted language comes first, whatever the
/// strategy; within a language, the strategy decides. A `sticky` target stands before all.
pub fn balance(
    asked: TargetGroupId,
    strategy: Option<Strategy>,
    timeout: Option<Duration>,
    view: &View<'_>,
    now: Timestamp,
    chance: &mut Chance<'_>,
) -> Balanced {
    let default_profile = GroupProfile::default();
    let mut balanced = Balanced {
        group: asked,
        strategy: strategy.unwrap_or_default(),
        choices: Vec::new(),
        passed: Vec::new(),
        notes: Vec::new(),
    };
    let mut seen = BTreeSet::new();
    let mut next = Some(asked);
    while let Some(id) = next {
        if !seen.insert(id) {
            let note = "its overflow comes back to a group that was asked already";
            balanced.notes.push(note.to_owned());
            break;
        }
        let Some(group) = view.destinations.groups.get(&id) else {
            balanced.notes.push(format!("there is no group {id}"));
            break;
        };
        let profile = view
            .destinations
            .group_profiles
            .get(&id)
            .unwrap_or(&default_profile);
        let look = Look {
            group,
            profile,
            strategy: strategy.unwrap_or(profile.strategy),
            timeout,
        };
        balanced.strategy = look.strategy;
        balanced.group = id;
        balanced.choices = look.at(view, now, chance, &mut balanced.passed, &mut balanced.notes);
        if !balanced.choices.is_empty() {
            break;
        }
        next = profile.overflow;
        if next.is_some() {
            let note = format!("{:?} flows over to another group", group.name);
            balanced.notes.push(note);
        }
    }
    balanced
}

/// One group that is looked at.
struct Look<'a> {
    group: &'a TargetGroup,
    profile: &'a GroupProfile,
    strategy: Strategy,
    timeout: Option<Duration>,
}

impl Look<'_> {
    fn at(
        &self,
        view: &View<'_>,
        now: Timestamp,
        chance: &mut Chance<'_>,
        passed: &mut Vec<Passed>,
        notes: &mut Vec<String>,
    ) -> Vec<Choice> {
        let name = &self.group.name;
        let nothing = crate::GroupLoad::default();
        let load = view.loads.groups.get(&self.group.id).unwrap_or(&nothing);
        let counts = [load.active, load.hour, load.day, load.month];
        if let Some(cap) = full(&self.profile.caps, counts) {
            notes.push(format!("group {name:?} is {cap}"));
            return Vec::new();
        }
        let before = passed.len();
        let (tiers, probes) = self.able(view, now, passed);
        let mut choices: Vec<Choice> = Vec::new();
        let mut round = 0;
        for (tier, able) in tiers {
            let together = self.strategy == Strategy::Simultaneous;
            for (able, why) in ordered(self.strategy, able, self.profile, load, now, chance) {
                let mut reason = format!("group {name:?}: ");
                reason += if tier == Tier::Sticky {
                    "spoke last with this caller"
                } else {
                    &why
                };
                if let Tier::Speaks(_, language) = &tier {
                    reason = format!("{reason}; speaks {language}");
                }
                let probe = probes.contains(&able.target);
                if probe {
                    reason += "; calls failed there, this one finds out";
                }
                choices.extend(self.choice(view, &able, round, probe, reason));
                round += u16::from(!together);
            }
            round += u16::from(together);
        }
        choices.truncate(MAX_CANDIDATES);
        notes.push(self.summary(choices.len(), &passed[before..]));
        choices
    }

    /// Who may be rung, by language, and who of them only as a probe.
    fn able(
        &self,
        view: &View<'_>,
        now: Timestamp,
        passed: &mut Vec<Passed>,
    ) -> (BTreeMap<Tier, Vec<Able>>, BTreeSet<TargetId>) {
        let wanted = self.wanted(view);
        let no_profile = TargetProfile::default();
        let mut tiers: BTreeMap<Tier, Vec<Able>> = BTreeMap::new();
        let mut probes = BTreeSet::new();
        let mut met = BTreeSet::new();
        for (place, member) in self.group.members.iter().enumerate() {
            let Some(target) = view.destinations.targets.get(&member.target) else {
                continue;
            };
            if !met.insert(target.id) {
                continue;
            }
            let profile = view
                .destinations
                .profiles
                .get(&target.id)
                .unwrap_or(&no_profile);
            let load = view.load(target.id);
            let tier = self.tier(view, profile, &wanted, target.id);
            let skip = match admitted(target, profile, &load, now) {
                Err(skip) => Some(skip),
                Ok(_) if tier == Tier::Everyone && self.language_is_required(&wanted) => {
                    Some(Skip::Language)
                }
                Ok(probe) => {
                    if probe {
                        probes.insert(target.id);
                    }
                    None
                }
            };
            match skip {
                Some(skip) => passed.push(Passed {
                    target: target.id,
                    name: target.name.clone(),
                    skip,
                }),
                None => tiers.entry(tier).or_default().push(Able {
                    target: target.id,
                    place,
                    member: self.profile.member(target.id),
                    load,
                }),
            }
        }
        (tiers, probes)
    }

    fn wanted<'v>(&'v self, view: &View<'v>) -> Vec<&'v str> {
        if self.profile.language == LanguageUse::Ignore {
            return Vec::new();
        }
        let fallbacks = self.profile.languages.iter().map(String::as_str);
        view.facts
            .languages()
            .chain(fallbacks)
            .take(MOST_LANGUAGES)
            .collect()
    }

    fn language_is_required(&self, wanted: &[&str]) -> bool {
        self.profile.language == LanguageUse::Require && !wanted.is_empty()
    }

    fn tier(
        &self,
        view: &View<'_>,
        profile: &TargetProfile,
        wanted: &[&str],
        target: TargetId,
    ) -> Tier {
        if self.strategy == Strategy::Sticky && view.facts.last_target == Some(target) {
            return Tier::Sticky;
        }
        wanted
            .iter()
            .position(|wanted| speaks(&profile.languages, wanted))
            .map_or(Tier::Everyone, |index| {
                Tier::Speaks(index, wanted[index].to_owned())
            })
    }

    fn choice(
        &self,
        view: &View<'_>,
        able: &Able,
        round: u16,
        probe: bool,
        reason: String,
    ) -> Option<Choice> {
        let target = view.destinations.targets.get(&able.target)?;
        let member = self.group.members.get(able.place)?;
        let profile = view.destinations.profiles.get(&able.target);
        Some(Choice {
            target: target.id,
            name: target.name.clone(),
            uri: target.uri.clone(),
            trunk: profile.and_then(|profile| profile.trunk),
            group: self.group.id,
            ring_timeout: self.timeout.unwrap_or(member.ring_timeout),
            round,
            probe,
            reason,
        })
    }

    fn summary(&self, able: usize, passed: &[Passed]) -> String {
        /// Passed targets that a summary names.
        const NAMED: usize = 10;
        let mut text = match able {
            0 => format!("nobody of group {:?} can be rung", self.group.name),
            _ => format!("{able} of group {:?} can be rung", self.group.name),
        };
        if !passed.is_empty() {
            let named: Vec<String> = passed
                .iter()
                .take(NAMED)
                .map(|passed| format!("{} ({})", passed.name, passed.skip))
                .collect();
            text = format!("{text}; passed over: {}", named.join(", "));
            if passed.len() > NAMED {
                text = format!("{text} and {} more", passed.len() - NAMED);
            }
        }
        text
    }
}

/// Who comes before whom, whatever the strategy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    /// Spoke last with this caller.
    Sticky,
    /// Speaks a wanted language, by its place among them.
    Speaks(usize, String),
    /// Speaks none of them, or none is wanted.
    Everyone,
}
