//! What targets and groups had of their caps, and how targets answered, before the program began.

use ringfence_live::AnsweredBefore;
use ringfence_model::{Duration, Timestamp};
use ringfence_routing::periods;
use ringfence_store::StoreError;

use crate::Platform;
use crate::reports::zone_of;

/// Answer rates are those of the latest calls, so many and not older than that.
const RECENT: (u32, Duration) = (5_000, Duration::from_hours(30 * 24));

/// Counts the calls that were answered this hour, this day and this month, of every account.
///
/// # Errors
/// When rows cannot be read.
pub(crate) async fn restore(platform: &Platform, now: Timestamp) -> Result<(), StoreError> {
    for account in platform.db.accounts().await? {
        let periods = periods(now, &zone_of(&account));
        let begins = [periods.hour, periods.day, periods.month].map(|period| period.begin);
        let answered = platform.db.answered_counts(account.id, begins).await?;
        let before: Vec<AnsweredBefore> = answered
            .into_iter()
            .map(|answered| AnsweredBefore {
                target: answered.target,
                group: answered.group,
                calls: answered.calls,
            })
            .collect();
        let places = platform.live.places(account.id);
        places.restore(&periods, &before);
        let (calls, age) = RECENT;
        for rang in platform
            .db
            .rang_counts(account.id, now - age, calls)
            .await?
        {
            places.restore_answer_rate(rang.target, rang.rung, rang.answered);
        }
    }
    Ok(())
}
