//! An account's trunks, targets, groups, plans, pools, numbers and sites as one document, applied as often as one likes:
//! what is missing is made, what differs is changed, what the document does not name is left alone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use ringfence_model::{
    Account, AccountId, CallPlan, E164, NumberId, NumberState, PlanDocument, PlanId, Pool, PoolId,
    Site, Step, Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Timestamp,
    TrackingNumber, Trunk, TrunkId,
};
use ringfence_store::StoreError;
use serde::Deserialize;

use crate::sites::SiteError;
use crate::{Platform, random};

/// What an account should have. Everything is known by its name.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Arrangement {
    /// Connections to carriers.
    pub trunk: Vec<TrunkPart>,
    /// Where calls may go.
    pub target: Vec<TargetPart>,
    /// Targets that ring one after the other.
    pub group: Vec<GroupPart>,
    /// What happens to calls.
    pub plan: Vec<PlanPart>,
    /// Numbers that visits share.
    pub pool: Vec<PoolPart>,
    /// Tracking numbers.
    pub number: Vec<NumberPart>,
    /// Web properties.
    pub site: Vec<SitePart>,
}

/// `[[trunk]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkPart {
    /// Its name.
    pub name: String,
    /// Addresses or networks (CIDR) that it sends from.
    pub addresses: Vec<String>,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    #[serde(default)]
    pub country: Option<String>,
}

/// `[[target]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPart {
    /// Its name.
    pub name: String,
    /// A SIP URI: `sip:desk@192.0.2.10`.
    pub uri: String,
    /// Paused targets are passed over.
    #[serde(default)]
    pub paused: bool,
}

/// `[[group]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupPart {
    /// Its name.
    pub name: String,
    /// Names of targets, in the order in which they ring.
    pub targets: Vec<String>,
    /// How long each rings, in seconds.
    #[serde(default = "twenty")]
    pub ring_seconds: u16,
}

/// `[[plan]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanPart {
    /// Its name.
    pub name: String,
    /// Names of groups: when nobody of one answers, the next one rings.
    pub ring: Vec<String>,
    /// The SIP status code for when nobody answered at all; without one it follows from what the targets said.
    #[serde(default)]
    pub otherwise_reject: Option<u16>,
}

/// `[[pool]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolPart {
    /// Its name.
    pub name: String,
    /// How long a lease lives past the last sign of its visit, in minutes.
    #[serde(default = "thirty")]
    pub hold_minutes: u32,
    /// The number that is shown when all others are leased.
    #[serde(default)]
    pub overflow: Option<String>,
}

/// `[[number]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberPart {
    /// The number, with its country code.
    pub e164: String,
    /// What people call it.
    #[serde(default)]
    pub label: String,
    /// The name of its pool.
    #[serde(default)]
    pub pool: Option<String>,
    /// The name of its plan.
    pub plan: String,
}

/// `[[site]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SitePart {
    /// Its name.
    pub name: String,
    /// Its hosts; each has to be proved before a number is shown on it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The numbers on its pages that the tag replaces.
    #[serde(default)]
    pub swap: Vec<String>,
    /// The name of the pool that its visits draw from.
    #[serde(default)]
    pub pool: Option<String>,
}

const fn twenty() -> u16 {
    20
}

const fn thirty() -> u32 {
    30
}

