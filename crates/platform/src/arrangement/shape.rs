//! An arrangement as records: names become identifiers, parts become trunks, targets, groups and plans. Pure: new
//! identifiers are drawn by whoever asks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use ringfence_model::{
    AccountId, Dialling, GroupProfile, PlanDocument, Target, TargetGroup, TargetGroupId,
    TargetGroupMember, TargetId, TargetProfile, Trunk, TrunkId,
};
use ringfence_routing::Destinations;

use super::{Arrangement, GroupPart, TargetPart, steps};
use crate::phones;

/// The names of an account's trunks, targets and groups, and the identifiers behind them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Trunks.
    pub trunks: BTreeMap<String, TrunkId>,
    /// Targets.
    pub targets: BTreeMap<String, TargetId>,
    /// Groups.
    pub groups: BTreeMap<String, TargetGroupId>,
}

/// What an arrangement makes, without what belongs to numbers and sites.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Trunks, each with where it takes calls.
    pub trunks: Vec<(Trunk, Option<String>)>,
    /// Targets and what balancing knows of them.
    pub targets: Vec<(Target, TargetProfile)>,
    /// Targets that have an agent.
    pub agents: HashSet<TargetId>,
    /// Groups and how they spread their calls.
    pub groups: Vec<(TargetGroup, GroupProfile)>,
    /// Plans by name.
    pub plans: Vec<(String, PlanDocument)>,
    /// What is wrong with how the plans are written.
    pub problems: Vec<String>,
}

impl Names {
    /// These, and one for each that the arrangement names and that has none yet.
    #[must_use]
    pub fn with(mut self, arrangement: &Arrangement, mut draw: impl FnMut() -> uuid::Uuid) -> Self {
        for part in &arrangement.trunk {
            self.trunks
                .entry(part.name.clone())
                .or_insert_with(|| TrunkId(draw()));
        }
        for part in &arrangement.target {
            self.targets
                .entry(part.name.clone())
                .or_insert_with(|| TargetId(draw()));
        }
        for part in &arrangement.group {
            self.groups
                .entry(part.name.clone())
                .or_insert_with(|| TargetGroupId(draw()));
        }
        self
    }
}

impl Arrangement {
    /// What it makes, with the identifiers of `names`.
    pub fn shape(&self, account: AccountId, names: &Names) -> Shape {
        let mut shape = Shape::default();
        for part in &self.trunk {
            if let Some(&id) = names.trunks.get(&part.name) {
                let trunk = Trunk {
                    id,
                    account,
                    name: part.name.clone(),
                    addresses: part.addresses.clone(),
                    country: part.country.clone(),
                };
                shape.trunks.push((trunk, part.route().cloned()));
            }
        }
        let targets = self.target.iter();
        shape.targets = targets
            .filter_map(|part| target(part, account, names))
            .collect();
        let with_agents = self.target.iter().filter(|part| part.agent.is_some());
        shape.agents = with_agents
            .filter_map(|part| names.targets.get(&part.name).copied())
            .collect();
        let groups = self.group.iter();
        shape.groups = groups
            .filter_map(|part| group(part, account, names))
            .collect();
        for part in &self.plan {
            let mut problems = Vec::new();
            let document = steps::document(part, names, &mut problems);
            shape.problems.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("plan {:?}: {problem}", part.name)),
            );
            shape.plans.push((part.name.clone(), document));
        }
        shape
    }
}

impl Shape {
    /// What plans may name.
    pub fn destinations(&self) -> Destinations {
        let mut made = Destinations::default();
        for (trunk, _) in &self.trunks {
            made.trunks.insert(trunk.id);
        }
        for (target, profile) in &self.targets {
            made.targets.insert(target.id, target.clone());
            made.profiles.insert(target.id, profile.clone());
        }
        made.agents.clone_from(&self.agents);
        for (group, profile) in &self.groups {
            made.groups.insert(group.id, group.clone());
            made.group_profiles.insert(group.id, profile.clone());
        }
        made
    }

