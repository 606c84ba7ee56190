//! What pages told of their visits.

use ringfence_model::{AccountId, VisitEvent, VisitEventId, VisitEventKind, VisitId};

use crate::bulk::json;
use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

/// Pieces that are kept of one visit; what comes after is not.
const KEPT: i64 = 50;

const ADD: &str = "INSERT INTO visit_events (account, visit, id, at, kind, name, data) \
    SELECT account, id, $3, $4, $5, $6, $7 FROM visits WHERE account = $1 AND id = $2 AND erased_at IS NULL \
    AND (SELECT COUNT(*) FROM visit_events AS kept WHERE kept.account = $1 AND kept.visit = $2) < $8";
const OF_VISIT: &str = "SELECT account, visit, id, at, kind, name, data FROM visit_events \
    WHERE account = $1 AND visit = $2 ORDER BY at, id";

impl Db {
    /// Keeps what a page told of a visit; `false` when the account has no such visit, or 50 pieces are kept of it.
    ///
    /// # Errors
    /// [`StoreError`] when the row cannot be written.
    pub async fn add_visit_event(&self, event: &VisitEvent) -> Result<bool, StoreError> {
        let add = args![
            event.account,
            event.visit,
            event.id,
            event.at,
            event.kind.as_str(),
            event.name.as_deref(),
            json(&event.data)?,
            KEPT,
        ];
        let written = self.run(vec![Statement::new(ADD, add)]).await?;
        Ok(written.first().is_some_and(|&rows| rows > 0))
    }

    /// What pages told of a visit, in its order; at most 50 pieces.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn visit_events(
        &self,
        account: AccountId,
        visit: VisitId,
    ) -> Result<Vec<VisitEvent>, StoreError> {
        self.rows(OF_VISIT, args![account, visit], read).await
    }
}

fn read(row: &mut Reader<'_>) -> Result<VisitEvent, StoreError> {
    Ok(VisitEvent {
        account: AccountId(row.uuid()?),
        visit: VisitId(row.uuid()?),
        id: VisitEventId(row.uuid()?),
        at: row.time()?,
        kind: row.word(VisitEventKind::from_word)?,
        name: row.optional_text()?,
        data: row.json()?,
    })
}
