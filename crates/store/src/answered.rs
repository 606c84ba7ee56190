//! How many calls were answered since an instant, by target and group: what caps begin with at a start.

use ringfence_model::{AccountId, Duration, TargetGroupId, TargetId, Timestamp};

use crate::row::Reader;
use crate::value::args;
use crate::{Db, StoreError};

/// Calls that began this long before a period can be answered in it: longer than any queue or plan lasts.
const BEGAN_BEFORE: Duration = Duration::from_hours(24);

const ANSWERED: &str = "SELECT target, target_group, \
    COUNT(CASE WHEN answered_at >= $5 THEN 1 END), \
    COUNT(CASE WHEN answered_at >= $4 THEN 1 END), COUNT(*) \
    FROM calls WHERE account = $1 AND started_at >= $2 AND answered_at >= $3 AND target IS NOT NULL \
    GROUP BY target, target_group ORDER BY target, target_group";

/// Calls that one target answered for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredCount {
    /// Who answered.
    pub target: TargetId,
    /// For which group, when it was rung for one.
    pub group: Option<TargetGroupId>,
    /// Since each of the three instants.
    pub calls: [u32; 3],
}

impl Db {
    /// Calls of an account that were answered at or after each of three instants, of which the last is the earliest.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn answered_counts(
        &self,
        account: AccountId,
        [hour, day, month]: [Timestamp; 3],
    ) -> Result<Vec<AnsweredCount>, StoreError> {
        let args = args![account, month - BEGAN_BEFORE, month, day, hour];
        self.written_rows(ANSWERED, args, read_answered).await
    }
}

fn read_answered(row: &mut Reader<'_>) -> Result<AnsweredCount, StoreError> {
    Ok(AnsweredCount {
        target: TargetId(row.uuid()?),
        group: row.optional_uuid()?.map(TargetGroupId),
        calls: [row.number()?, row.number()?, row.number()?],
    })
}
