//! A number's life: what it was when and why, how many called it while it rested, and the timer of its rest.

use ringfence_model::{AccountId, NumberChange, NumberId, NumberState, Timestamp, TrackingNumber};
use ringfence_store::StoreError;

use crate::Platform;
use crate::numbers::NumberRow;

/// A number with all that is known of its life.
#[derive(Debug, Clone)]
pub struct NumberLife {
    /// The number, and the names of what it belongs to.
    pub row: NumberRow,
    /// Its changes, the first one first.
    pub changes: Vec<LifeChange>,
    /// When its quarantine ends by itself, while it rests.
    pub until: Option<Timestamp>,
    /// Which visits are shown it as a fixed number: the site's name and what the rule says.
    pub fixed_for: Vec<(String, String)>,
}

/// A change of a number's state.
#[derive(Debug, Clone)]
pub struct LifeChange {
    /// The change.
    pub change: NumberChange,
    /// For a quarantine: calls that came while it lasted. They are from before, or do not belong here at all.
    pub calls: Option<u64>,
}

impl Platform {
    /// A number's life; `None` when it is not the account's.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn number_life(
        &self,
        account: AccountId,
        number: NumberId,
        now: Timestamp,
    ) -> Result<Option<NumberLife>, StoreError> {
        let rows = self.number_rows(account, now).await?;
        let Some(row) = rows.into_iter().find(|row| row.number.id == number) else {
            return Ok(None);
        };
        let mut changes = Vec::new();
        let mut next = now;
        for change in self
            .db
            .number_changes(account, number)
            .await?
            .into_iter()
            .rev()
        {
            let calls = if change.state == NumberState::Quarantined {
                Some(self.db.calls_to(account, number, change.at, next).await?)
            } else {
                None
            };
            next = change.at;
            changes.push(LifeChange { change, calls });
        }
        changes.reverse();
        let until = changes
            .last()
            .filter(|_| row.number.state == NumberState::Quarantined)
            .and_then(|latest| latest.change.until);
        let rules = self.db.pool_rules_of_number(account, number).await?;
        let mut fixed_for = Vec::new();
        for rule in rules {
            let site = self.db.site(account, rule.site).await?;
            fixed_for.extend(site.map(|site| (site.name, rule.wish.to_string())));
        }
        Ok(Some(NumberLife {
            row,
            changes,
            until,
            fixed_for,
        }))
    }

    /// Numbers whose quarantine is over are available again, or in the pool that waits for them. Answers how many.
    ///
    /// # Errors
    /// When the rows cannot be read or written; what was done so far stands.
    pub async fn end_quarantines(&self, now: Timestamp) -> Result<usize, StoreError> {
        let rested = self.db.rested_numbers(now).await?;
        for number in &rested {
            let (state, why) = match number.pool {
                Some(_) => (
                    NumberState::Assigned,
                    "its quarantine was over, and its pool waited for it",
                ),
                None => (NumberState::Available, "its quarantine was over"),
            };
            let number = TrackingNumber {
                state,
                ..number.clone()
            };
            let change = NumberChange {
                account: number.account,
                number: number.id,
                at: now,
                state,
                why: why.into(),
                until: None,
                left: None,
            };
            self.db.change_number(&number, &change).await?;
        }
        if !rested.is_empty() {
            self.tag_facts.changed();
        }
        Ok(rested.len())
    }
}
