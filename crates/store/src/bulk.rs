//! Rows of one kind from many callers, written with as few statements as it takes.
//!
//! A statement costs PostgreSQL a round trip, about as much as writing several rows. So rows of one kind go together
//! there, in powers of two up to [`MOST_ROWS`]: eight texts a table, which stay prepared. SQLite is called and not asked,
//! so it gets one row after the other, with a statement that is prepared once.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use ringfence_model::{AccountId, Call, CallEvent, Lease, LeaseId, Leg, Recording, Visit, VisitId};

use rusqlite::params_from_iter;

use crate::calls::{
    call_columns, call_columns_of_no_server, event_columns, leg_columns, recording_columns,
};
use crate::commit::Connection;
use crate::lease_guard::LeaseGuard;
use crate::leases::{lease_columns, visit_columns};
use crate::value::{Value, args};
use crate::{StoreError, Write};

/// 2^7 rows of at most 22 columns stay far below PostgreSQL's limit of 65,535 parameters.
const EXPONENTS: usize = 8;
const MOST_ROWS: usize = 1 << (EXPONENTS - 1);

/// A table that rows are added to.
struct Table {
    name: &'static str,
    columns: &'static str,
    /// What to do with a row that is there already: writing twice is no error.
    conflict: &'static str,
    texts: [OnceLock<String>; EXPONENTS],
}

macro_rules! table {
    ($name:literal, $columns:expr, $conflict:literal) => {
        Table {
            name: $name,
            columns: $columns,
            conflict: $conflict,
            texts: [const { OnceLock::new() }; EXPONENTS],
        }
    };
}

static VISITS: Table = table!(
    "visits",
    visit_columns!(),
    "(account, id) DO UPDATE SET seen_at = excluded.seen_at WHERE visits.seen_at < excluded.seen_at"
);
/// Who was told that a lease is not durable may try again with its token, and then the later one counts.
static LEASES: Table = table!(
    "leases",
    lease_columns!(),
    "(account, id) DO UPDATE SET pool = excluded.pool, number = excluded.number, e164 = excluded.e164, \
     visit = excluded.visit, started_at = excluded.started_at, expires_at = excluded.expires_at, \
     overflow = excluded.overflow"
);
static CALLS: Table = table!("calls", call_columns!(), "(account, id) DO NOTHING");
/// Of journals that were written before servers had names.
static CALLS_OF_NO_SERVER: Table = table!(
    "calls",
    call_columns_of_no_server!(),
    "(account, id) DO NOTHING"
);
static LEGS: Table = table!("legs", leg_columns!(), "(account, id) DO NOTHING");
static RECORDINGS: Table = table!(
    "recordings",
    recording_columns!(),
    "(account, id) DO NOTHING"
);
static EVENTS: Table = table!(
    "call_events",
    event_columns!(),
    "(account, call, sequence) DO NOTHING"
);

/// What a group of batches writes, by kind.
#[derive(Default)]
pub(crate) struct Rows<'w> {
    /// One of each: PostgreSQL refuses to update a row twice in one statement. Sorted, so that two programs which
    /// write the same visits wait for each other instead of deadlocking.
    visits: BTreeMap<(AccountId, VisitId), &'w Visit>,
    leases: BTreeMap<(AccountId, LeaseId), &'w Lease>,
    calls: Vec<&'w Call>,
    legs: Vec<&'w Leg>,
    recordings: Vec<&'w Recording>,
    events: Vec<&'w CallEvent>,
    changes: Vec<&'w Write>,
}

impl<'w> Rows<'w> {
    pub fn gather(writes: impl Iterator<Item = &'w Write>) -> Self {
        let mut rows = Self::default();
        for write in writes {
            match write {
                Write::Visit(visit) => {
                    let known = rows
                        .visits
                        .entry((visit.account, visit.id))
                        .or_insert(visit);
                    if known.seen_at < visit.seen_at {
                        *known = visit;
                    }
                }
                Write::Lease(lease) => {
                    rows.leases.insert((lease.account, lease.id), lease);
                }
                Write::CallBegun(call) => rows.calls.push(call),
                Write::LegBegun(leg) => rows.legs.push(leg),
                Write::RecordingOpened(recording) => rows.recordings.push(recording),
                Write::CallEvent(event) => rows.events.push(event),
                Write::LeaseExtended { .. }
                | Write::LeaseEnded { .. }
                | Write::LegEnded { .. }
                | Write::CallAnswered { .. }
                | Write::CallEnded { .. }
                | Write::RecordingClosed { .. } => rows.changes.push(write),
            }
        }
        rows
    }

