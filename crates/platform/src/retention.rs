//! Erases what is past its time, in batches that nobody's call waits for.

use std::time::Instant;

use ringfence_model::{AccountId, Timestamp};
use ringfence_store::StoreError;
pub use ringfence_tracking::Keep;

use crate::Platform;

/// Visits that are erased in one transaction: a few milliseconds of the writer's time.
const BATCH: u32 = 200;

impl Platform {
    /// Erases what visits of every account tell of people once they are older than `keep`; the rows themselves stay, so
    /// that reports count as before. Visits with a live lease are left alone. Ends early when the server stops, and goes
    /// on from there the next time. Answers how many were erased.
    ///
    /// # Errors
    /// When rows cannot be read or written; what was erased so far stays erased.
    pub async fn erase_old_visits(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        let Some(before) = keep.due_before(now) else {
            return Ok(0);
        };
        let mut erased = 0;
        for account in self.db.accounts().await? {
            erased += self.erase_visits_of(account.id, before, now).await?;
        }
        Ok(erased)
    }

    async fn erase_visits_of(
        &self,
        account: AccountId,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let through = self.db.visits_erased_through(account).await?;
        let mut from = through.unwrap_or(Timestamp::from_micros(i64::MIN));
        let mut erased = 0;
        while from < before && !self.stopping.is_cancelled() {
            let began = Instant::now();
            let batch = self
                .db
                .erase_visits(account, from, before, now, BATCH)
                .await?;
            metrics::counter!("ringfence_visits_erased_total").increment(batch.visits);
            erased += batch.visits;
            from = batch.next;
            // At most half of the writer's time, however much there is to erase.
            self.stopping
                .run_until_cancelled(tokio::time::sleep(began.elapsed()))
                .await;
        }
        Ok(erased)
    }
}
