//! Days of calls, sealed: their properties as columns, which reports read in place of the calls.
//!
//! A day is claimed, read and sealed in that order. Whoever changes a call of a day that was claimed or sealed takes claim
//! and segment away in the same transaction, by triggers. So a seal says that nothing was changed since the claim, and
//! needs no lock while the day is read. Why so: `docs/decisions/0038-day-segments.md`.

use std::collections::HashSet;

use ringfence_model::{AccountId, Split, Timestamp};
use uuid::Uuid;

use crate::call_sums::{DAY, QUARTER};
use crate::commit::Statement;
use crate::row::Reader;
use crate::segment::{CallFacts, MOST_CALLS, Packer};
use crate::split_sums::as_shown;
use crate::value::{Value, args};
use crate::{Db, StoreError};

/// Days before the last call's that are sealed: no report is longer than a year, and few look back more than three.
const MOST_DAYS: i64 = 1_500;
/// Calls that are read at a time.
const AT_A_TIME: usize = 5_000;

const SEALED: i64 = 1;
const APART: i64 = 3;

const FIRST_AND_LAST: &str =
    "SELECT MIN(started_at), MAX(started_at) FROM calls WHERE account = $1 AND started_at < $2";
const LOOKED_AT: &str =
    "SELECT day FROM call_segments WHERE account = $1 AND day >= $2 AND state IN (1, 3)";
const DUE: &str =
    "SELECT account, day FROM call_segments WHERE state IN (0, 2) ORDER BY day DESC LIMIT $1";
const OF_ACCOUNT: &str =
    "SELECT day, state, calls FROM call_segments WHERE account = $1 ORDER BY day DESC";
const CLAIM: &str = "INSERT INTO call_segments (account, day, state, seal, calls) VALUES ($1, $2, 2, $3, 0) \
    ON CONFLICT (account, day) DO UPDATE SET state = 2, seal = excluded.seal, calls = 0";
const DROP_PARTS: &str = "DELETE FROM call_segment_parts WHERE account = $1 AND day = $2";
const SEAL: &str = "UPDATE call_segments SET state = $4, calls = $5 \
    WHERE account = $1 AND day = $2 AND state = 2 AND seal = $3";
const ADD_PART: &str =
    "INSERT INTO call_segment_parts (account, day, part, data) VALUES ($1, $2, $3, $4)";
const MAKE_DUE: &str = "UPDATE call_segments SET state = 0 WHERE account = $1 AND day = $2";
/// Nobody holds the lock whose transaction has changed a call of the day before the claim was there to be seen; and the day
/// has been over for an hour by the server's own clock, by which its triggers go.
const NOBODY_CHANGES: &str = "SELECT CASE WHEN CAST($2 AS BIGINT) < floor(date_part('epoch', now() - INTERVAL '1 hour') / 86400) \
    AND pg_try_advisory_xact_lock(3800, call_segment_lock($1, $2)) THEN 1::BIGINT ELSE 0::BIGINT END";
const PARTS: &str =
    "SELECT part, data FROM call_segment_parts WHERE account = $1 AND day = $2 ORDER BY part";
const CALLS: &str = "SELECT calls.started_at, calls.id, calls.answered_at, calls.ended_at, calls.disposition, \
    calls.source_name, calls.campaign, calls.keyword, calls.number, calls.dialled, calls.target, calls.visit, \
    visits.id, visits.landing_page, visits.language, visits.device, call_worths.lead, call_worths.value FROM calls \
    LEFT JOIN visits ON visits.account = calls.account AND visits.id = calls.visit \
    LEFT JOIN call_worths ON call_worths.account = calls.account AND call_worths.call = calls.id \
    WHERE calls.account = $1 AND calls.started_at >= $2 AND calls.started_at < $3 \
    AND (calls.started_at, calls.id) > ($4, $5) ORDER BY calls.started_at, calls.id LIMIT $6";

/// What came of sealing a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedDay {
    /// So many calls are sealed.
    Sealed(u64),
    /// A call of it was changed meanwhile: it is due still.
    Changed,
    /// Its calls are read one by one: it has more than a segment holds, or a call whose visit is not there.
    Apart,
}

/// What a comparison of an account's segments with its calls found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentsCheck {
    /// Days that are sealed.
    pub days: u64,
    /// Days whose segment is not what its calls give; 0 when all is well.
    pub differing: u64,
    /// When the first of those begins.
    pub first: Option<Timestamp>,
}

