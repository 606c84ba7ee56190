//! Call plans and every version of them.

use ringfence_model::{AccountId, CallPlan, PlanDocument, PlanId, Timestamp};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const ADD_PLAN: &str =
    "INSERT INTO call_plans (id, account, name, document, version) VALUES ($1, $2, $3, $4, 1)";
const PLANS: &str =
    "SELECT id, account, name, document FROM call_plans WHERE account = $1 ORDER BY name, id";
const PLAN: &str =
    "SELECT id, account, name, document FROM call_plans WHERE account = $1 AND id = $2";
const PLAN_VERSIONS: &str = "SELECT version, name, document, created_at FROM call_plan_versions \
    WHERE account = $1 AND plan = $2 ORDER BY version DESC";
const UPDATE_PLAN: &str = "UPDATE call_plans SET name = $3, document = $4, version = version + 1 \
    WHERE account = $1 AND id = $2";
/// Adds nothing when there is no such plan.
const KEEP_VERSION: &str = "INSERT INTO call_plan_versions \
    (account, plan, version, name, document, created_at) \
    SELECT account, id, version, name, document, $3 FROM call_plans WHERE account = $1 AND id = $2";

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
}

impl Db {
    /// Adds a call plan as its version 1.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_plan(&self, plan: &CallPlan, now: Timestamp) -> Result<(), StoreError> {
        let args = args![
            plan.id,
            plan.account,
            plan.name.as_str(),
            json(&plan.document)?,
        ];
        let statements = vec![Statement::new(ADD_PLAN, args), keep_version(plan, now)];
        self.run(statements).await.map(drop)
    }
    /// The call plans of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn plans(&self, account: AccountId) -> Result<Vec<CallPlan>, StoreError> {
        self.rows(PLANS, args![account], read_plan).await
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
    /// Changes a call plan and keeps what it said before; `false` when there is no such plan.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_plan(&self, plan: &CallPlan, now: Timestamp) -> Result<bool, StoreError> {
        let args = args![
            plan.account,
            plan.id,
            plan.name.as_str(),
            json(&plan.document)?,
        ];
        let statements = vec![Statement::new(UPDATE_PLAN, args), keep_version(plan, now)];
        let changed = self.run(statements).await?;
        Ok(changed.first().is_some_and(|plans| *plans > 0))
    }
}

fn keep_version(plan: &CallPlan, now: Timestamp) -> Statement {
    Statement::new(KEEP_VERSION, args![plan.account, plan.id, now])
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
    })
}
