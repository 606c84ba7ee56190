//! Erasing what visits tell of people, a batch at a time.
//!
//! The row of a visit stays, for leases and calls point to it and reports count it: what it says of a person goes.
//! That it stays is also why nothing comes back out of the journal: writing a visit that is there changes its `seen_at`
//! alone, and a batch of erasure is written in its turn, after all that was acknowledged before it.

use std::time::Duration;

use ringfence_model::{AccountId, Timestamp};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

const THROUGH: &str = "SELECT visits_through FROM retention_progress WHERE account = $1";
const LAST_OF_BATCH: &str = "SELECT started_at FROM visits \
    WHERE account = $1 AND started_at >= $2 AND started_at < $3 ORDER BY started_at LIMIT 1 OFFSET $4";
/// The visits of a batch: those with a live lease are under way, and are left alone.
macro_rules! of_batch {
    () => {
        "account = $1 AND started_at >= $2 AND started_at < $3 AND erased_at IS NULL \
         AND id NOT IN (SELECT visit FROM leases WHERE account = $1 AND expires_at > $4)"
    };
}
const ERASE_EVENTS: &str = concat!(
    "DELETE FROM visit_events WHERE account = $1 AND visit IN (SELECT id FROM visits WHERE ",
    of_batch!(),
    ")"
);
/// What platforms were told of these visits' calls, with their click ids, and what they said to it.
const ERASE_SAID: &str = concat!(
    "DELETE FROM webhook_attempts WHERE account = $1 AND delivery IN (SELECT id FROM conversions \
     WHERE account = $1 AND visit IN (SELECT id FROM visits WHERE ",
    of_batch!(),
    "))"
);
const ERASE_TOLD: &str = concat!(
    "UPDATE conversions SET sent = NULL, said = NULL WHERE account = $1 AND visit IN (SELECT id FROM visits WHERE ",
    of_batch!(),
    ")"
);
/// The visit is its own visitor from now on: nothing says any more that two visits were of one browser.
macro_rules! visit_emptied {
    () => {
        "visitor = id, landing_page = '', referrer = NULL, keyword = NULL, utm = '{}', \
         click_id_parameter = NULL, click_id_value = NULL, language = NULL, device = NULL, address_prefix = NULL"
    };
}
pub(crate) use visit_emptied;
const ERASE_VISITS: &str = concat!(
    "UPDATE visits SET ",
    visit_emptied!(),
    ", erased_at = $4 WHERE ",
    of_batch!()
);
/// Never beyond a visit that is under way, so that a later run finds it.
const SET_THROUGH: &str = "INSERT INTO retention_progress (account, visits_through) \
    SELECT $1, CASE WHEN oldest < $2 THEN oldest ELSE $2 END FROM (\
        SELECT MIN(visits.started_at) AS oldest FROM leases JOIN visits \
        ON visits.account = leases.account AND visits.id = leases.visit \
        WHERE leases.account = $1 AND leases.expires_at > $3) AS under_way WHERE 1 = 1 \
    ON CONFLICT (account) DO UPDATE SET visits_through = excluded.visits_through";

/// What a batch of erasure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedBatch {
    /// Visits that were erased.
    pub visits: u64,
    /// Where the next batch begins.
    pub next: Timestamp,
}

fn read_time(row: &mut Reader<'_>) -> Result<Timestamp, StoreError> {
    row.time()
}

impl Db {
    /// Before which start every visit of an account was erased, those that were under way then excepted: where a run
    /// begins. `None` before the first batch.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visits_erased_through(
        &self,
        account: AccountId,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.row(THROUGH, args![account], read_time).await
    }

    /// Erases what about `batch` visits of an account tell of people, the oldest of those that began from `from` on and
    /// before `before`: page, referrer, keyword, UTM and click ids, language, device, address, visitor, and what pages
    /// told of them. The source and its campaign stay. Visits with a live lease at `now` are left alone.
    ///
    /// Both and how far it came are one transaction; the next batch begins at [`ErasedBatch::next`].
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read or written; the batch is not erased then.
    pub async fn erase_visits(
        &self,
        account: AccountId,
        from: Timestamp,
        before: Timestamp,
        now: Timestamp,
        batch: u32,
    ) -> Result<ErasedBatch, StoreError> {
        let last = args![account, from, before, batch.saturating_sub(1)];
        let last = self.row(LAST_OF_BATCH, last, read_time).await?;
        let next = last.map_or(before, |last| last + Duration::from_micros(1));
        let span = args![account, from, next, now];
        let changed = self
            .run(vec![
                Statement::new(ERASE_EVENTS, span.clone()),
                Statement::new(ERASE_SAID, span.clone()),
                Statement::new(ERASE_TOLD, span.clone()),
                Statement::new(ERASE_VISITS, span),
                Statement::new(SET_THROUGH, args![account, next, now]),
            ])
            .await?;
        Ok(ErasedBatch {
            visits: changed.get(3).copied().unwrap_or_default(),
            next,
        })
    }
}
