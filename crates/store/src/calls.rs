//! The call log: calls, legs, events and recordings as they are read; they are written through [`Db::write`].

use std::fmt;
use std::str::FromStr;

use ringfence_model::{
    AccountId, Call, CallEvent, CallId, Confidence, Disposition, E164, Lead, Leg, LegId,
    LegOutcome, NumberId, PlanId, Recording, RecordingId, RecordingState, ServerId, Source,
    SourceKind, TargetId, Timestamp, TrunkId, VisitId,
};
use uuid::Uuid;

use crate::bulk::json;
use crate::call_worths::as_kept;
use crate::row::{Reader, read_count};
use crate::value::args;
use crate::{Db, StoreError};

macro_rules! call_columns {
    () => {
        "id, account, number, dialled, caller, trunk, plan, sip_call_id, started_at, answered_at, \
         ended_at, disposition, reason, target, failed_over, visit, source_kind, source_name, \
         campaign, keyword, confidence, server"
    };
}
pub(crate) use call_columns;

/// As they were before servers had names.
macro_rules! call_columns_of_no_server {
    () => {
        "id, account, number, dialled, caller, trunk, plan, sip_call_id, started_at, answered_at, \
         ended_at, disposition, reason, target, failed_over, visit, source_kind, source_name, \
         campaign, keyword, confidence"
    };
}
pub(crate) use call_columns_of_no_server;

macro_rules! leg_columns {
    () => {
        "id, call, account, target, position, started_at, answered_at, ended_at, outcome, code"
    };
}
pub(crate) use leg_columns;

macro_rules! event_columns {
    () => {
        "call, account, sequence, at, kind"
    };
}
pub(crate) use event_columns;

macro_rules! recording_columns {
    () => {
        "id, call, account, path, started_at, duration_ms, size, sha256, state"
    };
}
pub(crate) use recording_columns;

const CALL: &str = concat!(
    "SELECT ",
    call_columns!(),
    " FROM calls WHERE account = $1 AND id = $2"
);
/// A part that is not set lets every call through; the index on `(account, started_at, id)` gives order and place. Where a
/// number or callers are given, the index on them finds their calls without looking at others.
macro_rules! page_of_calls {
    ($calls:literal, $number:literal, $caller:literal) => {
        concat!(
            "SELECT ",
            call_columns!(),
            " FROM ",
            $calls,
            " WHERE account = $1 AND started_at >= $2 AND started_at < $3 \
             AND (started_at, id) < ($4, $5) \
             AND ($6 IS NULL OR disposition = $6) \
             AND ($7 IS NULL OR source_name = $7) \
             AND ",
            $number,
            " AND ($9 IS NULL OR target = $9) AND ",
            $caller,
            " AND ($11 IS NULL OR dialled = $11) \
             AND (NOT $12 OR EXISTS (SELECT 1 FROM recordings WHERE recordings.account = calls.account \
                  AND recordings.call = calls.id AND recordings.state IN ('open', 'closed', 'recovered'))) \
             AND ($13 IS NULL OR LOWER(COALESCE(caller, '') || ' ' || dialled || ' ' || \
                  COALESCE(source_name, '') || ' ' || COALESCE(campaign, '') || ' ' || \
                  COALESCE(keyword, '') || ' ' || COALESCE(reason, '')) LIKE LOWER($13) ESCAPE '!') \
             AND ($14 IS NULL OR EXISTS (SELECT 1 FROM call_worths WHERE call_worths.account = calls.account \
                  AND call_worths.call = calls.id AND lead = $14)) \
             AND ($15 IS NULL OR EXISTS (SELECT 1 FROM call_worths WHERE call_worths.account = calls.account \
                  AND call_worths.call = calls.id AND REPLACE(tags, $15, '') <> tags)) \
             ORDER BY started_at DESC, id DESC LIMIT $16"
        )
    };
}
const CALLS: &str = page_of_calls!(
    "calls",
    "($8 IS NULL OR number = $8)",
    "($10 IS NULL OR caller LIKE $10)"
);
/// SQLite would take the index that gives the order, and pass every other number's calls.
const CALLS_OF_NUMBER_IN_SQLITE: &str = page_of_calls!(
    "calls INDEXED BY calls_number",
    "number = $8",
    "($10 IS NULL OR caller LIKE $10)"
);
const CALLS_OF_NUMBER_IN_POSTGRES: &str =
    page_of_calls!("calls", "number = $8", "($10 IS NULL OR caller LIKE $10)");