    pub async fn write(self, connection: &mut Connection) -> Result<(), StoreError> {
        let guard = LeaseGuard::of(connection, self.leases.values().copied(), &self.changes);
        guard.lock_numbers(connection).await?;
        let visits: Vec<&Visit> = self.visits.into_values().collect();
        VISITS.insert(connection, &visits, visit_values).await?;
        let leases: Vec<&Lease> = self.leases.into_values().collect();
        LEASES.insert(connection, &leases, lease_values).await?;
        CALLS.insert(connection, &self.calls, call_values).await?;
        LEGS.insert(connection, &self.legs, leg_values).await?;
        RECORDINGS
            .insert(connection, &self.recordings, recording_values)
            .await?;
        EVENTS
            .insert(connection, &self.events, event_values)
            .await?;
        for write in self.changes {
            change(connection, write).await?;
        }
        guard.check(connection).await
    }
}

impl Table {
    async fn insert<T>(
        &'static self,
        connection: &mut Connection,
        mut rows: &[&T],
        values: fn(&T) -> Result<Vec<Value>, StoreError>,
    ) -> Result<(), StoreError> {
        if let Connection::Sqlite(connection) = connection {
            if rows.is_empty() {
                return Ok(());
            }
            let mut statement = connection.prepare_cached(self.text(0))?;
            for row in rows {
                statement.execute(params_from_iter(values(row)?))?;
            }
            return Ok(());
        }
        while !rows.is_empty() {
            let exponent = rows.len().min(MOST_ROWS).ilog2() as usize;
            let (now, later) = rows.split_at(1 << exponent);
            let mut args = Vec::with_capacity(now.len() * self.width());
            for row in now {
                args.append(&mut values(row)?);
            }
            connection.execute(self.text(exponent), args).await?;
            rows = later;
        }
        Ok(())
    }

    /// The statement for two to the power of `exponent` rows.
    fn text(&'static self, exponent: usize) -> &'static str {
        self.texts[exponent].get_or_init(|| {
            let mut parameter = 0;
            let mut row = || {
                let marks = (0..self.width()).map(|_| {
                    parameter += 1;
                    format!("${parameter}")
                });
                format!("({})", marks.collect::<Vec<_>>().join(", "))
            };
            let rows = (0..1 << exponent).map(|_| row()).collect::<Vec<_>>();
            format!(
                "INSERT INTO {} ({}) VALUES {} ON CONFLICT {}",
                self.name,
                self.columns,
                rows.join(", "),
                self.conflict
            )
        })
    }

    /// How many columns a row has.
    fn width(&self) -> usize {
        self.columns.split(',').count()
    }
}

fn visit_values(visit: &Visit) -> Result<Vec<Value>, StoreError> {
    let click_id = visit.click_id.as_ref();
    Ok(args![
        visit.id,
        visit.account,
        visit.site,
        visit.visitor,
        visit.started_at,
        visit.seen_at,
        visit.landing_page.as_str(),
        visit.referrer.as_deref(),
        visit.source.kind.as_str(),
        visit.source.name.as_str(),
        visit.source.campaign.as_deref(),
        visit.source.keyword.as_deref(),
        json(&visit.utm)?,
        click_id.map(|click_id| click_id.parameter.as_str()),
        click_id.map(|click_id| click_id.value.as_str()),
        visit.language.as_deref(),
        visit.device.as_deref(),
        visit.address_prefix.as_deref(),
    ])
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every kind of row")]
fn lease_values(lease: &Lease) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        lease.id,
        lease.account,
        lease.pool,
        lease.number,
        &lease.e164,
        lease.visit,
        lease.started_at,
        lease.expires_at,
        lease.overflow,
    ])
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every kind of row")]
fn call_values(call: &Call) -> Result<Vec<Value>, StoreError> {
    let source = call.source.as_ref();
    Ok(args![
        call.id,
        call.account,
        call.number,
        &call.dialled,
        call.caller.as_ref(),
        call.trunk,
        call.plan,
        call.sip_call_id.as_str(),
        call.started_at,
        call.answered_at,
        call.ended_at,
        call.disposition.map(ringfence_model::Disposition::as_str),
        call.reason.as_deref(),
        call.target,
        call.failed_over,
        call.visit,
        source.map(|source| source.kind.as_str()),
        source.map(|source| source.name.as_str()),
        source.and_then(|source| source.campaign.as_deref()),
        source.and_then(|source| source.keyword.as_deref()),
        call.confidence.as_str(),
        call.server,
    ])
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every kind of row")]
fn leg_values(leg: &Leg) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        leg.id,
        leg.call,
        leg.account,
        leg.target,
        leg.position,
        leg.started_at,
        leg.answered_at,
        leg.ended_at,
        leg.outcome.map(ringfence_model::LegOutcome::as_str),
        leg.code,
    ])
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for every kind of row")]
fn recording_values(recording: &Recording) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        recording.id,
        recording.call,
        recording.account,
        recording.path.as_str(),
        recording.started_at,
        recording.duration_ms,
        recording.size,
        recording.sha256.as_deref(),
        recording.state.as_str(),
    ])
}

