//! Visits and leases as they are read; they are written through [`Db::write`].

use ringfence_model::{AccountId, Lease, LeaseId, NumberId, Timestamp, Visit, VisitId};

use crate::{Db, StoreError};

impl Db {
    /// One visit.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visit(
        &self,
        account: AccountId,
        visit: VisitId,
    ) -> Result<Option<Visit>, StoreError> {
        todo!()
    }
    /// One lease.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn lease(
        &self,
        account: AccountId,
        lease: LeaseId,
    ) -> Result<Option<Lease>, StoreError> {
        todo!()
    }
    /// Every lease of every account that has not ended at `now`, oldest first: what a start begins from.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn live_leases(&self, now: Timestamp) -> Result<Vec<Lease>, StoreError> {
        todo!()
    }
    /// Leases of a number that began at or before `started_before` and had not ended by `expired_after`, with their
    /// visits, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn leases_for_number(
        &self,
        account: AccountId,
        number: NumberId,
        started_before: Timestamp,
        expired_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<(Lease, Visit)>, StoreError> {
        todo!()
    }
    /// Nonces that were spent at or after `since`, and when, of every account.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn spent_nonces(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        todo!()
    }
}
