//! Calls of a span, split by up to two of their properties and counted: days that are sealed from their segments
//! (`segments.rs`), all others call by call.

use std::collections::HashMap;

use ringfence_model::{AccountId, Disposition, Split, Timestamp};
use uuid::Uuid;

use crate::call_sums::{DAY, QUARTER};
use crate::row::Reader;
use crate::split_sums::{Day, Sums, Wanted};
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

const SEALED: &str = "SELECT day, calls FROM call_segments \
    WHERE account = $1 AND day >= $2 AND day <= $3 AND state = 1 ORDER BY day";
/// The parts that are not wanted are not looked at, so at most as many as a report by two properties with both filters has.
const PARTS: &str = "SELECT day, part, data FROM call_segment_parts WHERE account = $1 AND day >= $2 AND day <= $3 \
    AND part IN ($4, $5, $6, $7, $8, $9) ORDER BY day, part";
const MOST_PARTS: usize = 6;
const TARGETS: &str = "SELECT id, name FROM targets WHERE account = $1";

/// Spans between sealed days that are read one after the other; with more of them all calls are read in one statement.
const MOST_GAPS: usize = 100;
/// Rows that such a span may have before the same is done.
const MOST_ROWS_OF_GAP: u32 = 200_000;
/// Days, and about how many of their calls, that are read together: a few megabytes.
const DAYS_TOGETHER: usize = 64;
const CALLS_TOGETHER: u64 = 400_000;

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
    /// calls first, at most `limit` rows. Landing pages are counted without their query; what was erased is nothing.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn split_calls(
        &self,
        account: AccountId,
        (from, to): (Timestamp, Timestamp),
        split: (Split, Option<Split>),
        offsets: &Offsets,
        filter: &CallFilter,
        limit: u32,
    ) -> Result<Vec<SplitCount>, StoreError> {
        let asked = Asked::of(account, (from, to), split, offsets, filter);
        let sums = if asked.wanted.is_of_quarters() {
            self.split_days(&asked).await?
        } else {
            None
        };
        match sums {
            Some(sums) => Ok(sums.counts(limit as usize)),
            None => {
                self.split_calls_one_by_one(account, (from, to), split, offsets, filter, limit)
                    .await
            }
        }
    }

    /// [`Db::split_calls`] from the calls alone, in one statement.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn split_calls_one_by_one(
        &self,
        account: AccountId,
        (from, to): (Timestamp, Timestamp),
        split: (Split, Option<Split>),
        offsets: &Offsets,
        filter: &CallFilter,
        limit: u32,
    ) -> Result<Vec<SplitCount>, StoreError> {
        let asked = Asked::of(account, (from, to), split, offsets, filter);
        let args = asked.args((from, to), limit);
        let found = self.written_rows(SPLIT, args, read_split).await?;
        let mut sums = Sums::new(asked.wanted);
        for counted in found {
            sums.add_counted(counted);
        }
        Ok(sums.counts(limit as usize))
    }

    /// From segments and what is between them; `None` when all calls are better read in one statement.
    async fn split_days(&self, asked: &Asked<'_>) -> Result<Option<Sums>, StoreError> {
        let account = asked.account;
        let (from, to) = asked.wanted.span;
        let mut snapshot = self.snapshot().await?;
        let (first, last) = (from.as_micros() / DAY, to.as_micros() / DAY);
        let sealed = snapshot.rows(SEALED, args![account, first, last], read_sealed);
        let cover = Cover::of(sealed.await?, from.as_micros(), to.as_micros());
        if cover.days.is_empty() || cover.gaps.len() > MOST_GAPS {
            return Ok(None);
        }
        let targets = snapshot.rows(TARGETS, args![account], read_target);
        let mut sums = Sums::new(Wanted {
            targets: targets.await?.into_iter().collect(),
            ..asked.wanted.clone()
        });
        // The first and the last may lie in the span in part.
        let whole = asked.wanted.parts(true);
        let in_part = asked.wanted.parts(false);
        let mut read = Vec::new();
        for days in cover.together() {
            let (first, last) = (days[0].day, days[days.len() - 1].day);
            let is_whole = days.iter().all(|day| day.is_whole);
            let parts = if is_whole { &whole } else { &in_part };
            let mut args = args![account, first, last];
            let numbers = parts.iter().copied().chain(std::iter::repeat(-1));
            args.extend(numbers.take(MOST_PARTS).map(Value::from));
            // What was read before is counted meanwhile.
            let next = snapshot.rows(PARTS, args, read_part);
            let (next, counted) = tokio::join!(next, count(sums, read));
            sums = counted?;
            read = of_days(days, next?);
        }
        sums = count(sums, read).await?;
        let damaged = std::mem::take(&mut sums.damaged);
        let of_damaged = damaged.iter().map(|(day, _)| {
            let span = (day * DAY, (day + 1) * DAY);
            (span.0.max(from.as_micros()), span.1.min(to.as_micros()))
        });
        for (from, to) in cover.gaps.iter().copied().chain(of_damaged) {
            let span = (Timestamp::from_micros(from), Timestamp::from_micros(to));
            let args = asked.args(span, MOST_ROWS_OF_GAP);
            let found = snapshot.rows(SPLIT, args, read_split).await?;
            if found.len() >= MOST_ROWS_OF_GAP as usize {
                return Ok(None);
            }
            for counted in found {
                sums.add_counted(counted);
            }
        }
        drop(snapshot);
        for (day, error) in damaged {
            metrics::counter!("ringfence_store_damaged_segments_total").increment(1);
            tracing::error!(%account, day, %error, "a day's segment is damaged; its calls were read, and it is made anew");
            self.make_segment_due(account, day).await?;
        }
        Ok(Some(sums))
    }
}

