//! Call plans and every version of them.

use ringfence_model::{AccountId, Actor, ActorKind, CallPlan, PlanDocument, PlanId, Timestamp};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const ADD_PLAN: &str =
    "INSERT INTO call_plans (id, account, name, document, version) VALUES ($1, $2, $3, $4, 1)";
const PLANS: &str =
    "SELECT id, account, name, document FROM call_plans WHERE account = $1 ORDER BY name, id";
const VERSIONED_PLANS: &str = "SELECT id, call_plans.account, call_plans.name, call_plans.document, \
    call_plans.version, created_at FROM call_plans LEFT JOIN call_plan_versions ON plan = id \
    AND call_plan_versions.account = call_plans.account AND call_plan_versions.version = call_plans.version \
    WHERE call_plans.account = $1 ORDER BY call_plans.name, id";
const PLAN: &str =
    "SELECT id, account, name, document FROM call_plans WHERE account = $1 AND id = $2";
const PLAN_VERSIONS: &str = "SELECT version, name, document, created_at, actor_kind, actor_id, actor_name \
    FROM call_plan_versions WHERE account = $1 AND plan = $2 ORDER BY version DESC";
const UPDATE_PLAN: &str = "UPDATE call_plans SET name = $3, document = $4, version = version + 1 \
    WHERE account = $1 AND id = $2 AND ($5 IS NULL OR version = $5)";
const KEEP_VERSION: &str = "INSERT INTO call_plan_versions \
    (account, plan, version, name, document, created_at, actor_kind, actor_id, actor_name) \
    SELECT account, id, version, name, document, $3, $4, $5, $6 FROM call_plans \
    WHERE account = $1 AND id = $2";

/// What a call plan said from one change to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanVersion {
    /// 1, 2, 3, …
    pub version: u32,
    /// Its name then.
    pub name: String,
    /// What it said then.
    pub document: PlanDocument,
    /// When it began to say so.
    pub created_at: Timestamp,
    /// Who had it say so; `None` where that was not written down yet.
    pub by: Option<Actor>,
}

impl Db {
    /// Adds a call plan as its version 1, made by `by`.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_plan(
        &self,
        plan: &CallPlan,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let args = args![
            plan.id,
            plan.account,
            plan.name.as_str(),
            json(&plan.document)?,
        ];
        let statements = vec![Statement::new(ADD_PLAN, args), keep_version(plan, by, now)];
        self.run(statements).await.map(drop)
    }
    /// The call plans of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn plans(&self, account: AccountId) -> Result<Vec<CallPlan>, StoreError> {
        self.rows(PLANS, args![account], read_plan).await
    }
    /// The call plans of an account, by name, each with the version that holds and since when.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn versioned_plans(
        &self,
        account: AccountId,
    ) -> Result<Vec<(CallPlan, u32, Option<Timestamp>)>, StoreError> {
        let read =
            |row: &mut Reader<'_>| Ok((read_plan(row)?, row.number()?, row.optional_time()?));
        self.rows(VERSIONED_PLANS, args![account], read).await
    }
    /// One call plan as it is now.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn plan(
        &self,
        account: AccountId,
        plan: PlanId,
    ) -> Result<Option<CallPlan>, StoreError> {
        self.row(PLAN, args![account, plan], read_plan).await
    }
    /// Every version of a call plan, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn plan_versions(
        &self,
        account: AccountId,
        plan: PlanId,
    ) -> Result<Vec<PlanVersion>, StoreError> {
        self.rows(PLAN_VERSIONS, args![account, plan], read_version)
            .await
    }
    /// Changes a call plan and keeps what it said before; `false` when there is no such plan, or when it is no longer of
    /// the version `base` that the change was made from.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_plan(
        &self,
        plan: &CallPlan,
        base: Option<u32>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let args = args![
            plan.account,
            plan.id,
            plan.name.as_str(),
            json(&plan.document)?,
            base.map(u64::from),
        ];
        let statements = vec![
            Statement::new(UPDATE_PLAN, args).decides(),
            keep_version(plan, by, now),
        ];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|plans| *plans > 0))
    }
}

fn keep_version(plan: &CallPlan, by: &Actor, now: Timestamp) -> Statement {
    let args = args![
        plan.account,
        plan.id,
        now,
        by.kind.as_str(),
        by.id,
        by.name.as_str(),
    ];
    Statement::new(KEEP_VERSION, args)
}

fn read_plan(row: &mut Reader<'_>) -> Result<CallPlan, StoreError> {
    Ok(CallPlan {
        id: PlanId(row.uuid()?),
        account: AccountId(row.uuid()?),
        name: row.text()?,
        document: row.json()?,
    })
}

fn read_version(row: &mut Reader<'_>) -> Result<PlanVersion, StoreError> {
    Ok(PlanVersion {
        version: row.number()?,
        name: row.text()?,
        document: row.json()?,
        created_at: row.time()?,
        by: read_actor(row)?,
    })
}

fn read_actor(row: &mut Reader<'_>) -> Result<Option<Actor>, StoreError> {
    let kind = row.optional_word(ActorKind::from_word)?;
    let (id, name) = (row.optional_uuid()?, row.optional_text()?);
    Ok(kind.map(|kind| Actor {
        kind,
        id,
        name: name.unwrap_or_default(),
    }))
}
