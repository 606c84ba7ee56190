//! What sums and segments add to the writing of a call: the same calls into tables without their triggers, with those of
//! the sums, and with all.

use std::time::{Duration, Instant};

use ringfence_model::{
    Call, CallEvent, CallEventKind, CallId, Confidence, Disposition, E164, Leg, LegId, LegOutcome,
    Source, SourceKind, Target, TargetId, TrackingNumber, TrunkId,
};
use ringfence_platform::{now, random};
use ringfence_store::{Db, Write};
use serde::Serialize;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::process;
use crate::report::{float, rounded, table};
use crate::reports::Place;
use crate::{rows, year};

/// Calls of one transaction.
const TOGETHER: u64 = 30;

const WITHOUT_SEGMENTS: [&str; 9] = [
    "call_added_to_segment ON calls",
    "call_changed_in_segment ON calls",
    "call_moved_to_segment ON calls",
    "call_removed_from_segment ON calls",
    "call_worth_added_to_segment ON call_worths",
    "call_worth_changed_in_segment ON call_worths",
    "call_worth_removed_from_segment ON call_worths",
    "visit_changed_in_segment ON visits",
    "visit_removed_from_segment ON visits",
];
const WITHOUT_SUMS: [&str; 17] = [
    "call_added ON calls",
    "call_changed ON calls",
    "call_removed ON calls",
    "caller_called ON calls",
    "caller_call_changed ON calls",
    "caller_call_removed ON calls",
    "recording_added ON recordings",
    "recording_changed ON recordings",
    "recording_removed ON recordings",
    "recorded_call_moved ON calls",
    "recorded_call_removed ON calls",
    "worth_added ON call_worths",
    "worth_changed ON call_worths",
    "worth_removed ON call_worths",
    "worth_call_added ON calls",
    "worth_call_changed ON calls",
    "worth_call_removed ON calls",
];

/// Of one kind of tables.
#[derive(Debug, Serialize)]
struct Cost {
    what: &'static str,
    wall_us_a_call: f64,
    /// Of the thread that writes; nothing of a server's.
    cpu_us_a_call: f64,
    /// More than without.
    added_percent: f64,
}

/// Of all three.
#[derive(Debug, Serialize)]
pub struct Costs {
    calls: u64,
    costs: Vec<Cost>,
}

impl Costs {
    /// Prints a table.
    pub fn print(&self) {
        println!(
            "\n{} calls written, {TOGETHER} a transaction, each with a leg and four events:",
            self.calls
        );
        let rows: Vec<Vec<String>> = self
            .costs
            .iter()
            .map(|cost| {
                vec![
                    cost.what.to_owned(),
                    format!("{:.1}", cost.wall_us_a_call),
                    format!("{:.1}", cost.cpu_us_a_call),
                    format!("{:+.0} %", cost.added_percent),
                ]
            })
            .collect();
        table(&["", "us a call", "CPU us a call", "added"], &rows);
    }
}