fn event_values(event: &CallEvent) -> Result<Vec<Value>, StoreError> {
    Ok(args![
        event.call,
        event.account,
        event.sequence,
        event.at,
        json(&event.kind)?,
    ])
}

const EXTEND_LEASE: &str = "UPDATE leases SET expires_at = \
    CASE WHEN expires_at < $3 THEN $3 ELSE expires_at END WHERE account = $1 AND id = $2";
/// Not before its beginning, whatever the clock did: what a start reads back goes by a number's leases being one after
/// another.
const END_LEASE: &str = "UPDATE leases SET expires_at = \
    CASE WHEN expires_at <= $3 THEN expires_at WHEN started_at > $3 THEN started_at ELSE $3 END \
    WHERE account = $1 AND id = $2";
/// The first ending stands, as that of its call does: a server that was given up may come back and go on writing.
const END_LEG: &str = "UPDATE legs SET answered_at = CASE WHEN ended_at IS NULL THEN $3 ELSE answered_at END, \
    outcome = CASE WHEN ended_at IS NULL THEN $5 ELSE outcome END, \
    code = CASE WHEN ended_at IS NULL THEN $6 ELSE code END, \
    ended_at = COALESCE(ended_at, $4) WHERE account = $1 AND id = $2";
/// Of journals that were written before the group was kept.
const ANSWER_CALL_OF_NO_GROUP: &str = "UPDATE calls SET answered_at = $3, target = $4, \
    failed_over = $5 WHERE account = $1 AND id = $2";
/// Nobody answers a call that has ended. It was answered when the first did, and its target is the last: the one that it was
/// put through to.
const ANSWER_CALL: &str = "UPDATE calls SET answered_at = CASE WHEN ended_at IS NULL THEN COALESCE(answered_at, $3) ELSE answered_at END, \
    target = CASE WHEN ended_at IS NULL THEN $4 ELSE target END, \
    failed_over = CASE WHEN ended_at IS NULL THEN $5 ELSE failed_over END, \
    target_group = CASE WHEN ended_at IS NULL THEN $6 ELSE target_group END WHERE account = $1 AND id = $2";
/// The first ending stands: a call ends once.
const END_CALL: &str = "UPDATE calls SET ended_at = COALESCE(ended_at, $3), \
    disposition = COALESCE(disposition, $4), \
    reason = CASE WHEN disposition IS NULL THEN $5 ELSE reason END, \
    failed_over = CASE WHEN disposition IS NULL THEN $6 ELSE failed_over END \
    WHERE account = $1 AND id = $2";
