//! Marks: how often something was changed, so that whoever changes what they read a moment ago is told when somebody was
//! quicker. Each entry of the audit log adds to the mark of what it tells of, in its own transaction.

use ringfence_model::{AccountId, AuditEntry};
use uuid::Uuid;

use crate::commit::Statement;
use crate::row::read_count;
use crate::value::args;
use crate::{Db, StoreError};

/// What programs and people change side by side, as the audit log calls it.
const KINDS: [&str; 6] = ["trunk", "target", "group", "pool", "number", "plan"];

const MARK: &str = "SELECT mark FROM object_marks WHERE account = $1 AND object = $2";
const ADD: &str = "INSERT INTO object_marks (account, object, mark) VALUES ($1, $2, 1) \
    ON CONFLICT (account, object) DO UPDATE SET mark = object_marks.mark + 1";
/// PostgreSQL locks the row before it looks, so that of two servers one is told.
const ADD_TO: &str = "INSERT INTO object_marks (account, object, mark) VALUES ($1, $2, 1) \
    ON CONFLICT (account, object) DO UPDATE SET mark = object_marks.mark + 1 WHERE object_marks.mark = $3";

/// How often something was changed when it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    account: AccountId,
    object: Uuid,
    read: u64,
}

impl Mark {
    /// Changes a row when nobody changed the object since, and decides about what follows.
    pub fn statement(self) -> Statement {
        let args = args![self.account, self.object, self.read];
        Statement::new(ADD_TO, args).decides().aside()
    }
}

/// Adds to the mark of what an entry tells of.
pub(crate) fn of(entry: &AuditEntry) -> Option<Statement> {
    let object = &entry.object;
    let is_marked = KINDS.contains(&object.kind.as_str());
    is_marked.then(|| Statement::new(ADD, args![entry.account, object.id]))
}

impl Db {
    /// How often something was changed that is written down; 0 for what never was.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn mark(&self, account: AccountId, object: Uuid) -> Result<u64, StoreError> {
        let found = self.row(MARK, args![account, object], read_count).await?;
        Ok(found.unwrap_or(0))
    }

    /// The same rows, for a change of an object whose [`mark`](Self::mark) was this when it was read. What changes rows fails
    /// with [`StoreError::Overtaken`] when it is another one now, and nothing is changed.
    #[must_use]
    pub fn unless_changed(&self, account: AccountId, object: Uuid, mark: u64) -> Self {
        let mut guarded = self.clone();
        guarded.writer_mut().unless_changed(Mark {
            account,
            object,
            read: mark,
        });
        guarded
    }
}
