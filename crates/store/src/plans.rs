//! Call plans and every version of them.

use ringfence_model::{AccountId, CallPlan, PlanDocument, PlanId, Timestamp};

use crate::{Db, StoreError};

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
        todo!()
    }
    /// The call plans of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn plans(&self, account: AccountId) -> Result<Vec<CallPlan>, StoreError> {
        todo!()
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
        todo!()
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
        todo!()
    }
    /// Changes a call plan and keeps what it said before; `false` when there is no such plan.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub async fn update_plan(&self, plan: &CallPlan, now: Timestamp) -> Result<bool, StoreError> {
        todo!()
    }
}
