//! An account's trunks, targets, groups, plans, pools, numbers and sites as one document, applied as often as one likes:
//! what is missing is made, what differs is changed, what the document does not name is left alone.

mod apply;
mod check;
mod document;

use ringfence_model::{Account, Timestamp};
use ringfence_store::StoreError;

use crate::Platform;
use crate::sites::SiteError;

use apply::Work;
pub use document::{
    Arrangement, GroupPart, NumberPart, PlanPart, PoolPart, SitePart, TargetPart, TrunkPart,
};

/// Why an arrangement was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ArrangementError {
    /// Everything that is wrong with it; nothing was changed.
    #[error("nothing was changed:\n  {}", .0.join("\n  "))]
    Problems(Vec<String>),
    /// A site could not be made.
    #[error("site {0:?} could not be made")]
    Site(String, #[source] SiteError),
    /// Rows could not be read or written; applying it again goes on where this stopped.
    #[error("the rows could not be written; apply it again")]
    Store(#[from] StoreError),
}

/// What was done, in words that are shown.
pub type Changes = Vec<String>;

impl Platform {
    /// Brings an account to what the arrangement says and tells what was made or changed.
    ///
    /// # Errors
    /// [`ArrangementError`]; with [`ArrangementError::Problems`] nothing was changed.
    pub async fn arrange(
        &self,
        account: &Account,
        arrangement: &Arrangement,
        now: Timestamp,
    ) -> Result<Changes, ArrangementError> {
        let problems = arrangement.problems();
        if !problems.is_empty() {
            return Err(ArrangementError::Problems(problems));
        }
        let mut work = Work {
            platform: self,
            account: account.id,
            now,
            changes: Vec::new(),
        };
        work.trunks(&arrangement.trunk).await?;
        let targets = work.targets(&arrangement.target).await?;
        let groups = work.groups(&arrangement.group, &targets).await?;
        let plans = work.plans(&arrangement.plan, &groups).await?;
        let pools = work.pools(&arrangement.pool).await?;
        work.numbers(&arrangement.number, &pools, &plans).await?;
        work.overflows(&arrangement.pool, &pools).await?;
        work.sites(&arrangement.site, &pools).await?;
        Ok(work.changes)
    }
}
