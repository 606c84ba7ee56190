//! The audit log: written with the change that it tells of, in one transaction, and never again.

use ringfence_model::{AccountId, Actor, ActorKind, AuditEntry, AuditFilter, AuditId, AuditObject};

use crate::commit::Statement;
use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError, marks};

macro_rules! audit_columns {
    () => {
        "id, account, at, actor_kind, actor_id, actor_name, action, object_kind, object_id, object_name, \
         before_json, after_json"
    };
}

const ADD: &str = concat!(
    "INSERT INTO audit_log (",
    audit_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
);
const ENTRIES: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit_log WHERE account = $1 AND ($2 IS NULL OR actor_id = $2) \
     AND ($3 IS NULL OR object_id = $3) AND ($4 IS NULL OR action = $4) \
     AND ($5 IS NULL OR id < $5) ORDER BY id DESC LIMIT $6"
);

impl Db {
    /// The same rows, for one change: the entry is written in the change's own transaction, if it changes anything.
    #[must_use]
    pub fn recorded(&self, entry: AuditEntry) -> Self {
        self.all_recorded(vec![entry])
    }

    /// As [`recorded`](Self::recorded), for one change of several things, with an entry of each.
    #[must_use]
    pub fn all_recorded(&self, entries: Vec<AuditEntry>) -> Self {
        let mut recorded = self.clone();
        recorded.writer_mut().record(entries);
        recorded
    }

    /// Writes an entry by itself: what it tells of is no row.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub async fn write_down(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.run(vec![addition(entry)]).await.map(drop)
    }

    /// An account's entries that fit, the newest first, `limit` at most.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn audit_log(
        &self,
        account: AccountId,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let args = args![
            account,
            filter.actor,
            filter.object,
            filter.action.as_deref(),
            filter.before,
            i64::from(limit),
        ];
        self.rows(ENTRIES, args, read_entry).await
    }
}

/// Writes an entry and marks what it tells of, unless what came before it in its batch changed nothing.
pub(crate) fn statements(entry: &AuditEntry) -> impl Iterator<Item = Statement> {
    let mark = marks::of(entry).map(Statement::if_changed);
    std::iter::once(addition(entry).if_changed()).chain(mark)
}

fn addition(entry: &AuditEntry) -> Statement {
    let args = args![
        entry.id,
        entry.account,
        entry.at,
        entry.actor.kind.as_str(),
        entry.actor.id,
        entry.actor.name.as_str(),
        entry.action.as_str(),
        entry.object.kind.as_str(),
        entry.object.id,
        entry.object.name.as_str(),
        entry.before.as_deref(),
        entry.after.as_deref(),
    ];
    Statement::new(ADD, args)
}

fn read_entry(row: &mut Reader<'_>) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: AuditId(row.uuid()?),
        account: AccountId(row.uuid()?),
        at: row.time()?,
        actor: Actor {
            kind: row.word(ActorKind::from_word)?,
            id: row.optional_uuid()?,
            name: row.text()?,
        },
        action: row.text()?,
        object: AuditObject {
            kind: row.text()?,
            id: row.uuid()?,
            name: row.text()?,
        },
        before: row.optional_text()?,
        after: row.optional_text()?,
    })
}