/// Why an arrangement was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ArrangementError {
    /// Everything that is wrong with it; nothing was changed.
    #[error("nothing was changed:\n  {}", .0.join("\n  "))]
    Problems(Vec<String>),
    /// A site could not be made.
    #[error("site {0:?} could not be made")]
    Site(String, #[source] SiteError),
    /// Rows could not be read or written; applying it again goes on where this stopped.
    #[error("the rows could not be written; apply it again")]
    Store(#[from] StoreError),
}

impl Arrangement {
    /// Everything that is wrong with it, by itself.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let targets = names(
            "target",
            self.target.iter().map(|part| &part.name),
            &mut problems,
        );
        let groups = names(
            "group",
            self.group.iter().map(|part| &part.name),
            &mut problems,
        );
        let plans = names(
            "plan",
            self.plan.iter().map(|part| &part.name),
            &mut problems,
        );
        let pools = names(
            "pool",
            self.pool.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "trunk",
            self.trunk.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "site",
            self.site.iter().map(|part| &part.name),
            &mut problems,
        );
        names(
            "number",
            self.number.iter().map(|part| &part.e164),
            &mut problems,
        );
        let mut known = |what: &str, name: &str, among: &HashSet<&str>, of: String| {
            if !among.contains(name) {
                problems.push(format!(
                    "{of}: expected the name of a {what} of this file, got {name:?}"
                ));
            }
        };
        for group in &self.group {
            for target in &group.targets {
                known(
                    "target",
                    target,
                    &targets,
                    format!("group {:?}", group.name),
                );
            }
        }
        for plan in &self.plan {
            for group in &plan.ring {
                known("group", group, &groups, format!("plan {:?}", plan.name));
            }
        }
        for number in &self.number {
            known(
                "plan",
                &number.plan,
                &plans,
                format!("number {}", number.e164),
            );
            if let Some(pool) = &number.pool {
                known("pool", pool, &pools, format!("number {}", number.e164));
            }
        }
        for site in &self.site {
            if let Some(pool) = &site.pool {
                known("pool", pool, &pools, format!("site {:?}", site.name));
            }
        }
        self.values(&mut problems);
        problems
    }

    fn values(&self, problems: &mut Vec<String>) {
        for trunk in &self.trunk {
            for address in &trunk.addresses {
                if address.parse::<ipnet::IpNet>().is_err() && address.parse::<IpAddr>().is_err() {
                    problems.push(format!(
                        "trunk {:?}: expected an address or a network such as 203.0.113.0/28, got {address:?}",
                        trunk.name
                    ));
                }
            }
        }
        for target in &self.target {
            let host = target
                .uri
                .strip_prefix("sip:")
                .filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
            if host.is_none() {
                problems.push(format!(
                    "target {:?}: expected a SIP URI such as sip:desk@192.0.2.10, got {:?}",
                    target.name, target.uri
                ));
            }
        }
        for group in &self.group {
            if !(1..=300).contains(&group.ring_seconds) {
                problems.push(format!(
                    "group {:?}: expected 1 to 300 ring_seconds, got {}",
                    group.name, group.ring_seconds
                ));
            }
        }
        for plan in &self.plan {
            if plan
                .otherwise_reject
                .is_some_and(|code| !(400..=699).contains(&code))
            {
                problems.push(format!(
                    "plan {:?}: expected a SIP status code from 400 to 699 in otherwise_reject",
                    plan.name
                ));
            }
        }
        let overflows = self.pool.iter().filter_map(|pool| pool.overflow.as_ref());
        for number in self.number.iter().map(|part| &part.e164).chain(overflows) {
            if let Err(error) = number.parse::<E164>() {
                problems.push(error.to_string());
            }
        }
        for pool in &self.pool {
            if let Some(overflow) = &pool.overflow
                && !self
                    .number
                    .iter()
                    .any(|number| number.e164 == *overflow && number.pool.is_none())
            {
                problems.push(format!(
                    "pool {:?}: expected its overflow number {overflow} among the numbers of this file, in no pool",
                    pool.name
                ));
            }
        }
    }
}

fn names<'a>(
    what: &str,
    names: impl Iterator<Item = &'a String>,
    problems: &mut Vec<String>,
) -> HashSet<&'a str> {
    let mut seen = HashSet::new();
    for name in names {
        if name.trim().is_empty() {
            problems.push(format!(
                "expected every {what} to have a name, got an empty one"
            ));
        } else if !seen.insert(name.as_str()) {
            problems.push(format!("expected every {what} once, got {name:?} twice"));
        }
    }
    seen
}

/// What was done, in words that are shown.
pub type Changes = Vec<String>;

