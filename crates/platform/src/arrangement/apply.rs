//! The document carried out: what an account has, kind by kind, made or changed until it is as the document says.

use std::collections::HashMap;
use std::path::Path;

use ringfence_model::{
    AccountId, Actor, ActorKind, CallPlan, Dialling, E164, GroupProfile, PlanDocument, PlanId,
    Pool, PoolId, Site, SiteId, Target, TargetGroup, TargetProfile, Timestamp, Trunk,
};
use ringfence_store::StoreError;

use super::{ArrangementError, Changes, PoolPart, PromptPart, SitePart};
use crate::audit::actor;
use crate::{Platform, random};

/// What is under way.
pub(super) struct Work<'p> {
    pub(super) platform: &'p Platform,
    pub(super) account: AccountId,
    pub(super) now: Timestamp,
    pub(super) changes: Changes,
}

impl Work<'_> {
    pub(super) fn did(&mut self, what: &str, name: &str) {
        self.changes.push(format!("{what} {name}"));
    }

    pub(super) async fn trunks(
        &mut self,
        trunks: &[(Trunk, Option<String>)],
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.trunks(self.account).await?;
        let routes = db.trunk_routes(self.account).await?;
        for (trunk, send_to) in trunks {
            let old = known.iter().find(|known| known.id == trunk.id);
            let same_route = routes.get(&trunk.id) == send_to.as_ref();
            match old {
                None => {
                    db.add_trunk(trunk).await?;
                    self.did("made trunk", &trunk.name);
                }
                Some(old) if old != trunk || !same_route => {
                    db.update_trunk(trunk).await?;
                    self.did("changed trunk", &trunk.name);
                }
                Some(_) => {}
            }
            if !same_route {
                db.set_trunk_route(self.account, trunk.id, send_to.as_deref())
                    .await?;
            }
        }
        Ok(())
    }

    /// Prompts are files; commands that apply an arrangement may block on the disk.
    pub(super) fn prompts(&mut self, folder: &Path, prompts: &[PromptPart]) -> std::io::Result<()> {
        for prompt in prompts {
            if crate::prompts::keep(folder, &prompt.name, &prompt.file)? {
                self.did("kept prompt", &prompt.name);
            }
        }
        Ok(())
    }

    pub(super) async fn dialling(&mut self, wanted: Option<&Dialling>) -> Result<(), StoreError> {
        let db = &self.platform.db;
        if let Some(wanted) = wanted
            && db.dialling(self.account).await?.as_ref() != Some(wanted)
        {
            db.set_dialling(self.account, wanted).await?;
            self.did("changed", "which numbers may be dialled");
        }
        Ok(())
    }

    pub(super) async fn targets(
        &mut self,
        targets: &[(Target, TargetProfile)],
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.targets(self.account).await?;
        let profiles = db.target_profiles(self.account).await?;
        for (target, profile) in targets {
            let old = known.iter().find(|known| known.id == target.id);
            let same_profile = profiles.get(&target.id).cloned().unwrap_or_default() == *profile;
            match old {
                None => {
                    db.add_target(target).await?;
                    self.did("made target", &target.name);
                }
                Some(old) if old != target || !same_profile => {
                    db.update_target(target).await?;
                    self.did("changed target", &target.name);
                }
                Some(_) => {}
            }
            if !same_profile {
                db.set_target_profile(self.account, target.id, profile)
                    .await?;
            }
        }
        Ok(())
    }

    pub(super) async fn groups(
        &mut self,
        groups: &[(TargetGroup, GroupProfile)],
    ) -> Result<(), StoreError> {
        let db = &self.platform.db;
        let known = db.target_groups(self.account).await?;
        let profiles = db.group_profiles(self.account).await?;
        for (group, profile) in groups {
            let old = known.iter().find(|known| known.id == group.id);
            let same_profile = profiles.get(&group.id).cloned().unwrap_or_default() == *profile;
            match old {
                None => {
                    db.add_target_group(group).await?;
                    self.did("made group", &group.name);
                }
                Some(old) if old != group || !same_profile => {
                    db.update_target_group(group).await?;
                    self.did("changed group", &group.name);
                }
                Some(_) => {}
            }
            if !same_profile {
                db.set_group_profile(self.account, group.id, profile)
                    .await?;
            }
        }
        Ok(())
    }

    pub(super) async fn plans(
        &mut self,
        plans: &[(String, PlanDocument)],
    ) -> Result<HashMap<String, PlanId>, StoreError> {
        let db = &self.platform.db;
        let known = db.plans(self.account).await?;
        let by = match actor() {
            // A file that a command applies: its own word, since people edit plans too.
            Actor {
                kind: ActorKind::Program,
                ..
            } => Actor {
                name: "arrangement".into(),
                ..Actor::server()
            },
            somebody => somebody,
        };
        let mut ids = HashMap::new();
        for (name, document) in plans {
            let old = known.iter().find(|plan| plan.name == *name);
            let plan = CallPlan {
                id: old.map_or_else(|| PlanId::new(self.now, random()), |plan| plan.id),
                account: self.account,
                name: name.clone(),
                document: document.clone(),
            };
            ids.insert(name.clone(), plan.id);
            match old {
                None => {
                    db.add_plan(&plan, &by, self.now).await?;
                    self.did("made plan", name);
                }
                Some(old) if *old != plan => {
                    db.update_plan(&plan, None, &by, self.now).await?;
                    self.did("changed plan", name);
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
            let id = if let Some(pool) = known.iter().find(|pool| pool.name == part.name) {
                pool.id
            } else {
                self.did("made pool", &part.name);
                self.platform
                    .add_pool(self.account, &part.name, part.hold(), None, self.now)
                    .await?
                    .id
            };
            ids.insert(part.name.clone(), id);
        }
        Ok(ids)
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
            let pool = Pool {
                id: *id,
                account: self.account,
                name: part.name.clone(),
                hold: part.hold(),
                overflow,
                quarantine: part.quarantine(),
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
    ) -> Result<HashMap<String, SiteId>, ArrangementError> {
        let platform = self.platform;
        let known = platform.sites(self.account).await?;
        let mut ids = HashMap::new();
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
            ids.insert(part.name.clone(), site.id);
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
        Ok(ids)
    }
}
