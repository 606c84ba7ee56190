//! Tracking numbers as people look them up: state, pool, plan, and what each brought.

use std::collections::HashMap;
use std::time::Duration;

use ringfence_model::{AccountId, PlanId, Pool, Timestamp, TrackingNumber};
use ringfence_store::{NumberCount, StoreError};

use crate::Platform;

/// How far back the calls of a number are counted.
pub const COUNTED: Duration = Duration::from_hours(30 * 24);

/// A number with the names of what it belongs to.
#[derive(Debug, Clone)]
pub struct NumberRow {
    /// The number.
    pub number: TrackingNumber,
    /// The name of its pool.
    pub pool: Option<String>,
    /// The name of its plan.
    pub plan: Option<String>,
    /// It is what its pool shows when every other number is leased.
    pub overflow: bool,
    /// Calls to it in the last thirty days ([`COUNTED`]).
    pub calls: u64,
    /// Of these, answered.
    pub answered: u64,
}

impl Platform {
    /// The account's pools, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn pools(&self, account: AccountId) -> Result<Vec<Pool>, StoreError> {
        self.db.pools(account).await
    }

    /// The account's numbers in the order of their digits, those that were given back among them.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn own_numbers(&self, account: AccountId) -> Result<Vec<TrackingNumber>, StoreError> {
        self.db.numbers(account).await
    }

    /// Identifiers and names of the account's call plans, by name.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn plan_names(
        &self,
        account: AccountId,
    ) -> Result<Vec<(PlanId, String)>, StoreError> {
        let plans = self.db.plans(account).await?.into_iter();
        Ok(plans.map(|plan| (plan.id, plan.name)).collect())
    }

    /// The account's numbers in the order of their digits.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn number_rows(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<NumberRow>, StoreError> {
        let pools: HashMap<_, _> = self
            .db
            .pools(account)
            .await?
            .into_iter()
            .map(|pool| (pool.id, pool))
            .collect();
        let plans: HashMap<_, _> = self
            .db
            .plans(account)
            .await?
            .into_iter()
            .map(|plan| (plan.id, plan.name))
            .collect();
        let counts: HashMap<_, NumberCount> = self
            .db
            .calls_by_number(account, now - COUNTED, now)
            .await?
            .into_iter()
            .map(|count| (count.number, count))
            .collect();
        let rows = self.db.numbers(account).await?.into_iter().map(|number| {
            let pool = number.pool.and_then(|pool| pools.get(&pool));
            let count = counts.get(&number.id);
            NumberRow {
                pool: pool.map(|pool| pool.name.clone()),
                overflow: pools.values().any(|pool| pool.overflow == Some(number.id)),
                plan: number.plan.and_then(|plan| plans.get(&plan).cloned()),
                calls: count.map_or(0, |count| count.calls),
                answered: count.map_or(0, |count| count.answered),
                number,
            }
        });
        Ok(rows.collect())
    }
}