/// Callers are handed in as one text, a JSON array.
const CALLS_OF_CALLERS_IN_SQLITE: &str = page_of_calls!(
    "calls INDEXED BY calls_caller",
    "($8 IS NULL OR number = $8)",
    "caller IN (SELECT value FROM json_each($10))"
);
const CALLS_OF_CALLERS_IN_POSTGRES: &str = page_of_calls!(
    "calls",
    "($8 IS NULL OR number = $8)",
    "caller = ANY (ARRAY(SELECT json_array_elements_text($10::json)))"
);
const CALLERS: &str = "SELECT caller FROM callers WHERE account = $1 AND caller LIKE $2 LIMIT $3";
const EARLIER_CALLS: &str = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM calls \
    WHERE account = $1 AND caller = $2 AND started_at < $3 LIMIT $4) AS earlier";
const OPEN_CALLS: &str = concat!(
    "SELECT ",
    call_columns!(),
    " FROM calls WHERE ended_at IS NULL ORDER BY started_at, id"
);
const LEGS: &str = concat!(
    "SELECT ",
    leg_columns!(),
    " FROM legs WHERE account = $1 AND call = $2 ORDER BY position, id"
);
const CALL_EVENTS: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM call_events WHERE account = $1 AND call = $2 ORDER BY sequence"
);
const RECORDING: &str = concat!(
    "SELECT ",
    recording_columns!(),
    " FROM recordings WHERE account = $1 AND id = $2"
);
const RECORDING_OF_CALL: &str = concat!(
    "SELECT ",
    recording_columns!(),
    " FROM recordings WHERE account = $1 AND call = $2 ORDER BY started_at, id LIMIT 1"
);
const OPEN_RECORDINGS: &str = concat!(
    "SELECT ",
    recording_columns!(),
    " FROM recordings WHERE state = 'open' ORDER BY started_at, id"
);

/// Callers whose calls are looked up by their numbers, at most.
const MOST_CALLERS: u32 = 100;

/// Calls on a page of the call log at most.
const MOST_ON_A_PAGE: u32 = 1000;

/// Which calls to show; every part that is set must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Calls that started at or after this.
    pub from: Option<Timestamp>,
    /// Calls that started before this.
    pub to: Option<Timestamp>,
    /// How they ended.
    pub disposition: Option<Disposition>,
    /// The name of the source that they are attributed to.
    pub source: Option<String>,
    /// The tracking number that was dialled.
    pub number: Option<NumberId>,
    /// The target that answered.
    pub target: Option<TargetId>,
    /// Digits that stand anywhere in the caller's number.
    pub caller_contains: Option<String>,
    /// The digits that were dialled.
    pub dialled: Option<E164>,
    /// Only calls with a recording that can be heard: none that failed or was erased.
    pub only_recorded: bool,
    /// Letters that stand, in whatever case, anywhere in the caller, the dialled number, the source, the campaign,
    /// the keyword or the reason.
    pub text: Option<String>,
    /// What is said to have come of them.
    pub lead: Option<Lead>,
    /// A tag that they have, in whatever case.
    pub tag: Option<String>,
}

/// Where a page of the call log ended. Its text form fits in a URL's query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCursor {
    /// The last shown call's start.
    pub started_at: Timestamp,
    /// The last shown call.
    pub id: CallId,
}

/// A text that is no place in the call log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a place in the call log as an earlier page gave it, got {0:?}")]
pub struct CursorError(pub String);

impl fmt::Display for CallCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.started_at.as_micros(), self.id)
    }
}

impl FromStr for CallCursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let wrong = || CursorError(text.chars().take(64).collect());
        let (started_at, id) = text.split_once('.').ok_or_else(wrong)?;
        Ok(Self {
            started_at: Timestamp::from_micros(started_at.parse().map_err(|_| wrong())?),
            id: id.parse().map_err(|_| wrong())?,
        })
    }
}

/// Some calls, newest first, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<Call>,
    /// Hand this in for the next page; `None` on the last.
    pub next: Option<CallCursor>,
}

