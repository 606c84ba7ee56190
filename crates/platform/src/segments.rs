//! Seals days of calls, so that reports by choice read columns in place of calls (`docs/decisions/0038-day-segments.md`).

use std::time::{Duration, Instant};

use ringfence_model::{AccountId, Timestamp};
use ringfence_store::{SealedDay, StoreError};

use crate::{Platform, random};

/// After a day of UTC has ended it is left alone so long, for calls that are under way and what is said of them at once.
const SETTLES: Duration = Duration::from_hours(2);
/// Changed days that one run seals; the next one goes on.
const DUE: u32 = 1_000;

/// Which days a run looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Those that were sealed and changed since: seldom any, and found at once.
    Changed,
    /// Also those that have ended: a look at each account.
    All,
}

impl Platform {
    /// Seals days of every account, the newest first, one after the other and at most half of the time, so that nobody's
    /// call waits for more than one. Ends early when the server stops; a run that was cut is done over. Answers how many
    /// were sealed.
    ///
    /// # Errors
    /// When rows cannot be read or written; what was sealed so far stays sealed.
    pub async fn seal_days(&self, look: Look, now: Timestamp) -> Result<u64, StoreError> {
        let mut sealed = 0;
        for (account, day) in self.db.days_due(DUE).await? {
            sealed += u64::from(self.seal(account, day).await?);
        }
        if look == Look::All {
            for account in self.db.accounts().await? {
                for day in self.db.days_to_seal(account.id, ended(now)).await? {
                    sealed += u64::from(self.seal(account.id, day).await?);
                }
            }
        }
        Ok(sealed)
    }

    async fn seal(&self, account: AccountId, day: i64) -> Result<bool, StoreError> {
        if self.stopping.is_cancelled() {
            return Ok(false);
        }
        let began = Instant::now();
        let sealed = self.db.seal_day(account, day, drawn()).await?;
        self.stopping
            .run_until_cancelled(tokio::time::sleep(began.elapsed()))
            .await;
        Ok(matches!(sealed, SealedDay::Sealed(_)))
    }
}

/// Days that ended before this are sealed.
pub fn ended(now: Timestamp) -> Timestamp {
    now - SETTLES
}

/// What tells one sealing of a day from another.
pub fn drawn() -> i64 {
    // Half of the bits are enough.
    let half = u64::try_from(random() & u128::from(u64::MAX)).unwrap_or_default();
    half.cast_signed()
}
