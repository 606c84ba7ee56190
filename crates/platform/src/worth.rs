//! What calls were worth: people and programs say what came of a call, its value, tags to find it by and a note.
//!
//! The audit log has who said it and what came of the call; tags and notes may tell of the caller, so that only how many
//! there are stands there, where nothing can be erased.

use std::collections::HashMap;

use futures::future::BoxFuture;
use ringfence_model::{Account, AccountId, CallId, Lead, Money, Timestamp, Worth, WorthError};
use ringfence_store::StoreError;
use serde_json::{Value, json};

use crate::Platform;
use crate::audit::{Change, object};

/// What is to be said anew of a call; what is not set stays.
#[derive(Debug, Clone, Default)]
pub struct WorthChange {
    /// What came of it; `Some(None)` takes it back.
    pub lead: Option<Option<Lead>>,
    /// Its value as people write it, in the account's currency; `Some("")` takes it back.
    pub value: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<String>>,
    /// The note.
    pub note: Option<String>,
}

/// Why nothing was said of a call.
#[derive(Debug, thiserror::Error)]
pub enum ChangeWorthError {
    /// The account has no such call.
    #[error("expected a call of this account")]
    NotFound,
    /// Something of it cannot be said.
    #[error(transparent)]
    Worth(#[from] WorthError),
    /// The rows could not be read or written.
    #[error("the database did not answer as it should; nothing was changed")]
    Store(#[from] StoreError),
}

impl Platform {
    /// Says what a call was worth; answers what is known of it then. Saying the same again changes nothing.
    ///
    /// # Errors
    /// [`ChangeWorthError`]; nothing is changed then.
    pub fn change_worth<'a>(
        &'a self,
        account: &'a Account,
        call: CallId,
        change: WorthChange,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Worth, ChangeWorthError>> {
        Box::pin(async move {
            let call = self.db.call(account.id, call).await?;
            let call = call.ok_or(ChangeWorthError::NotFound)?;
            let known = self.db.worth(account.id, call.id).await?;
            let known = known.unwrap_or_else(|| Worth::none(account.id, call.id, call.started_at));
            let worth = changed(&known, change, Money::of(account))?;
            if worth == known {
                return Ok(known);
            }
            let worth = Worth {
                changed_at: now,
                ..worth
            };
            let change = Change::new(
                account.id,
                "worth.change",
                object("call", call.id.0, "a call"),
            )
            .before(audited(&known))
            .after(audited(&worth));
            self.recorded(change).set_worth(&worth).await?;
            metrics::counter!("ringfence_worths_said_total").increment(1);
            Ok(worth)
        })
    }

    /// What was said of each of these calls.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn worths(
        &self,
        account: AccountId,
        calls: &[CallId],
    ) -> Result<HashMap<CallId, Worth>, StoreError> {
        self.db.worths(account, calls).await
    }

    /// Tags that the account uses, the most used first.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn used_tags(
        &self,
        account: AccountId,
        limit: usize,
    ) -> Result<Vec<String>, StoreError> {
        self.db.used_tags(account, limit).await
    }
}

fn changed(known: &Worth, change: WorthChange, money: Money) -> Result<Worth, WorthError> {
    let mut worth = known.clone();
    if let Some(lead) = change.lead {
        worth.lead = lead;
    }
    if let Some(value) = change.value {
        let is_empty = value.trim().is_empty();
        worth.value = (!is_empty).then(|| money.parse(&value)).transpose()?;
    }
    if let Some(tags) = change.tags {
        worth.tags = Worth::tidy_tags(tags.iter().map(String::as_str))?;
    }
    if let Some(note) = change.note {
        // As browsers send lines.
        let note = note.trim().replace("\r\n", "\n");
        let length = note.chars().count();
        if length > Worth::LONGEST_NOTE {
            return Err(WorthError::Note(length));
        }
        worth.note = note;
    }
    Ok(worth)
}

fn audited(worth: &Worth) -> Value {
    json!({
        "lead": worth.lead.map(Lead::as_str),
        "value": worth.value,
        "tags": worth.tags.len(),
        "note": !worth.note.is_empty(),
    })
}
