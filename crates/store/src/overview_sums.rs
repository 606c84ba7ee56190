//! What the overview asks beyond sums of calls: callers who called for the first time, callers to call back, calls with a
//! recording, and what the calls of each source were worth; by quarter of an hour and by day of UTC, as `call_sums.rs`.
//!
//! Triggers note what may have changed, [`add_changes_to_sqlite`] and a function of the PostgreSQL database carry it over
//! at the end of the same transaction. A caller has a row while a call has the number, and no longer. Why so:
//! `docs/decisions/0041-callers-and-what-the-overview-sums.md`.

use rusqlite::OptionalExtension as _;

use crate::StoreError;
use crate::row::Reader;

/// Callers that have a note.
macro_rules! touched {
    () => {
        "(SELECT account, caller, MAX(decides) AS decides FROM caller_changes GROUP BY account, caller) AS touched"
    };
}
/// Where callers that have a note are counted, each with a sign.
macro_rules! count_touched {
    ($sign:literal) => {
        concat!(
            "INSERT INTO overview_changes SELECT callers.account, first_at, ",
            $sign,
            ", 0, 0 FROM ",
            touched!(),
            " CROSS JOIN callers ON callers.account = touched.account AND callers.caller = touched.caller \
             UNION ALL SELECT callers.account, missed_at, 0, ",
            $sign,
            ", 0 FROM ",
            touched!(),
            " CROSS JOIN callers ON callers.account = touched.account AND callers.caller = touched.caller \
             WHERE missed_at IS NOT NULL"
        )
    };
}
/// The last call that was missed or answered decides; both at once are missed, for the answered one was not later.
const LOOK_AGAIN: &str = concat!(
    "INSERT INTO callers (account, caller, first_at, missed_at) \
     SELECT account, caller, first_at, missed_at FROM (SELECT touched.account AS account, touched.caller AS caller, \
         (SELECT MIN(started_at) FROM calls \
             WHERE calls.account = touched.account AND calls.caller = touched.caller) AS first_at, \
         CASE WHEN touched.decides = 1 THEN \
             (SELECT CASE WHEN disposition IN ('missed', 'abandoned') THEN started_at END FROM calls \
                 WHERE calls.account = touched.account AND calls.caller = touched.caller \
                 AND (answered_at IS NOT NULL OR disposition IN ('missed', 'abandoned')) \
                 ORDER BY started_at DESC, CASE WHEN disposition IN ('missed', 'abandoned') THEN 0 ELSE 1 END LIMIT 1) \
         ELSE (SELECT missed_at FROM callers AS known \
             WHERE known.account = touched.account AND known.caller = touched.caller) END AS missed_at \
         FROM ",
    touched!(),
    ") AS counted WHERE first_at IS NOT NULL \
     ON CONFLICT (account, caller) DO UPDATE SET first_at = excluded.first_at, missed_at = excluded.missed_at \
     WHERE callers.first_at <> excluded.first_at OR callers.missed_at IS NOT excluded.missed_at"
);
const FORGET: &str = "DELETE FROM callers WHERE (account, caller) IN (SELECT account, caller FROM caller_changes) \
    AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.account = callers.account AND calls.caller = callers.caller)";