impl Db {
    /// One call.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call(&self, account: AccountId, call: CallId) -> Result<Option<Call>, StoreError> {
        self.written_row(CALL, args![account, call], read_call)
            .await
    }
    /// A page of an account's calls, newest first: at most `limit` (1 to 1,000) after `after`.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn calls(
        &self,
        account: AccountId,
        filter: &CallFilter,
        after: Option<CallCursor>,
        limit: u32,
    ) -> Result<CallPage, StoreError> {
        let limit = limit.clamp(1, MOST_ON_A_PAGE);
        let after = after.unwrap_or(CallCursor {
            started_at: Timestamp::from_micros(i64::MAX),
            id: CallId(Uuid::max()),
        });
        let to = filter.to.unwrap_or(Timestamp::from_micros(i64::MAX));
        // Said once more for SQLite, which would begin at the end of the span and pass every call before the place.
        let to = to
            .as_micros()
            .min(after.started_at.as_micros().saturating_add(1));
        let digits = filter.caller_contains.as_deref().and_then(digits_pattern);
        let callers = match &digits {
            Some(digits) => self.callers_with(account, digits).await?,
            None => None,
        };
        let sql = match (&callers, self) {
            (Some(callers), _) if callers.is_empty() => {
                return Ok(CallPage {
                    calls: Vec::new(),
                    next: None,
                });
            }
            (Some(_), Self::Sqlite(_)) => CALLS_OF_CALLERS_IN_SQLITE,
            (Some(_), Self::Postgres(_)) => CALLS_OF_CALLERS_IN_POSTGRES,
            (None, Self::Sqlite(_)) if filter.number.is_some() => CALLS_OF_NUMBER_IN_SQLITE,
            (None, Self::Postgres(_)) if filter.number.is_some() => CALLS_OF_NUMBER_IN_POSTGRES,
            (None, _) => CALLS,
        };
        let caller = match callers {
            Some(callers) => Some(json(&callers)?),
            None => digits,
        };
        let args = args![
            account,
            filter.from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            to,
            after.started_at,
            after.id,
            filter.disposition.map(Disposition::as_str),
            filter.source.as_deref(),
            filter.number,
            filter.target,
            caller.as_deref(),
            filter.dialled.as_ref(),
            filter.only_recorded,
            filter.text.as_deref().and_then(text_pattern).as_deref(),
            filter.lead.map(Lead::as_str),
            filter.tag.as_deref().map(as_kept).as_deref(),
            limit + 1,
        ];
        let mut calls = self.written_rows(sql, args, read_call).await?;
        let more = calls.len() > limit as usize;
        calls.truncate(limit as usize);
        let next = calls.last().filter(|_| more).map(|last| CallCursor {
            started_at: last.started_at,
            id: last.id,
        });
        Ok(CallPage { calls, next })
    }
    /// Callers of an account whose number is like that; `None` when they are many: some of their calls are found soon
    /// by going through all calls then.
    async fn callers_with(
        &self,
        account: AccountId,
        digits: &str,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let args = args![account, digits, MOST_CALLERS + 1];
        let found = self.written_rows(CALLERS, args, read_caller).await?;
        Ok(Some(found).filter(|found| found.len() <= MOST_CALLERS as usize))
    }
    /// How many calls the caller of `call` made to its account before it, at most `at_most`; none when the number was
    /// withheld.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn earlier_calls(&self, call: &Call, at_most: u32) -> Result<u64, StoreError> {
        let Some(caller) = &call.caller else {
            return Ok(0);
        };
        let args = args![call.account, caller, call.started_at, at_most];
        let found = self.written_row(EARLIER_CALLS, args, read_count).await?;
        Ok(found.unwrap_or_default())
    }
    /// Every call of every account that has not ended, oldest first: what a start has to close.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_calls(&self) -> Result<Vec<Call>, StoreError> {
        self.written_rows(OPEN_CALLS, args![], read_call).await
    }
    /// The outbound legs of a call, in the order in which they were rung.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn legs(&self, account: AccountId, call: CallId) -> Result<Vec<Leg>, StoreError> {
        self.written_rows(LEGS, args![account, call], read_leg)
            .await
    }
    /// What happened to a call, in order.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn call_events(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Vec<CallEvent>, StoreError> {
        self.written_rows(CALL_EVENTS, args![account, call], read_event)
            .await
    }
    /// One recording.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recording(
        &self,
        account: AccountId,
        recording: RecordingId,
    ) -> Result<Option<Recording>, StoreError> {
        self.written_row(RECORDING, args![account, recording], read_recording)
            .await
    }
    /// The (first) recording of a call.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn recording_of_call(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        self.written_row(RECORDING_OF_CALL, args![account, call], read_recording)
            .await
    }
    /// Every recording of every account that is still open, oldest first: what a start has to mend.
    ///
    /// # Errors
    /// [`StoreError`] when rows cannot be read.
    pub async fn open_recordings(&self) -> Result<Vec<Recording>, StoreError> {
        self.written_rows(OPEN_RECORDINGS, args![], read_recording)
            .await
    }
}