/// Writes calls to each of three empty databases.
///
/// # Errors
/// When rows cannot be written.
pub async fn measure(places: &[Place; 3], calls: u64) -> anyhow::Result<Costs> {
    let kinds = ["no sums, no segments", "sums", "sums and segments"];
    let mut worlds = Vec::new();
    for (nth, place) in places.iter().enumerate() {
        let db = Db::open(&place.url).await?;
        db.migrate().await?;
        let without: &[&[&str]] = match nth {
            0 => &[&WITHOUT_SEGMENTS, &WITHOUT_SUMS],
            1 => &[&WITHOUT_SEGMENTS],
            _ => &[],
        };
        for trigger in without.iter().copied().flatten() {
            let name = trigger.split(' ').next().unwrap_or_default();
            // SQLite's triggers have names of their own, and it has one for each of what PostgreSQL has one for.
            let sql = if place.url.starts_with("sqlite:") {
                format!("DROP TRIGGER {name}")
            } else {
                format!("DROP TRIGGER IF EXISTS {trigger}")
            };
            execute(&place.url, &sql).await?;
        }
        if nth == 0 {
            execute(&place.url, "DROP INDEX calls_visit").await?;
        }
        let made = rows::site(&db, 100, Duration::from_hours(1)).await?;
        let target = Target {
            id: TargetId::new(now(), random()),
            account: made.account,
            name: "desk".into(),
            uri: "sip:desk@localhost".into(),
            enabled: true,
        };
        db.add_target(&target).await?;
        worlds.push((db, made.numbers, target.id, 0.0, 0.0));
    }
    eprintln!("writing calls");
    // In turns, so that what else the machine does falls on all.
    let turns = 10;
    for turn in 0..=turns {
        eprintln!("turn {turn} of {turns}");
        for (db, numbers, target, wall, cpu) in &mut worlds {
            let before = process::own_threads_cpu_seconds("ringfence-rows");
            let began = Instant::now();
            let mut written = 0;
            while written < calls / turns {
                let mut some: Vec<Write> = Vec::new();
                for nth in 0..TOGETHER {
                    let number = &numbers[usize::try_from(nth * 3).unwrap_or(0)];
                    some.extend(story(number, year::some_caller()?, *target, nth));
                }
                db.write(some).await?;
                written += TOGETHER;
            }
            // The first turn warms up.
            if turn > 0 {
                *wall += began.elapsed().as_secs_f64();
                *cpu += process::own_threads_cpu_seconds("ringfence-rows") - before;
            }
        }
    }
    let all = float(calls / turns * turns);
    let mut costs: Vec<Cost> = Vec::new();
    let base = &worlds[0];
    let of = |wall: f64, cpu: f64| if base.4 > 0.0 { cpu } else { wall };
    let without = of(base.3, base.4);
    for ((db, _, _, wall, cpu), what) in worlds.iter().zip(kinds) {
        costs.push(Cost {
            what,
            wall_us_a_call: rounded(wall * 1e6 / all),
            cpu_us_a_call: rounded(cpu * 1e6 / all),
            added_percent: rounded((of(*wall, *cpu) / without - 1.0) * 100.0),
        });
        db.close().await;
    }
    Ok(Costs { calls, costs })
}

/// A call that is answered, as its writes come one after the other.
fn story(number: &TrackingNumber, caller: E164, target: TargetId, nth: u64) -> Vec<Write> {
    let (started_at, account) = (now(), number.account);
    let answered_at = started_at + Duration::from_secs(4);
    let ended_at = answered_at + Duration::from_secs(90 + nth);
    let call = Call {
        server: None,
        id: CallId::new(started_at, random()),
        account,
        number: number.id,
        dialled: number.e164.clone(),
        caller: Some(caller),
        trunk: TrunkId::new(started_at, 1),
        plan: None,
        sip_call_id: "a84b4c76e66710@localhost".into(),
        started_at,
        answered_at: None,
        ended_at: None,
        disposition: None,
        reason: None,
        target: None,
        failed_over: false,
        visit: None,
        source: Some(Source {
            kind: SourceKind::Paid,
            name: format!("source {}", nth % 20),
            campaign: Some("spring".into()),
            keyword: Some("roof repair".into()),
        }),
        confidence: Confidence::Certain,
    };
    let leg = Leg {
        id: LegId::new(started_at, random()),
        call: call.id,
        account,
        target,
        position: 0,
        started_at,
        answered_at: None,
        ended_at: None,
        outcome: None,
        code: None,
    };
    let event = |sequence: u32| {
        Write::CallEvent(CallEvent {
            call: call.id,
            account,
            sequence,
            at: started_at,
            kind: CallEventKind::Decided {
                step: "ring".into(),
                reason: "it begins there".into(),
            },
        })
    };
    let mut writes: Vec<Write> = (0..4).map(event).collect();
    writes.insert(0, Write::CallBegun(Box::new(call.clone())));
    writes.push(Write::LegBegun(leg.clone()));
    writes.push(Write::CallAnswered {
        account,
        call: call.id,
        at: answered_at,
        target,
        group: None,
        failed_over: false,
    });
    writes.push(Write::LegEnded {
        account,
        leg: leg.id,
        answered_at: Some(answered_at),
        ended_at,
        outcome: LegOutcome::Answered,
        code: Some(200),
    });
    writes.push(Write::CallEnded {
        account,
        call: call.id,
        at: ended_at,
        disposition: Disposition::Answered,
        reason: None,
        failed_over: false,
    });
    writes
}

/// What the program has no statement for.
///
/// # Errors
/// When the database refuses it.
pub async fn execute(url: &str, sql: &str) -> anyhow::Result<()> {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    } else {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    }
    Ok(())
}

/// The number that a statement answers.
///
/// # Errors
/// When the database refuses it.
pub async fn number(url: &str, sql: &str) -> anyhow::Result<u64> {
    let sql = AssertSqlSafe(sql.to_owned());
    let number: i64 = if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await?
    } else {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query_scalar(sql).fetch_one(&mut connection).await?
    };
    Ok(u64::try_from(number)?)
}