impl Db {
    /// Days of an account, by their number since 1970, that ended before `before` and that nobody has looked at yet, or
    /// that were changed since: the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn days_to_seal(
        &self,
        account: AccountId,
        before: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let today = before.as_micros().div_euclid(DAY);
        let end = Timestamp::from_micros(today * DAY);
        let ends = self.written_row(FIRST_AND_LAST, args![account, end], read_ends);
        let Some((Some(first), Some(last))) = ends.await? else {
            return Ok(Vec::new());
        };
        let last = last.as_micros() / DAY;
        // Division drops the remainder also before 1970.
        let first = (first.as_micros() / DAY).max(last - MOST_DAYS).max(1);
        let looked_at = self.rows(LOOKED_AT, args![account, first], read_int);
        let looked_at: HashSet<i64> = looked_at.await?.into_iter().collect();
        let days = (first..=last).rev();
        Ok(days.filter(|day| !looked_at.contains(day)).collect())
    }

    /// Days of any account whose segment was taken away by a change, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn days_due(&self, limit: u32) -> Result<Vec<(AccountId, i64)>, StoreError> {
        self.rows(DUE, args![limit], |row| {
            Ok((AccountId(row.uuid()?), row.int()?))
        })
        .await
    }

    /// Seals a day: `seal` is drawn for it. Nobody who writes has to wait but for the seal itself, which writes some 15
    /// octets a call.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read or written; the day's calls are read one by one then.
    pub async fn seal_day(
        &self,
        account: AccountId,
        day: i64,
        seal: i64,
    ) -> Result<SealedDay, StoreError> {
        self.run(vec![
            Statement::new(CLAIM, args![account, day, seal]),
            Statement::new(DROP_PARTS, args![account, day]),
        ])
        .await?;
        if matches!(self, Self::Postgres(_)) {
            let nobody = self.row(NOBODY_CHANGES, args![account, day], read_int);
            if nobody.await? != Some(1) {
                return Ok(SealedDay::Changed);
            }
        }
        let packed = self.pack_day(account, day).await?;
        let sealed = |state: i64, calls: usize| {
            Statement::new(SEAL, args![account, day, seal, state, calls as u64]).decides()
        };
        let (statements, done) = match packed {
            None => (vec![sealed(APART, 0)], SealedDay::Apart),
            Some(columns) => {
                let calls = columns.calls();
                let mut statements = vec![sealed(SEALED, calls)];
                if calls > 0 {
                    // Sorting and packing a large day takes a while.
                    let parts = tokio::task::spawn_blocking(move || columns.parts()).await;
                    let parts =
                        parts.map_err(|error| StoreError::Unavailable(error.to_string()))?;
                    statements.extend(parts.into_iter().map(|(part, data)| {
                        Statement::new(ADD_PART, args![account, day, part, data.as_slice()])
                    }));
                }
                (statements, SealedDay::Sealed(calls as u64))
            }
        };
        let changed = self.run(statements).await?;
        Ok(match changed.first() {
            Some(1) => done,
            _ => SealedDay::Changed,
        })
    }

    /// Takes a day's segment away, so that its calls are read until it is sealed again.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be written.
    pub(crate) async fn make_segment_due(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<(), StoreError> {
        self.run(vec![
            Statement::new(MAKE_DUE, args![account, day]),
            Statement::new(DROP_PARTS, args![account, day]),
        ])
        .await
        .map(drop)
    }

    /// Days of an account that somebody has looked at, by their number since 1970, the newest first: to be sealed anew.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn segment_days(&self, account: AccountId) -> Result<Vec<i64>, StoreError> {
        self.rows(OF_ACCOUNT, args![account], read_int).await
    }

    /// Compares an account's segments with its calls, a day at a time, each with the calls of the same instant.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn check_segments(&self, account: AccountId) -> Result<SegmentsCheck, StoreError> {
        let mut check = SegmentsCheck::default();
        for day in self.segment_days(account).await? {
            let Some(is_right) = self.check_segment(account, day).await? else {
                continue;
            };
            check.days += 1;
            if !is_right {
                check.differing += 1;
                // The newest come first.
                check.first = Some(Timestamp::from_micros(day * DAY));
            }
        }
        Ok(check)
    }

    /// `None` when the day is not sealed.
    async fn check_segment(
        &self,
        account: AccountId,
        day: i64,
    ) -> Result<Option<bool>, StoreError> {
        const ONE: &str =
            "SELECT calls FROM call_segments WHERE account = $1 AND day = $2 AND state = 1";
        let mut snapshot = self.snapshot().await?;
        let sealed = snapshot.rows(ONE, args![account, day], read_int).await?;
        let Some(calls) = sealed.first() else {
            return Ok(None);
        };
        let parts = snapshot.rows(PARTS, args![account, day], read_part).await?;
        let mut packing = Packing::of(account, day);
        while let Some(args) = packing.next() {
            let rows = snapshot.rows(CALLS, args, read_call).await?;
            packing.add(rows);
        }
        let Some(packer) = packing.done() else {
            return Ok(Some(false));
        };
        if packer.calls() == 0 {
            return Ok(Some(*calls == 0 && parts.is_empty()));
        }
        let counted = u64::try_from(*calls) == Ok(packer.calls() as u64);
        Ok(Some(counted && packer.parts() == parts))
    }

    /// `None` when its calls do not go into a segment.
    async fn pack_day(&self, account: AccountId, day: i64) -> Result<Option<Packer>, StoreError> {
        let mut packing = Packing::of(account, day);
        while let Some(args) = packing.next() {
            // What was acknowledged and is not in the tables yet takes the claim away when it comes.
            let rows = self.rows(CALLS, args, read_call).await?;
            packing.add(rows);
        }
        Ok(packing.done())
    }
}

