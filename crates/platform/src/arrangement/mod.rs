//! An account's trunks, targets, groups, plans, pools, numbers and sites as one document, applied as often as one likes:
//! what is missing is made, what differs is changed, what the document does not name is left alone.

mod agents;
mod apply;
mod check;
mod document;
mod file;
mod logins;
mod numbers;
mod registers;
mod rules;
mod shape;
mod single;
mod single_group;
mod single_pool;
mod single_trunk;
mod steps;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use ringfence_model::{Account, Agent, PlanDocument, TargetId, Timestamp};
use ringfence_store::StoreError;

use crate::sites::SiteError;
use crate::{Platform, prompts, random};

use apply::Work;
pub(crate) use check::number_of;
pub use check::{Holdings, PlanFindings, check_plan};
pub use document::{
    Arrangement, GroupPart, NumberPart, PlanPart, PoolPart, PromptPart, RulePart, SitePart,
    TargetPart, TrunkPart,
};
pub use file::{FileError, PlanFile, read_arrangement, read_plan_file};
pub use logins::Secret;
pub(crate) use logins::host_of;
pub(crate) use registers::{Registrar, identity_of};
pub use shape::{Names, Reach, Shape};
pub use single::{FieldProblem, KnownTarget, PartError, TargetStanding};
pub use single_group::KnownGroup;
pub use single_pool::{PoolError, spare_numbers};
pub use single_trunk::KnownTrunk;
pub(crate) use steps::without_dates;

/// Why an arrangement was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ArrangementError {
    /// Everything that is wrong with it; nothing was changed.
    #[error("nothing was changed:\n  {}", .0.join("\n  "))]
    Problems(Vec<String>),
    /// A site could not be made.
    #[error("site {0:?} could not be made")]
    Site(String, #[source] SiteError),
    /// The files of prompts could not be read or written.
    #[error("the folder of prompts could not be read or written; apply it again")]
    Prompts(#[source] std::io::Error),
    /// Rows could not be read or written; applying it again goes on where this stopped.
    #[error("the rows could not be written; apply it again")]
    Store(#[from] StoreError),
}

/// What was done, in words that are shown.
pub type Changes = Vec<String>;

impl Platform {
    /// Brings an account to what the arrangement says and tells what was made or changed.
    ///
    /// # Errors
    /// [`ArrangementError`]; with [`ArrangementError::Problems`] nothing was changed.
    pub fn arrange<'a>(
        &'a self,
        account: &'a Account,
        arrangement: &'a Arrangement,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Changes, ArrangementError>> {
        Box::pin(async move {
            let problems = arrangement.problems();
            if !problems.is_empty() {
                return Err(ArrangementError::Problems(problems));
            }
            let names = of_account(&self.db, account)
                .await?
                .names
                // An identifier of any kind serves: they differ in their type alone.
                .with(arrangement, || TargetId::new(now, random()).0);
            let shape = arrangement.shape(account.id, &names);
            let dialling = match &arrangement.dialling {
                Some(dialling) => dialling.clone(),
                None => self.db.dialling(account.id).await?.unwrap_or_default(),
            };
            let findings = shape.check_plans(Some(&shape.reach(&dialling, &account.country)));
            let folder = prompts::folder(&self.settings.recordings_folder, account.id);
            let recordings = &self.settings.recordings_folder;
            let own = Holdings::of_account(&self.db, account.id, recordings).await?;
            let not_yet = shape.not_carried_out(arrangement, own);
            let logins = self.login_conflicts(account.id, arrangement, &names);
            let agents = self.agent_problems(account.id, arrangement, &names);
            let problems = [findings.problems, not_yet, logins.await?, agents.await?].concat();
            if !problems.is_empty() {
                return Err(ArrangementError::Problems(problems));
            }
            let mut work = Work {
                platform: self,
                account: account.id,
                now,
                changes: Vec::new(),
            };
            work.trunks(&shape.trunks).await?;
            work.trunk_logins(&arrangement.trunk, &names).await?;
            work.trunk_registers(&arrangement.trunk, &names).await?;
            work.dialling(arrangement.dialling.as_ref()).await?;
            work.targets(&shape.targets).await?;
            work.phones(&arrangement.target, &names).await?;
            work.agents(&arrangement.target, &names).await?;
            work.groups(&shape.groups).await?;
            work.prompts(&folder, &arrangement.prompt)
                .map_err(ArrangementError::Prompts)?;
            let plans = work.plans(&shape.plans).await?;
            let pools = work.pools(&arrangement.pool).await?;
            work.numbers(arrangement, &pools, &plans).await?;
            work.overflows(&arrangement.pool, &pools).await?;
            let sites = work.sites(&arrangement.site, &pools).await?;
            work.rules(&arrangement.site, &sites, &pools).await?;
            Ok(work.changes)
        })
    }
}

/// The steps of a plan as people write them, with groups and trunks by their names.
pub fn written_steps(
    document: &PlanDocument,
    names: &Names,
) -> BTreeMap<String, serde_json::Value> {
    steps::written(document, names)
}

/// What an account has that plans may name.
#[derive(Debug, Clone)]
pub struct Own {
    /// By name.
    pub names: Names,
    /// As records; without plans.
    pub shape: Shape,
    /// Where calls may go out to.
    pub reach: Reach,
    /// Who answers at targets, and how they stand.
    pub agents: Vec<Agent>,
}

impl Own {
    /// Everything that is wrong with a plan of this account, and what calls cannot do of it.
    pub fn plan_findings(
        &self,
        name: &str,
        document: &PlanDocument,
        holdings: &Holdings,
    ) -> PlanFindings {
        let mut findings = PlanFindings::default();
        let known = self.shape.destinations();
        check_plan(
            name,
            document,
            Some(&known),
            Some(&self.reach),
            &mut findings,
        );
        for (step, what) in &document.steps {
            let told = steps::not_carried_out(what, holdings).into_iter();
            findings
                .problems
                .extend(told.map(|told| format!("plan {name:?}: step {step:?}: {told}")));
        }
        findings
    }
}

/// Reads what an account has that plans may name.
///
/// # Errors
/// When the rows cannot be read.
pub async fn of_account(db: &ringfence_store::Db, account: &Account) -> Result<Own, StoreError> {
    let id = account.id;
    let mut routes = db.trunk_routes(id).await?;
    let mut targets = db.target_profiles(id).await?;
    let mut groups = db.group_profiles(id).await?;
    let mut shape = Shape::default();
    let mut names = Names::default();
    for trunk in db.trunks(id).await? {
        names.trunks.insert(trunk.name.clone(), trunk.id);
        let route = routes.remove(&trunk.id);
        shape.trunks.push((trunk, route));
    }
    for target in db.targets(id).await? {
        names.targets.insert(target.name.clone(), target.id);
        let profile = targets.remove(&target.id).unwrap_or_default();
        shape.targets.push((target, profile));
    }
    for group in db.target_groups(id).await? {
        names.groups.insert(group.name.clone(), group.id);
        let profile = groups.remove(&group.id).unwrap_or_default();
        shape.groups.push((group, profile));
    }
    let agents = db.agents(id).await?;
    shape.agents = agents.iter().map(|agent| agent.target).collect();
    let dialling = db.dialling(id).await?.unwrap_or_default();
    let reach = shape.reach(&dialling, &account.country);
    Ok(Own {
        names,
        shape,
        reach,
        agents,
    })
}
