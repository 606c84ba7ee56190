//! What the dashboard asks beyond sums: who waits to be called back, calls by the minute, and which sites were seen.

use ringfence_model::{AccountId, SiteId, Timestamp};

use crate::{Db, HourCount, StoreError};

/// The visits of one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteVisits {
    /// The site.
    pub site: SiteId,
    /// Visits that started in the span.
    pub visits: u64,
    /// The last sign of life of any of them.
    pub last_seen: Timestamp,
}

impl Db {
    /// Different callers' numbers with a missed or abandoned call that started in `[from, to)` and no answered call
    /// since, under way or over. Withheld numbers are not counted.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn callers_to_call_back(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<u64, StoreError> {
        let _ = (account, from, to);
        todo!()
    }

    /// Calls by minute, in order, minutes without calls left out; each [`HourCount`] covers a minute here.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_by_minute(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<HourCount>, StoreError> {
        let _ = (account, from, to);
        todo!()
    }

    /// Visits by site since `since`; sites without visits left out.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visits_by_site(
        &self,
        account: AccountId,
        since: Timestamp,
    ) -> Result<Vec<SiteVisits>, StoreError> {
        let _ = (account, since);
        todo!()
    }
}