/// Goes through a day's calls.
struct Packing {
    account: AccountId,
    day: i64,
    packer: Packer,
    after: Option<(i64, Uuid)>,
    is_over: bool,
    fits: bool,
}

impl Packing {
    fn of(account: AccountId, day: i64) -> Self {
        Self {
            account,
            day,
            packer: Packer::default(),
            after: Some((i64::MIN, Uuid::nil())),
            is_over: false,
            fits: true,
        }
    }

    /// The arguments of [`CALLS`] for those that come next.
    fn next(&self) -> Option<Vec<Value>> {
        let (started_at, id) = self.after.filter(|_| self.fits && !self.is_over)?;
        let (from, to) = (self.day * DAY, (self.day + 1) * DAY);
        let limit = AT_A_TIME as u64;
        Some(args![self.account, from, to, started_at, id, limit])
    }

    fn add(&mut self, rows: Vec<Row>) {
        self.is_over = rows.len() < AT_A_TIME;
        for row in rows {
            self.after = Some((row.started_at, row.id));
            self.fits &= !row.lacks_visit && self.packer.calls() < MOST_CALLS;
            if self.fits {
                self.packer.add(row.facts(self.day));
            }
        }
    }

    fn done(self) -> Option<Packer> {
        self.fits.then_some(self.packer)
    }
}

struct Row {
    started_at: i64,
    id: Uuid,
    lacks_visit: bool,
    facts: CallFacts,
}

impl Row {
    fn facts(self, day: i64) -> CallFacts {
        let quarter = (self.started_at - day * DAY) / QUARTER;
        CallFacts {
            quarter: u8::try_from(quarter).unwrap_or_default(),
            ..self.facts
        }
    }
}

fn read_call(row: &mut Reader<'_>) -> Result<Row, StoreError> {
    let started_at = row.int()?;
    let id = row.uuid()?;
    let answered_at = row.optional_int()?;
    let ended_at = row.optional_int()?;
    let disposition = row.optional_text()?;
    let talk = answered_at.zip(ended_at);
    let talk = talk.filter(|_| disposition.as_deref() == Some("answered"));
    let source = read_word(row, Split::Source)?;
    let campaign = read_word(row, Split::Campaign)?;
    let keyword = read_word(row, Split::Keyword)?;
    let mut number = row.uuid()?.as_bytes().to_vec();
    number.extend_from_slice(row.text()?.as_bytes());
    let target = row.optional_uuid()?;
    let visit = row.optional_uuid()?;
    let lacks_visit = row.optional_uuid()? != visit;
    let landing_page = read_word(row, Split::LandingPage)?;
    let language = read_word(row, Split::Language)?;
    let device = read_word(row, Split::Device)?;
    let facts = CallFacts {
        quarter: 0,
        disposition,
        lead: row.optional_text()?,
        talk: talk.map(|(answered_at, ended_at)| ended_at.wrapping_sub(answered_at)),
        value: row.optional_int()?,
        words: [
            source,
            campaign,
            keyword,
            landing_page,
            language,
            device,
            Some(number),
            target.map(|target| target.as_bytes().to_vec()),
        ],
    };
    Ok(Row {
        started_at,
        id,
        lacks_visit,
        facts,
    })
}

/// A word as reports show it; what is empty is none.
fn read_word(row: &mut Reader<'_>, split: Split) -> Result<Option<Vec<u8>>, StoreError> {
    let word = row.optional_text()?.map(|word| as_shown(word, split));
    Ok(word.filter(|word| !word.is_empty()).map(String::into_bytes))
}

fn read_ends(row: &mut Reader<'_>) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    Ok((row.optional_time()?, row.optional_time()?))
}

fn read_int(row: &mut Reader<'_>) -> Result<i64, StoreError> {
    row.int()
}

fn read_part(row: &mut Reader<'_>) -> Result<(i64, Vec<u8>), StoreError> {
    Ok((row.int()?, row.bytes()?))
}