/// Sums of `$from` by span; the same columns whether what is summed are changes or all that there is.
macro_rules! overview_grouped {
    ($from:expr) => {
        concat!(
            "SELECT account, width, started_at / (width * 1000000) * (width * 1000000) AS start, \
             CAST(SUM(first_time) AS BIGINT) AS first_time, CAST(SUM(to_call_back) AS BIGINT) AS to_call_back, \
             CAST(SUM(recorded) AS BIGINT) AS recorded FROM ",
            $from,
            " CROSS JOIN (SELECT CAST(900 AS BIGINT) AS width UNION ALL SELECT 86400) AS widths WHERE 1 = 1 \
             GROUP BY 1, 2, 3 HAVING SUM(first_time) <> 0 OR SUM(to_call_back) <> 0 OR SUM(recorded) <> 0"
        )
    };
}
macro_rules! worth_grouped {
    ($from:expr) => {
        concat!(
            "SELECT account, width, started_at / (width * 1000000) * (width * 1000000) AS start, \
             COALESCE(source_kind, '') AS source_kind, COALESCE(source_name, '') AS source_name, \
             CAST(SUM(sign) AS BIGINT) AS calls, \
             CAST(SUM(CASE WHEN lead IN ('qualified', 'converted') THEN sign ELSE 0 END) AS BIGINT) AS qualified, \
             CAST(SUM(CASE WHEN lead = 'converted' THEN sign ELSE 0 END) AS BIGINT) AS converted, \
             CAST(SUM(COALESCE(value, 0) * sign) AS BIGINT) AS value FROM ",
            $from,
            " CROSS JOIN (SELECT CAST(900 AS BIGINT) AS width UNION ALL SELECT 86400) AS widths WHERE 1 = 1 \
             GROUP BY 1, 2, 3, 4, 5"
        )
    };
}
macro_rules! add_to_overview {
    ($from:expr) => {
        concat!(
            "INSERT INTO overview_sums (account, width, start, first_time, to_call_back, recorded) ",
            overview_grouped!($from),
            " ORDER BY 1, 2, 3 ON CONFLICT (account, width, start) DO UPDATE SET \
             first_time = overview_sums.first_time + excluded.first_time, \
             to_call_back = overview_sums.to_call_back + excluded.to_call_back, \
             recorded = overview_sums.recorded + excluded.recorded"
        )
    };
}
macro_rules! add_to_worths {
    ($from:expr) => {
        concat!(
            "INSERT INTO worth_sums (account, width, start, source_kind, source_name, calls, qualified, converted, value) ",
            worth_grouped!($from),
            " ORDER BY 1, 2, 3, 4, 5 ON CONFLICT (account, width, start, source_kind, source_name) DO UPDATE SET \
             calls = worth_sums.calls + excluded.calls, qualified = worth_sums.qualified + excluded.qualified, \
             converted = worth_sums.converted + excluded.converted, value = worth_sums.value + excluded.value"
        )
    };
}

/// An account's callers, counted from its calls: those after whose last missed call none was answered are to be called back.
macro_rules! counted_callers {
    () => {
        "SELECT account, caller, first_at, CASE WHEN missed_at >= COALESCE(answered_at, missed_at) THEN missed_at END \
             AS missed_at FROM (SELECT account, caller, MIN(started_at) AS first_at, \
             MAX(CASE WHEN disposition IN ('missed', 'abandoned') THEN started_at END) AS missed_at, \
             MAX(CASE WHEN answered_at IS NOT NULL THEN started_at END) AS answered_at \
             FROM calls WHERE account = $1 AND caller IS NOT NULL GROUP BY account, caller) AS counted"
    };
}
/// All that the overview's sums of an account are made of.
macro_rules! overview_of_account {
    () => {
        "(SELECT account, first_at AS started_at, 1 AS first_time, 0 AS to_call_back, 0 AS recorded FROM callers \
             WHERE account = $1 \
         UNION ALL SELECT account, missed_at, 0, 1, 0 FROM callers WHERE account = $1 AND missed_at IS NOT NULL \
         UNION ALL SELECT account, started_at, 0, 0, 1 FROM calls WHERE account = $1 AND id IN \
             (SELECT call FROM recordings WHERE account = $1 AND state <> 'failed')) AS changes"
    };
}
macro_rules! worths_of_account {
    () => {
        "(SELECT calls.account, 1 AS sign, calls.started_at, source_kind, source_name, lead, value FROM call_worths \
         JOIN calls ON calls.account = call_worths.account AND calls.id = call_worths.call \
         WHERE call_worths.account = $1) AS changes"
    };
}

const OF_CALLERS: [&str; 5] = [
    count_touched!("-1"),
    LOOK_AGAIN,
    FORGET,
    count_touched!("1"),
    "DELETE FROM caller_changes",
];
const OF_OVERVIEW: [&str; 2] = [
    add_to_overview!("overview_changes"),
    "DELETE FROM overview_changes",
];
const OF_WORTHS: [&str; 2] = [add_to_worths!("worth_changes"), "DELETE FROM worth_changes"];

