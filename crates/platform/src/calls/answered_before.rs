//! What targets and groups had of their caps before the program began.

use ringfence_live::AnsweredBefore;
use ringfence_model::Timestamp;
use ringfence_routing::periods;
use ringfence_store::StoreError;

use crate::Platform;
use crate::reports::zone_of;

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
        platform.live.places(account.id).restore(&periods, &before);
    }
    Ok(())
}
