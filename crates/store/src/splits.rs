//! Calls of a span, split by up to two of their properties and counted. They are read one by one: there are no sums by
//! every pair of properties.

use ringfence_model::{AccountId, Disposition, Split, Timestamp};

use crate::row::Reader;
use crate::value::{Value, args};
use crate::{CallFilter, Db, StoreError};

/// The hour in which a call began where the account is: up to three times in a span clocks are changed, at `$6`, `$8` and
/// `$10`, and were off UTC by `$7`, `$9` and `$11` until then, by `$12` afterwards.
macro_rules! local {
    () => {
        "(calls.started_at + CASE WHEN calls.started_at < $6 THEN $7 WHEN calls.started_at < $8 THEN $9 \
         WHEN calls.started_at < $10 THEN $11 ELSE $12 END)"
    };
}
/// What a call has of the property that `$which` names. Division of whole numbers: both engines drop the remainder. The
/// first of January 1970 was a Thursday.
macro_rules! property {
    ($which:literal) => {
        concat!(
            "CASE ",
            $which,
            " WHEN 'source' THEN calls.source_name WHEN 'campaign' THEN calls.campaign \
             WHEN 'keyword' THEN calls.keyword WHEN 'landing_page' THEN visits.landing_page \
             WHEN 'language' THEN visits.language WHEN 'device' THEN visits.device \
             WHEN 'number' THEN calls.dialled WHEN 'target' THEN targets.name \
             WHEN 'disposition' THEN calls.disposition WHEN 'lead' THEN call_worths.lead \
             WHEN 'day' THEN CAST(",
            local!(),
            " / 86400000000 AS TEXT) WHEN 'weekday' THEN CAST((",
            local!(),
            " / 86400000000 + 3) % 7 AS TEXT) WHEN 'hour' THEN CAST(",
            local!(),
            " / 3600000000 % 24 AS TEXT) END"
        )
    };
}
const SPLIT: &str = concat!(
    "SELECT one, other, COUNT(*), COUNT(CASE WHEN disposition = 'answered' THEN 1 END), \
     COUNT(CASE WHEN disposition IN ('missed', 'abandoned') THEN 1 END), \
     CAST(COALESCE(SUM(CASE WHEN disposition = 'answered' THEN talk END), 0) AS BIGINT), \
     COUNT(CASE WHEN lead IN ('qualified', 'converted') THEN 1 END), \
     COUNT(CASE WHEN lead = 'converted' THEN 1 END), CAST(COALESCE(SUM(value), 0) AS BIGINT) FROM (SELECT ",
    property!("$4"),
    " AS one, ",
    property!("$5"),
    " AS other, calls.disposition AS disposition, calls.ended_at - calls.answered_at AS talk, \
     call_worths.lead AS lead, call_worths.value AS value FROM calls \
     LEFT JOIN visits ON visits.account = calls.account AND visits.id = calls.visit \
     LEFT JOIN targets ON targets.account = calls.account AND targets.id = calls.target \
     LEFT JOIN call_worths ON call_worths.account = calls.account AND call_worths.call = calls.id \
     WHERE calls.account = $1 AND calls.started_at >= $2 AND calls.started_at < $3 \
     AND ($13 IS NULL OR calls.disposition = $13) AND ($14 IS NULL OR calls.source_name = $14) \
     AND ($15 IS NULL OR calls.number = $15)) AS split \
     GROUP BY one, other ORDER BY 3 DESC, one, other LIMIT $16"
);

/// Calls that have the same of both properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitCount {
    /// What they have of the first: as rows hold it, a day by its number since 1970, a weekday from 0, Monday. `None`
    /// when they have nothing of it.
    pub one: Option<String>,
    /// What they have of the second; `None` too when they are not split by a second.
    pub other: Option<String>,
    /// All of them.
    pub calls: u64,
    /// Ended as answered.
    pub answered: u64,
    /// Ended as missed or abandoned.
    pub missed: u64,
    /// From answer to end, all together, in microseconds.
    pub talk: i64,
    /// The caller may buy, or bought.
    pub qualified: u64,
    /// The caller bought.
    pub converted: u64,
    /// The sum of their values, in the smallest unit of the account's currency.
    pub value: i64,
}

/// How far a zone is off UTC in a span, in microseconds: until three changes of its clocks, and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// When clocks are changed, the earliest first, and by how much they were off until then.
    pub until: [(Timestamp, i64); 3],
    /// By how much they are off after that.
    pub then: i64,
}

impl Db {
    /// Calls that began in `[from, to)` and fit the filter's ending, source and number, split by one property or two: most
    /// calls first, at most `limit` rows.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn split_calls(
        &self,
        account: AccountId,
        (from, to): (Timestamp, Timestamp),
        (one, other): (Split, Option<Split>),
        offsets: &Offsets,
        filter: &CallFilter,
        limit: u32,
    ) -> Result<Vec<SplitCount>, StoreError> {
        let mut args: Vec<Value> = args![
            account,
            from,
            to,
            one.as_str(),
            other.map_or("", Split::as_str),
        ];
        for (until, offset) in offsets.until {
            args.extend(args![until, offset]);
        }
        args.extend(args![
            offsets.then,
            filter.disposition.map(Disposition::as_str),
            filter.source.as_deref(),
            filter.number,
            limit,
        ]);
        self.written_rows(SPLIT, args, read_split).await
    }
}

fn read_split(row: &mut Reader<'_>) -> Result<SplitCount, StoreError> {
    Ok(SplitCount {
        one: row.optional_text()?,
        other: row.optional_text()?,
        calls: row.number()?,
        answered: row.number()?,
        missed: row.number()?,
        talk: row.int()?,
        qualified: row.number()?,
        converted: row.number()?,
        value: row.int()?,
    })
}