/// For PostgreSQL, see migration 52.
pub(crate) const ADD_AT_ONCE: &str = "SELECT add_overview_changes()";

/// Makes all of an account anew.
pub(crate) const REBUILD: [&str; 9] = [
    "DELETE FROM caller_changes WHERE account = $1",
    "DELETE FROM overview_changes WHERE account = $1",
    "DELETE FROM worth_changes WHERE account = $1",
    "DELETE FROM callers WHERE account = $1",
    "DELETE FROM overview_sums WHERE account = $1",
    "DELETE FROM worth_sums WHERE account = $1",
    concat!(
        "INSERT INTO callers (account, caller, first_at, missed_at) ",
        counted_callers!()
    ),
    add_to_overview!(overview_of_account!()),
    add_to_worths!(worths_of_account!()),
];

/// What differs between `$kept` and `$counted`, by `$key`; `$start` is when it is.
macro_rules! differing {
    ($counted:expr, $kept:expr, $key:literal, $start:literal) => {
        concat!(
            "WITH counted AS (",
            $counted,
            "), kept AS (",
            $kept,
            "), differing AS (SELECT * FROM (SELECT * FROM counted EXCEPT SELECT * FROM kept) AS lacking \
             UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM counted) AS wrong) \
             SELECT COUNT(*), MIN(began) FROM (SELECT ",
            $key,
            ", MIN(",
            $start,
            ") AS began FROM differing GROUP BY ",
            $key,
            ") AS keys"
        )
    };
}
pub(crate) const DIFFERING: [&str; 3] = [
    differing!(
        counted_callers!(),
        "SELECT account, caller, first_at, missed_at FROM callers WHERE account = $1",
        "caller",
        "first_at"
    ),
    differing!(
        overview_grouped!(overview_of_account!()),
        "SELECT account, width, start, first_time, to_call_back, recorded FROM overview_sums WHERE account = $1 \
         AND (first_time <> 0 OR to_call_back <> 0 OR recorded <> 0)",
        "width, start",
        "start"
    ),
    differing!(
        worth_grouped!(worths_of_account!()),
        "SELECT account, width, start, source_kind, source_name, calls, qualified, converted, value FROM worth_sums \
         WHERE account = $1 AND (calls <> 0 OR qualified <> 0 OR converted <> 0 OR value <> 0)",
        "width, start, source_kind, source_name",
        "start"
    ),
];

/// Carries over what triggers noted, within the transaction that is open.
pub(crate) fn add_changes_to_sqlite(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'caller_changes'";
    let mut exists = connection.prepare_cached(exists)?;
    if exists.query_row((), |_| Ok(())).optional()?.is_none() {
        return Ok(());
    }
    // In this order: what is noted of callers changes what is noted for the overview.
    carry_over(
        connection,
        "SELECT EXISTS (SELECT 1 FROM caller_changes)",
        &OF_CALLERS,
    )?;
    carry_over(
        connection,
        "SELECT EXISTS (SELECT 1 FROM overview_changes)",
        &OF_OVERVIEW,
    )?;
    carry_over(
        connection,
        "SELECT EXISTS (SELECT 1 FROM worth_changes)",
        &OF_WORTHS,
    )
}

fn carry_over(
    connection: &rusqlite::Connection,
    some: &str,
    statements: &[&str],
) -> Result<(), StoreError> {
    let mut some = connection.prepare_cached(some)?;
    if some.query_row((), |row| row.get(0))? {
        for sql in statements {
            connection.prepare_cached(sql)?.execute(())?;
        }
    }
    Ok(())
}

