//! Tracking numbers and pools.

use ringfence_model::{AccountId, E164, NumberId, Pool, PoolId, TrackingNumber};

use crate::{Db, StoreError};

impl Db {
    /// Adds numbers, all of them or none.
    ///
    /// # Errors
    /// [`StoreError::NumberTaken`] with the first that is owned already (or stands twice in `numbers`).
    pub async fn add_numbers(&self, numbers: Vec<TrackingNumber>) -> Result<(), StoreError> {
        todo!()
    }
    /// The numbers of an account, by their digits.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn numbers(&self, account: AccountId) -> Result<Vec<TrackingNumber>, StoreError> {
        todo!()
    }
    /// One number.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number(
        &self,
        account: AccountId,
        number: NumberId,
    ) -> Result<Option<TrackingNumber>, StoreError> {
        todo!()
    }
    /// The number with these digits, of whatever account: an INVITE names nothing else.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn number_by_e164(&self, e164: &E164) -> Result<Option<TrackingNumber>, StoreError> {
        todo!()
    }
    /// Changes a number's label, state, pool and plan; `false` when there is no such number.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its pool or plan is not the account's.
    pub async fn update_number(&self, number: &TrackingNumber) -> Result<bool, StoreError> {
        todo!()
    }
    /// Adds a pool.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its identifier is in use.
    pub async fn add_pool(&self, pool: &Pool) -> Result<(), StoreError> {
        todo!()
    }
    /// The pools of an account, by name.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pools(&self, account: AccountId) -> Result<Vec<Pool>, StoreError> {
        todo!()
    }
    /// One pool.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn pool(&self, account: AccountId, pool: PoolId) -> Result<Option<Pool>, StoreError> {
        todo!()
    }
    /// Changes a pool's name, hold and overflow; `false` when there is no such pool.
    ///
    /// # Errors
    /// [`StoreError::MissingParent`] when its overflow number is not the account's.
    pub async fn update_pool(&self, pool: &Pool) -> Result<bool, StoreError> {
        todo!()
    }
}
