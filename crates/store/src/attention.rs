//! What the dashboard asks beyond sums: who waits to be called back, calls by the minute, and which sites were seen.

use ringfence_model::{AccountId, Call, SiteId, Timestamp};

use crate::call_sums::Span;
use crate::calls::{call_columns, read_call};
use crate::overview_sums::{MISSED_AGAIN, OVERVIEW, read_overview};
use crate::reports::read_hour;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, HourCount, StoreError};

/// Of each caller who waits, the last call.
const CALLS_TO_RETURN: &str = concat!(
    "SELECT ",
    call_columns!(),
    " FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
     AND caller IS NOT NULL AND disposition IN ('missed', 'abandoned') \
     AND NOT EXISTS (SELECT 1 FROM calls AS later WHERE later.account = calls.account \
         AND later.caller = calls.caller AND later.started_at > calls.started_at \
         AND (later.answered_at IS NOT NULL OR (later.started_at < $3 \
             AND later.disposition IN ('missed', 'abandoned')))) \
     ORDER BY started_at DESC, id DESC LIMIT $4"
);
/// Division of whole numbers: both engines drop the remainder.
const BY_MINUTE: &str = "SELECT started_at / 60000000 * 60000000, \
    COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
    COUNT(CASE WHEN disposition IN ('missed', 'abandoned') THEN 1 END), COUNT(*) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
    GROUP BY 1 ORDER BY 1";
const BY_SITE: &str = "SELECT site, COUNT(*), MAX(seen_at) FROM visits \
    WHERE account = $1 AND started_at >= $2 GROUP BY site ORDER BY site";

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
        let span = Span::of(from, to).args(account);
        let sums = self.written_row(OVERVIEW, span, read_overview).await?;
        let again = args![account, from, to];
        let again = self.written_row(MISSED_AGAIN, again, read_count).await?;
        Ok(sums.unwrap_or_default().to_call_back + again.unwrap_or_default())
    }

    /// Of each of the [callers to call back](Self::callers_to_call_back) the last missed or abandoned call, newest
    /// first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls_to_return(
        &self,
        account: AccountId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<Call>, StoreError> {
        self.written_rows(CALLS_TO_RETURN, args![account, from, to, limit], read_call)
            .await
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
        self.written_rows(BY_MINUTE, args![account, from, to], read_hour)
            .await
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
        self.written_rows(BY_SITE, args![account, since], read_site)
            .await
    }
}

fn read_site(row: &mut Reader<'_>) -> Result<SiteVisits, StoreError> {
    Ok(SiteVisits {
        site: SiteId(row.uuid()?),
        visits: row.number()?,
        last_seen: row.time()?,
    })
}