/// Closed once: what was mended, or is to be erased, stays so whoever closes it again.
const CLOSE_RECORDING: &str = "UPDATE recordings SET duration_ms = CASE WHEN state = 'open' THEN $3 ELSE duration_ms END, \
    size = CASE WHEN state = 'open' THEN $4 ELSE size END, \
    sha256 = CASE WHEN state = 'open' THEN $5 ELSE sha256 END, \
    state = CASE WHEN state = 'open' THEN $6 ELSE state END WHERE account = $1 AND id = $2";

/// Changes one row, which has to be there.
async fn change(connection: &mut Connection, write: &Write) -> Result<(), StoreError> {
    let Some((what, sql, args)) = changed(write) else {
        return Ok(());
    };
    match connection.execute(sql, args).await? {
        0 => Err(StoreError::MissingParent(format!(
            "the account has no such {what}"
        ))),
        _ => Ok(()),
    }
}

/// What a change is made to, its statement and the arguments; `None` for a new row.
fn changed(write: &Write) -> Option<(&'static str, &'static str, Vec<Value>)> {
    Some(match write {
        Write::LeaseExtended {
            account,
            lease,
            expires_at,
        } => ("lease", EXTEND_LEASE, args![*account, *lease, *expires_at]),
        Write::LeaseEnded { account, lease, at } => {
            ("lease", END_LEASE, args![*account, *lease, *at])
        }
        Write::LegEnded {
            account,
            leg,
            answered_at,
            ended_at,
            outcome,
            code,
        } => (
            "leg",
            END_LEG,
            args![
                *account,
                *leg,
                *answered_at,
                *ended_at,
                outcome.as_str(),
                *code
            ],
        ),
        Write::CallAnswered {
            account,
            call,
            at,
            target,
            group,
            failed_over,
        } => (
            "call",
            ANSWER_CALL,
            args![*account, *call, *at, *target, *failed_over, *group],
        ),
        Write::CallEnded {
            account,
            call,
            at,
            disposition,
            reason,
            failed_over,
        } => (
            "call",
            END_CALL,
            args![
                *account,
                *call,
                *at,
                disposition.as_str(),
                reason.as_deref(),
                *failed_over
            ],
        ),
        Write::RecordingClosed {
            account,
            recording,
            duration_ms,
            size,
            sha256,
            state,
        } => (
            "recording",
            CLOSE_RECORDING,
            args![
                *account,
                *recording,
                *duration_ms,
                *size,
                sha256.as_deref(),
                state.as_str()
            ],
        ),
        Write::Visit(_)
        | Write::Lease(_)
        | Write::CallBegun(_)
        | Write::CallEvent(_)
        | Write::LegBegun(_)
        | Write::RecordingOpened(_) => return None,
    })
}

/// The arguments of a write's statement.
pub(crate) fn values(write: &Write) -> Result<Vec<Value>, StoreError> {
    match write {
        Write::Visit(visit) => visit_values(visit),
        Write::Lease(lease) => lease_values(lease),
        Write::CallBegun(call) => call_values(call),
        Write::LegBegun(leg) => leg_values(leg),
        Write::RecordingOpened(recording) => recording_values(recording),
        Write::CallEvent(event) => event_values(event),
        change => Ok(changed(change).map_or_else(Vec::new, |(_, _, args)| args)),
    }
}

/// The statement of a journal's record (see `record.rs`): one row.
pub(crate) fn statement_of(kind: u8) -> &'static str {
    match kind {
        1 => VISITS.text(0),
        2 => LEASES.text(0),
        3 => CALLS_OF_NO_SERVER.text(0),
        14 => CALLS.text(0),
        4 => LEGS.text(0),
        5 => RECORDINGS.text(0),
        6 => EVENTS.text(0),
        7 => EXTEND_LEASE,
        8 => END_LEASE,
        9 => END_LEG,
        10 => ANSWER_CALL_OF_NO_GROUP,
        11 => END_CALL,
        13 => ANSWER_CALL,
        // Kinds are checked where records are read.
        _ => CLOSE_RECORDING,
    }
}

pub(crate) fn json(document: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document)
        .map_err(|error| StoreError::Refused(format!("a document is no JSON: {error}")))
}