impl Platform {
    /// Brings an account to what the arrangement says and tells what was made or changed.
    ///
    /// # Errors
    /// [`ArrangementError`]; with [`ArrangementError::Problems`] nothing was changed.
    pub async fn arrange(
        &self,
        account: &Account,
        arrangement: &Arrangement,
        now: Timestamp,
    ) -> Result<Changes, ArrangementError> {
        let problems = arrangement.problems();
        if !problems.is_empty() {
            return Err(ArrangementError::Problems(problems));
        }
        let mut work = Work {
            platform: self,
            account: account.id,
            now,
            changes: Vec::new(),
        };
        work.trunks(&arrangement.trunk).await?;
        let targets = work.targets(&arrangement.target).await?;
        let groups = work.groups(&arrangement.group, &targets).await?;
        let plans = work.plans(&arrangement.plan, &groups).await?;
        let pools = work.pools(&arrangement.pool).await?;
        work.numbers(&arrangement.number, &pools, &plans).await?;
        work.overflows(&arrangement.pool, &pools).await?;
        work.sites(&arrangement.site, &pools).await?;
        Ok(work.changes)
    }
}

struct Work<'p> {
    platform: &'p Platform,
    account: AccountId,
    now: Timestamp,
    changes: Changes,
}

impl Work<'_> {
    fn did(&mut self, what: &str, name: &str) {
        self.changes.push(format!("{what} {name}"));
    }

    async fn trunks(&mut self, parts: &[TrunkPart]) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.trunks(self.account).await?;
        for part in parts {
            let old = known.iter().find(|trunk| trunk.name == part.name);
            let trunk = Trunk {
                id: old.map_or_else(|| TrunkId::new(self.now, random()), |trunk| trunk.id),
                account: self.account,
                name: part.name.clone(),
                addresses: part.addresses.clone(),
                country: part.country.clone(),
            };
            match old {
                None => {
                    db.add_trunk(&trunk).await?;
                    self.did("made trunk", &part.name);
                }
                Some(old) if *old != trunk => {
                    db.update_trunk(&trunk).await?;
                    self.did("changed trunk", &part.name);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn targets(
        &mut self,
        parts: &[TargetPart],
    ) -> Result<HashMap<String, TargetId>, StoreError> {
        let db = &self.platform.db;
        let known = db.targets(self.account).await?;
        let mut ids = HashMap::new();
        for part in parts {
            let old = known.iter().find(|target| target.name == part.name);
            let target = Target {
                id: old.map_or_else(|| TargetId::new(self.now, random()), |target| target.id),
                account: self.account,
                name: part.name.clone(),
                uri: part.uri.clone(),
                enabled: !part.paused,
            };
            ids.insert(part.name.clone(), target.id);
            match old {
                None => {
                    db.add_target(&target).await?;
                    self.did("made target", &part.name);
                }
                Some(old) if *old != target => {
                    db.update_target(&target).await?;
                    self.did("changed target", &part.name);
                }
                Some(_) => {}
            }
        }
        Ok(ids)
    }

    async fn groups(
        &mut self,
        parts: &[GroupPart],
        targets: &HashMap<String, TargetId>,
    ) -> Result<HashMap<String, TargetGroupId>, StoreError> {
        let db = &self.platform.db;
        let known = db.target_groups(self.account).await?;
        let mut ids = HashMap::new();
        for part in parts {
            let ring_timeout = Duration::from_secs(part.ring_seconds.into());
            let old = known.iter().find(|group| group.name == part.name);
            let group = TargetGroup {
                id: old.map_or_else(|| TargetGroupId::new(self.now, random()), |group| group.id),
                account: self.account,
                name: part.name.clone(),
                members: part
                    .targets
                    .iter()
                    .filter_map(|name| targets.get(name))
                    .map(|&target| TargetGroupMember {
                        target,
                        ring_timeout,
                    })
                    .collect(),
            };
            ids.insert(part.name.clone(), group.id);
            match old {
                None => {
                    db.add_target_group(&group).await?;
                    self.did("made group", &part.name);
                }
                Some(old) if *old != group => {
                    db.update_target_group(&group).await?;
                    self.did("changed group", &part.name);
                }
                Some(_) => {}
            }
        }
        Ok(ids)
    }

    async fn plans(
        &mut self,
        parts: &[PlanPart],
        groups: &HashMap<String, TargetGroupId>,
    ) -> Result<HashMap<String, PlanId>, StoreError> {
        let db = &self.platform.db;
        let known = db.plans(self.account).await?;
        let mut ids = HashMap::new();
        for part in parts {
            let old = known.iter().find(|plan| plan.name == part.name);
            let plan = CallPlan {
                id: old.map_or_else(|| PlanId::new(self.now, random()), |plan| plan.id),
                account: self.account,
                name: part.name.clone(),
                document: document(part, groups),
            };
            ids.insert(part.name.clone(), plan.id);
            match old {
                None => {
                    db.add_plan(&plan, self.now).await?;
                    self.did("made plan", &part.name);
                }
                Some(old) if *old != plan => {
                    db.update_plan(&plan, self.now).await?;
                    self.did("changed plan", &part.name);
                }
                Some(_) => {}
            }
        }
        Ok(ids)
    }

    /// The overflow number follows once the numbers are there.
    async fn pools(&mut self, parts: &[PoolPart]) -> Result<HashMap<String, PoolId>, StoreError> {
        let known = self.platform.db.pools(self.account).await?;
        let mut ids = HashMap::new();
        for part in parts {
            let hold = Duration::from_secs(u64::from(part.hold_minutes) * 60);
            let id = if let Some(pool) = known.iter().find(|pool| pool.name == part.name) {
                pool.id
            } else {
                self.did("made pool", &part.name);
                self.platform
                    .add_pool(self.account, &part.name, hold, None, self.now)
                    .await?
                    .id
            };
            ids.insert(part.name.clone(), id);
        }
        Ok(ids)
    }

    async fn numbers(
        &mut self,
        parts: &[NumberPart],
        pools: &HashMap<String, PoolId>,
        plans: &HashMap<String, PlanId>,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.numbers(self.account).await?;
        let mut new = Vec::new();
        for part in parts {
            let Ok(e164) = part.e164.parse::<E164>() else {
                continue;
            };
            let old = known
                .iter()
                .find(|number| number.e164 == e164 && number.state != NumberState::Released);
            let number = TrackingNumber {
                id: old.map_or_else(|| NumberId::new(self.now, random()), |number| number.id),
                account: self.account,
                e164,
                label: part.label.clone(),
                state: NumberState::Assigned,
                pool: part.pool.as_ref().and_then(|name| pools.get(name).copied()),
                plan: plans.get(&part.plan).copied(),
                created_at: old.map_or(self.now, |number| number.created_at),
            };
            match old {
                None => {
                    self.did("made number", number.e164.as_str());
                    new.push(number);
                }
                Some(old) if *old != number => {
                    db.update_number(&number).await?;
                    self.did("changed number", number.e164.as_str());
                }
                Some(_) => {}
            }
        }
        if new.is_empty() {
            Ok(())
        } else {
            db.add_numbers(new).await
        }
    }

    async fn overflows(
        &mut self,
        parts: &[PoolPart],
        pools: &HashMap<String, PoolId>,
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let numbers = db.numbers(self.account).await?;
        for part in parts {
            let wanted = part
                .overflow
                .as_ref()
                .and_then(|text| text.parse::<E164>().ok());
            let overflow = numbers
                .iter()
                .find(|number| Some(&number.e164) == wanted.as_ref())
                .map(|number| number.id);
            let Some(id) = pools.get(&part.name) else {
                continue;
            };
            let hold = Duration::from_secs(u64::from(part.hold_minutes) * 60);
            let pool = Pool {
                id: *id,
                account: self.account,
                name: part.name.clone(),
                hold,
                overflow,
            };
            if db.pool(self.account, *id).await?.as_ref() != Some(&pool) {
                db.update_pool(&pool).await?;
                self.did("changed pool", &part.name);
            }
        }
        Ok(())
    }

    async fn sites(
        &mut self,
        parts: &[SitePart],
        pools: &HashMap<String, PoolId>,
    ) -> Result<(), ArrangementError> {
        let platform = self.platform;
        let known = platform.sites(self.account).await?;
        for part in parts {
            let failed = |error| ArrangementError::Site(part.name.clone(), error);
            let pool = part.pool.as_ref().and_then(|name| pools.get(name).copied());
            let (site, hosts) = if let Some((site, hosts)) =
                known.iter().find(|(site, _)| site.name == part.name)
            {
                let wanted = Site {
                    swap_targets: part.swap.clone(),
                    pool,
                    ..site.clone()
                };
                if wanted != *site {
                    platform.db.update_site(&wanted).await?;
                    self.did("changed site", &part.name);
                }
                (wanted, hosts.as_slice())
            } else {
                let made = platform
                    .add_site(self.account, &part.name, part.swap.clone(), pool, self.now)
                    .await
                    .map_err(failed)?;
                self.did(
                    "made site",
                    &format!("{} with data-site=\"{}\"", part.name, made.key),
                );
                (made, &[][..])
            };
            for name in &part.hosts {
                if hosts.iter().all(|host| host.name != name.to_lowercase()) {
                    let host = platform
                        .add_host(self.account, site.id, name, self.now)
                        .await
                        .map_err(failed)?;
                    self.did(
                        "made host",
                        &format!("{}; prove it on the page Sites of the dashboard", host.name),
                    );
                }
            }
        }
        Ok(())
    }
}

fn document(part: &PlanPart, groups: &HashMap<String, TargetGroupId>) -> PlanDocument {
    let last = part.ring.len();
    let step = |index: usize| {
        if index < last {
            format!("ring {}", index + 1)
        } else {
            "reject".to_string()
        }
    };
    let mut steps = BTreeMap::new();
    for (index, name) in part.ring.iter().enumerate() {
        if let Some(&group) = groups.get(name) {
            let more = index + 1 < last || part.otherwise_reject.is_some();
            steps.insert(
                step(index),
                Step::ring(group, more.then(|| step(index + 1))),
            );
        }
    }
    if let Some(code) = part
        .otherwise_reject
        .or(part.ring.is_empty().then_some(480))
    {
        steps.insert("reject".into(), Step::Reject { code });
    }
    PlanDocument {
        start: step(0),
        steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let arrangement = Arrangement {
            trunk: vec![TrunkPart {
                name: "Carrier".into(),
                addresses: vec!["here".into()],
                country: None,
            }],
            target: vec![TargetPart {
                name: "Desk".into(),
                uri: "desk".into(),
                paused: false,
            }],
            group: vec![GroupPart {
                name: "Sales".into(),
                targets: vec!["Nobody".into()],
                ring_seconds: 0,
            }],
            plan: vec![PlanPart {
                name: "Main".into(),
                ring: vec!["Nobody".into()],
                otherwise_reject: Some(200),
            }],
            pool: vec![PoolPart {
                name: "Web".into(),
                hold_minutes: 30,
                overflow: Some("+442079460001".into()),
            }],
            number: vec![NumberPart {
                e164: "x".into(),
                label: String::new(),
                pool: Some("Pond".into()),
                plan: "None".into(),
            }],
            site: vec![SitePart {
                name: " ".into(),
                hosts: vec![],
                swap: vec![],
                pool: None,
            }],
        };
        let problems = arrangement.problems();
        for part in [
            "here",
            "\"desk\"",
            "\"Nobody\"",
            "ring_seconds",
            "otherwise_reject",
            "overflow",
            "Pond",
            "None",
            "site",
        ] {
            assert!(
                problems.iter().any(|problem| problem.contains(part)),
                "{part} is not in {problems:?}"
            );
        }
    }

    #[test]
    fn a_plan_of_two_groups_goes_from_one_to_the_other_and_then_rejects() {
        let [sales, mobile] = [1, 2].map(|n| TargetGroupId::new(Timestamp::from_micros(0), n));
        let groups = HashMap::from([("Sales".to_string(), sales), ("Mobile".to_string(), mobile)]);
        let part = PlanPart {
            name: "Main".into(),
            ring: vec!["Sales".into(), "Mobile".into()],
            otherwise_reject: Some(486),
        };
        let document = document(&part, &groups);
        assert_eq!(document.start, "ring 1");
        assert_eq!(
            document.steps["ring 1"],
            Step::ring(sales, Some("ring 2".into()))
        );
        assert_eq!(
            document.steps["ring 2"],
            Step::ring(mobile, Some("reject".into()))
        );
        assert_eq!(document.steps["reject"], Step::Reject { code: 486 });
    }
}
