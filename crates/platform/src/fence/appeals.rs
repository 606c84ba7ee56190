//! What the people of an account answer while numbers of a site are withheld. It is evidence of the case, as what operators
//! do is: it stands where it is decided, and nobody takes it back.

use std::collections::HashMap;

use ringfence_model::{
    AccountId, CaseEvidence, CaseId, Duration, EvidenceKind, SiteId, Timestamp, User,
};
use ringfence_store::StoreError;

use super::cases::evidence;
use crate::Platform;

/// Characters of an answer, at most.
pub const LONGEST_APPEAL: usize = 2_000;

/// One answer a site is taken in this time.
const ONCE_IN: Duration = Duration::from_hours(24);

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppealError {
    /// The account has no such site, or nothing of it is withheld.
    #[error("expected a site whose numbers are withheld; there is nothing to answer for this one")]
    NothingHeld,
    /// It is empty or too long.
    #[error("expected an answer of 1 to {LONGEST_APPEAL} characters, got {0}")]
    Length(usize),
    /// Somebody answered not long ago.
    #[error("expected one answer a day; the last one is with the operators")]
    TooSoon,
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was sent")]
    Store(#[from] StoreError),
}

/// A site whose numbers are withheld, for its own people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldSite {
    /// When somebody answered last.
    pub answered_at: Option<Timestamp>,
    /// Whether another answer is taken now.
    pub may_answer: bool,
}

impl Platform {
    /// The account's sites whose numbers are withheld.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub async fn held_sites(
        &self,
        account: AccountId,
        now: Timestamp,
    ) -> Result<HashMap<SiteId, HeldSite>, StoreError> {
        let holds = self.db.live_holds(account).await?;
        if holds.is_empty() {
            return Ok(HashMap::new());
        }
        let answers = self.db.last_appeals(account).await?;
        let answers: HashMap<_, _> = answers.into_iter().collect();
        let sites = holds.iter().map(|hold| {
            let answered_at = answers.get(&hold.site).copied();
            let may_answer = answered_at.is_none_or(|at| now.since(at) >= ONCE_IN);
            let held = HeldSite {
                answered_at,
                may_answer,
            };
            (hold.site, held)
        });
        Ok(sites.collect())
    }

    /// Adds what somebody of the account answers to the case that withholds a site's numbers.
    ///
    /// # Errors
    /// [`AppealError`].
    pub async fn appeal(
        &self,
        by: &User,
        site: SiteId,
        text: &str,
        now: Timestamp,
    ) -> Result<CaseId, AppealError> {
        let text = text.trim().replace("\r\n", "\n");
        let length = text.chars().count();
        if !(1..=LONGEST_APPEAL).contains(&length) {
            return Err(AppealError::Length(length));
        }
        let holds = self.db.live_holds(by.account).await?;
        let hold = holds.iter().find(|hold| hold.site == site);
        let hold = hold.ok_or(AppealError::NothingHeld)?;
        let case = self.db.case(hold.case).await?;
        let case = case.ok_or(AppealError::NothingHeld)?;
        let answer = CaseEvidence {
            by: Some(by.id),
            ..evidence(&case, EvidenceKind::Appeal, text, now)
        };
        if !self.db.appeal(&answer, now - ONCE_IN).await? {
            return Err(AppealError::TooSoon);
        }
        metrics::counter!("ringfence_appeals_total").increment(1);
        tracing::info!(case = %case.id, account = %by.account, "somebody answers a case");
        Ok(case.id)
    }
}