/// Counts days on a thread that may take its time.
async fn count(mut sums: Sums, days: Vec<Day>) -> Result<Sums, StoreError> {
    let counting = tokio::task::spawn_blocking(move || {
        for day in &days {
            sums.add_day(day);
        }
        sums
    });
    let counted = counting.await;
    counted.map_err(|error| StoreError::Unavailable(format!("counting stopped: {error}")))
}

/// A report as it was asked for.
struct Asked<'a> {
    account: AccountId,
    offsets: &'a Offsets,
    filter: &'a CallFilter,
    wanted: Wanted,
}

impl<'a> Asked<'a> {
    fn of(
        account: AccountId,
        span: (Timestamp, Timestamp),
        split: (Split, Option<Split>),
        offsets: &'a Offsets,
        filter: &'a CallFilter,
    ) -> Self {
        let wanted = Wanted {
            span,
            split,
            offsets: *offsets,
            disposition: filter.disposition.map(Disposition::as_str),
            source: filter.source.clone(),
            number: filter.number.map(|number| number.0),
            targets: HashMap::new(),
        };
        Self {
            account,
            offsets,
            filter,
            wanted,
        }
    }

    /// The arguments of [`SPLIT`].
    fn args(&self, (from, to): (Timestamp, Timestamp), limit: u32) -> Vec<Value> {
        let (one, other) = self.wanted.split;
        let mut args: Vec<Value> = args![
            self.account,
            from,
            to,
            one.as_str(),
            other.map_or("", Split::as_str),
        ];
        for (until, offset) in self.offsets.until {
            args.extend(args![until, offset]);
        }
        args.extend(args![
            self.offsets.then,
            self.filter.disposition.map(Disposition::as_str),
            self.filter.source.as_deref(),
            self.filter.number,
            limit,
        ]);
        args
    }
}

/// A day that is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sealed {
    day: i64,
    calls: u64,
    is_whole: bool,
}

/// How a span is put together: sealed days, and the spans between them, in microseconds.
#[derive(Debug, PartialEq, Eq)]
struct Cover {
    days: Vec<Sealed>,
    gaps: Vec<(i64, i64)>,
}

