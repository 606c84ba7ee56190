//! The document carried out: what an account has, kind by kind, made or changed until it is as the document says.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use ringfence_model::{
    AccountId, CallPlan, E164, NumberId, NumberState, PlanDocument, PlanId, Pool, PoolId, Site,
    Step, Target, TargetGroup, TargetGroupId, TargetGroupMember, TargetId, Timestamp,
    TrackingNumber, Trunk, TrunkId,
};
use ringfence_store::StoreError;

use super::{
    ArrangementError, Changes, GroupPart, NumberPart, PlanPart, PoolPart, SitePart, TargetPart,
    TrunkPart,
};
use crate::{Platform, random};

/// What is under way.
pub(super) struct Work<'p> {
    pub(super) platform: &'p Platform,
    pub(super) account: AccountId,
    pub(super) now: Timestamp,
    pub(super) changes: Changes,
}

impl Work<'_> {
    fn did(&mut self, what: &str, name: &str) {
        self.changes.push(format!("{what} {name}"));
    }

    pub(super) async fn trunks(&mut self, parts: &[TrunkPart]) -> Result<(), StoreError> {
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

    pub(super) async fn targets(
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

    pub(super) async fn groups(
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

    pub(super) async fn plans(
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
    pub(super) async fn pools(
        &mut self,
        parts: &[PoolPart],
    ) -> Result<HashMap<String, PoolId>, StoreError> {
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

    pub(super) async fn numbers(
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

    pub(super) async fn overflows(
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

    pub(super) async fn sites(
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