/// Sums of a span, whose arguments are those of `call_sums::parts`: `$ends` counts calls one by one, and ends where the
/// span's bounds follow.
macro_rules! spanned {
    ($table:literal, $columns:literal, $ends:literal) => {
        concat!(
            "(",
            $ends,
            " AND calls.started_at >= $2 AND calls.started_at < $3 UNION ALL SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE account = $1 AND width = 900 AND start >= $3 AND start < $4 UNION ALL SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE account = $1 AND width = 86400 AND start >= $4 AND start < $5 UNION ALL SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE account = $1 AND width = 900 AND start >= $5 AND start < $6 UNION ALL ",
            $ends,
            " AND calls.started_at >= $6 AND calls.started_at < $7) AS spanned"
        )
    };
}

/// First-time callers, callers to call back and recorded calls of a span.
pub(crate) const OVERVIEW: &str = concat!(
    "SELECT CAST(COALESCE(SUM(first_time), 0) AS BIGINT), CAST(COALESCE(SUM(to_call_back), 0) AS BIGINT), \
     CAST(COALESCE(SUM(recorded), 0) AS BIGINT) FROM ",
    spanned!(
        "overview_sums",
        "first_time, to_call_back, recorded",
        "SELECT COUNT(DISTINCT CASE WHEN callers.first_at = calls.started_at THEN calls.caller END) AS first_time, \
         COUNT(DISTINCT CASE WHEN callers.missed_at = calls.started_at THEN calls.caller END) AS to_call_back, \
         COUNT(CASE WHEN EXISTS (SELECT 1 FROM recordings WHERE recordings.account = calls.account \
             AND recordings.call = calls.id AND recordings.state <> 'failed') THEN 1 END) AS recorded \
         FROM calls LEFT JOIN callers ON callers.account = calls.account AND callers.caller = calls.caller \
         WHERE calls.account = $1"
    )
);

/// Callers who were missed in a span, and again after it and not spoken to since: their `missed_at` is not in the span. The
/// arguments are the account and the span.
pub(crate) const MISSED_AGAIN: &str = "SELECT COUNT(*) FROM callers \
    WHERE account = $1 AND missed_at >= $3 AND first_at < $3 AND EXISTS (SELECT 1 FROM calls \
        WHERE calls.account = callers.account AND calls.caller = callers.caller \
        AND calls.started_at >= $2 AND calls.started_at < $3 AND calls.disposition IN ('missed', 'abandoned') \
        AND NOT EXISTS (SELECT 1 FROM calls AS later WHERE later.account = calls.account \
            AND later.caller = calls.caller AND later.started_at > calls.started_at \
            AND later.answered_at IS NOT NULL))";

/// What was said of the calls of each source; a class that is empty is none.
pub(crate) const WORTH_BY_SOURCE: &str = concat!(
    "SELECT NULLIF(source_kind, ''), CASE WHEN source_kind <> '' THEN source_name END, \
     CAST(SUM(qualified) AS BIGINT), CAST(SUM(converted) AS BIGINT), CAST(SUM(value) AS BIGINT) FROM ",
    spanned!(
        "worth_sums",
        "source_kind, source_name, calls, qualified, converted, value",
        "SELECT COALESCE(source_kind, '') AS source_kind, COALESCE(source_name, '') AS source_name, 1 AS calls, \
         CASE WHEN lead IN ('qualified', 'converted') THEN 1 ELSE 0 END AS qualified, \
         CASE WHEN lead = 'converted' THEN 1 ELSE 0 END AS converted, COALESCE(value, 0) AS value \
         FROM calls JOIN call_worths ON call_worths.account = calls.account AND call_worths.call = calls.id \
         WHERE calls.account = $1"
    ),
    " GROUP BY source_kind, source_name HAVING SUM(calls) > 0 ORDER BY 5 DESC, 4 DESC, source_name, source_kind"
);

/// First-time callers, callers to call back, and calls with a recording.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OverviewSums {
    pub first_time: u64,
    pub to_call_back: u64,
    pub recorded: u64,
}

pub(crate) fn read_overview(row: &mut Reader<'_>) -> Result<OverviewSums, StoreError> {
    Ok(OverviewSums {
        first_time: row.number()?,
        to_call_back: row.number()?,
        recorded: row.number()?,
    })
}