impl Cover {
    /// Of sealed days with their calls, in order. A day that lies in the span in part counts when quarters of an hour
    /// say which part.
    fn of(sealed: Vec<(i64, u64)>, from: i64, to: i64) -> Self {
        let mut cover = Self {
            days: Vec::new(),
            gaps: Vec::new(),
        };
        let mut at = from;
        for (day, calls) in sealed {
            let (begin, end) = (day * DAY, (day + 1) * DAY);
            let (begins, ends) = (begin.max(from), end.min(to));
            if begins >= ends || begins % QUARTER != 0 || ends % QUARTER != 0 {
                continue;
            }
            if at < begins {
                cover.gaps.push((at, begins));
            }
            at = ends;
            // A day without calls has no parts.
            if calls > 0 {
                let is_whole = (begins, ends) == (begin, end);
                cover.days.push(Sealed {
                    day,
                    calls,
                    is_whole,
                });
            }
        }
        if at < to {
            cover.gaps.push((at, to));
        }
        cover
    }

    /// Days that are read together: whole ones, and ones in part by themselves.
    fn together(&self) -> Vec<&[Sealed]> {
        let mut groups = Vec::new();
        let (mut begin, mut calls) = (0, 0);
        for (nth, day) in self.days.iter().enumerate() {
            let is_other = nth > begin && self.days[begin].is_whole != day.is_whole;
            if is_other || nth - begin >= DAYS_TOGETHER || calls >= CALLS_TOGETHER {
                groups.push(&self.days[begin..nth]);
                (begin, calls) = (nth, 0);
            }
            calls += day.calls;
        }
        if begin < self.days.len() {
            groups.push(&self.days[begin..]);
        }
        groups
    }
}

/// The parts of each of these days; a day of which nothing was found has none.
fn of_days(days: &[Sealed], parts: Vec<(i64, i64, Vec<u8>)>) -> Vec<Day> {
    let mut found: Vec<Day> = days
        .iter()
        .map(|day| Day {
            day: day.day,
            parts: Vec::new(),
        })
        .collect();
    let mut nth = 0;
    for (day, part, data) in parts {
        while found.get(nth).is_some_and(|found| found.day < day) {
            nth += 1;
        }
        if let Some(found) = found.get_mut(nth).filter(|found| found.day == day) {
            found.parts.push((part, data));
        }
    }
    found
}

fn read_sealed(row: &mut Reader<'_>) -> Result<(i64, u64), StoreError> {
    Ok((row.int()?, row.number()?))
}

fn read_target(row: &mut Reader<'_>) -> Result<(Uuid, String), StoreError> {
    Ok((row.uuid()?, row.text()?))
}

fn read_part(row: &mut Reader<'_>) -> Result<(i64, i64, Vec<u8>), StoreError> {
    Ok((row.int()?, row.int()?, row.bytes()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_sealed_days_and_what_is_between_them() {
        let sealed = |day, calls, is_whole| Sealed {
            day,
            calls,
            is_whole,
        };
        let hour = 4 * QUARTER;
        let cover = Cover::of(
            vec![(10, 5), (11, 6), (12, 0), (14, 7), (15, 8)],
            10 * DAY + hour,
            15 * DAY + 1,
        );
        let days = vec![
            sealed(10, 5, false),
            sealed(11, 6, true),
            sealed(14, 7, true),
        ];
        let gaps = vec![(13 * DAY, 14 * DAY), (15 * DAY, 15 * DAY + 1)];
        assert_eq!(cover, Cover { days, gaps });
        let together: Vec<usize> = cover.together().iter().map(|days| days.len()).collect();
        assert_eq!(together, [1, 2]);
        let nothing = Cover::of(Vec::new(), 5, 9);
        assert_eq!((nothing.days.len(), nothing.gaps), (0, vec![(5, 9)]));
    }
}