    /// Adds what another one has and this one has not.
    pub fn add(&mut self, other: Self) {
        self.agents.extend(other.agents);
        for (trunk, route) in other.trunks {
            if self.trunks.iter().all(|(known, _)| known.id != trunk.id) {
                self.trunks.push((trunk, route));
            }
        }
        for (target, profile) in other.targets {
            if self.targets.iter().all(|(known, _)| known.id != target.id) {
                self.targets.push((target, profile));
            }
        }
        for (group, profile) in other.groups {
            if self.groups.iter().all(|(known, _)| known.id != group.id) {
                self.groups.push((group, profile));
            }
        }
    }

    /// Where calls may go out to.
    pub fn reach(&self, dialling: &Dialling, home: &str) -> Reach {
        Reach {
            routes: self
                .trunks
                .iter()
                .filter_map(|(trunk, send_to)| Some((trunk.id, send_to.clone()?)))
                .collect(),
            dialling: dialling.clone(),
            home: home.to_owned(),
        }
    }
}

/// What an account's calls need to go out to a number.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// The SIP URIs at which its trunks take calls.
    pub routes: HashMap<TrunkId, String>,
    /// Which numbers may be dialled.
    pub dialling: Dialling,
    /// ISO 3166-1 alpha-2: the account's own country.
    pub home: String,
}

impl Reach {
    /// The SIP URI that reaches a number over a trunk.
    ///
    /// # Errors
    /// Why it may not or cannot be dialled, in words that are shown.
    pub fn uri(&self, number: &ringfence_model::E164, trunk: TrunkId) -> Result<String, String> {
        ringfence_routing::may_dial(&self.dialling, &self.home, number)
            .map_err(|forbidden| forbidden.to_string())?;
        let route = self.routes.get(&trunk).ok_or_else(|| {
            "its trunk takes no calls; give the trunk a `send_to` such as sip:sbc.example.com"
                .to_owned()
        })?;
        let host = route.strip_prefix("sip:").unwrap_or(route);
        Ok(format!("sip:{}@{host}", number.as_str()))
    }
}

fn target(part: &TargetPart, account: AccountId, names: &Names) -> Option<(Target, TargetProfile)> {
    let target = Target {
        id: *names.targets.get(&part.name)?,
        account,
        name: part.name.clone(),
        uri: match &part.phone {
            Some(user) => format!("{}{user}", phones::SCHEME),
            None => part.uri.clone(),
        },
        enabled: !part.paused,
    };
    let trunk = part.trunk.as_ref();
    let profile = TargetProfile {
        languages: part.languages.clone(),
        caps: part.caps,
        hours: part.hours.clone(),
        wrap_up: part.wrap_up,
        break_after: part.break_after,
        trunk: trunk.and_then(|name| names.trunks.get(name).copied()),
    };
    Some((target, profile))
}

fn group(
    part: &GroupPart,
    account: AccountId,
    names: &Names,
) -> Option<(TargetGroup, GroupProfile)> {
    let ring_timeout = Duration::from_secs(part.ring_seconds.into());
    let members = part
        .targets
        .iter()
        .filter_map(|name| names.targets.get(name))
        .map(|&target| TargetGroupMember {
            target,
            ring_timeout,
        })
        .collect();
    let group = TargetGroup {
        id: *names.groups.get(&part.name)?,
        account,
        name: part.name.clone(),
        members,
    };
    let overflow = part.overflow.as_ref();
    let members = part
        .members
        .iter()
        .filter_map(|(name, member)| Some((*names.targets.get(name)?, *member)));
    let profile = GroupProfile {
        strategy: part.strategy,
        caps: part.caps,
        language: part.language,
        languages: part.languages.clone(),
        overflow: overflow.and_then(|name| names.groups.get(name).copied()),
        explore: part.explore,
        members: members.collect(),
    };
    Some((group, profile))
}
