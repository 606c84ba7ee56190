//! How many calls were answered since an instant, by target and group, and lately, by target: what caps and answer rates
//! begin with at a start.

use ringfence_model::{AccountId, Duration, LegOutcome, TargetGroupId, TargetId, Timestamp};

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

/// Of an account's latest calls, so that a start does not wait for all that there ever were.
const RANG: &str = "SELECT target, COUNT(*), COUNT(CASE WHEN outcome = $4 THEN 1 END) FROM legs \
    WHERE account = $1 AND outcome <> $5 AND call IN \
    (SELECT id FROM calls WHERE account = $1 AND started_at >= $2 ORDER BY started_at DESC LIMIT $3) \
    GROUP BY target ORDER BY target";

/// How a target's phones rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangCount {
    /// Who was rung.
    pub target: TargetId,
    /// Legs that it answered or did not, without those that were given up.
    pub rung: u32,
    /// Legs that it answered.
    pub answered: u32,
}

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

    /// How the targets of an account answered in its latest `calls` calls that began at `since` or after.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn rang_counts(
        &self,
        account: AccountId,
        since: Timestamp,
        calls: u32,
    ) -> Result<Vec<RangCount>, StoreError> {
        let (answered, given_up) = (
            LegOutcome::Answered.as_str(),
            LegOutcome::Cancelled.as_str(),
        );
        let args = args![account, since, calls, answered, given_up];
        self.written_rows(RANG, args, read_rang).await
    }
}

fn read_rang(row: &mut Reader<'_>) -> Result<RangCount, StoreError> {
    Ok(RangCount {
        target: TargetId(row.uuid()?),
        rung: row.number()?,
        answered: row.number()?,
    })
}

fn read_answered(row: &mut Reader<'_>) -> Result<AnsweredCount, StoreError> {
    Ok(AnsweredCount {
        target: TargetId(row.uuid()?),
        group: row.optional_uuid()?.map(TargetGroupId),
        calls: [row.number()?, row.number()?, row.number()?],
    })
}