/// Only digits can stand in a number; anything else that people write between them is left out.
fn digits_pattern(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("%{digits}%"))
}

/// `LIKE`'s own characters stand for themselves.
fn text_pattern(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    Some(pattern)
}

fn read_caller(row: &mut Reader<'_>) -> Result<String, StoreError> {
    row.text()
}

pub(crate) fn read_call(row: &mut Reader<'_>) -> Result<Call, StoreError> {
    Ok(Call {
        id: CallId(row.uuid()?),
        account: AccountId(row.uuid()?),
        number: NumberId(row.uuid()?),
        dialled: row.e164()?,
        caller: row.optional_e164()?,
        trunk: TrunkId(row.uuid()?),
        plan: row.optional_uuid()?.map(PlanId),
        sip_call_id: row.text()?,
        started_at: row.time()?,
        answered_at: row.optional_time()?,
        ended_at: row.optional_time()?,
        disposition: row.optional_word(Disposition::from_word)?,
        reason: row.optional_text()?,
        target: row.optional_uuid()?.map(TargetId),
        failed_over: row.flag()?,
        visit: row.optional_uuid()?.map(VisitId),
        source: read_source(row)?,
        confidence: row.word(Confidence::from_word)?,
        server: row.optional_uuid()?.map(ServerId),
    })
}

fn read_source(row: &mut Reader<'_>) -> Result<Option<Source>, StoreError> {
    let kind = row.optional_word(SourceKind::from_word)?;
    let name = row.optional_text()?;
    let campaign = row.optional_text()?;
    let keyword = row.optional_text()?;
    Ok(kind.zip(name).map(|(kind, name)| Source {
        kind,
        name,
        campaign,
        keyword,
    }))
}

fn read_leg(row: &mut Reader<'_>) -> Result<Leg, StoreError> {
    Ok(Leg {
        id: LegId(row.uuid()?),
        call: CallId(row.uuid()?),
        account: AccountId(row.uuid()?),
        target: TargetId(row.uuid()?),
        position: row.number()?,
        started_at: row.time()?,
        answered_at: row.optional_time()?,
        ended_at: row.optional_time()?,
        outcome: row.optional_word(LegOutcome::from_word)?,
        code: row.optional_number()?,
    })
}

fn read_event(row: &mut Reader<'_>) -> Result<CallEvent, StoreError> {
    Ok(CallEvent {
        call: CallId(row.uuid()?),
        account: AccountId(row.uuid()?),
        sequence: row.number()?,
        at: row.time()?,
        kind: row.json()?,
    })
}

pub(crate) fn read_recording(row: &mut Reader<'_>) -> Result<Recording, StoreError> {
    Ok(Recording {
        id: RecordingId(row.uuid()?),
        call: CallId(row.uuid()?),
        account: AccountId(row.uuid()?),
        path: row.text()?,
        started_at: row.time()?,
        duration_ms: row.number()?,
        size: row.number()?,
        sha256: row.optional_bytes()?,
        state: row.word(RecordingState::from_word)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite would go through the rows of a statement.
    fn plan(sql: &str) -> String {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for (_, _, text) in crate::migrations::SQLITE {
            connection.execute_batch(text).unwrap();
        }
        let explained = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = connection.prepare(&explained).unwrap();
        let mut rows = statement.raw_query();
        let mut steps = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        steps.join("; ")
    }

    #[test]
    fn a_page_begins_at_its_place_and_a_number_and_a_caller_are_found_by_their_index() {
        for (sql, index) in [
            (CALLS, "calls_started_at (account=? AND started_at>? AND "),
            (
                CALLS_OF_NUMBER_IN_SQLITE,
                "calls_number (account=? AND number=? AND started_at>? AND started_at<?)",
            ),
            (
                CALLS_OF_CALLERS_IN_SQLITE,
                "calls_caller (account=? AND caller=? AND started_at>? AND started_at<?)",
            ),
        ] {
            let plan = plan(sql);
            assert!(plan.starts_with("SEARCH calls USING INDEX"), "{plan}");
            assert!(plan.contains(index), "{plan}");
            assert!(
                !plan.contains("FOR ORDER BY") || sql == CALLS_OF_CALLERS_IN_SQLITE,
                "{plan}"
            );
        }
        let plan = plan(CALLERS);
        assert_eq!(plan, "SEARCH callers USING PRIMARY KEY (account=?)");
    }
}
