//! `calls`: SIPp calls SIPp through the whole program (rows, routing, attribution, SIP, ports for sound), and, where it is
//! installed, through Kamailio as a stateful proxy on the same machine in the same run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use ringfence_platform::now;
use ringfence_store::Db;
use serde::Serialize;

use crate::kamailio::free_port;
use crate::program::{self, Place};
use crate::report::{float, rounded, shown, table};
use crate::rows::{self, Rows};
use crate::sipp::{self, Outcome};
use crate::{Common, kamailio, process};

/// Tracking numbers that are called in turn, each leased to a visit of its own.
const NUMBERS: usize = 200;

/// Calls a second before the measurement, so that caches and prepared statements are warm, and for how long.
const WARM_UP: (u32, u32) = (50, 2);

/// How `calls` is run.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How long calls begin for
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// New calls a second; each is held for one second
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// Record the calls (SIPp sends no sound: the files are short)
    #[arg(long)]
    record: bool,
    /// The database [default: SQLite in a new folder]; it must be empty
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// The program [default: built beside this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Leave the program its own limit of new calls a second; what it refuses with 503 is counted apart, and has not failed
    #[arg(long)]
    overload: bool,
    /// Leave Kamailio out
    #[arg(long)]
    alone: bool,
}

/// The figures of one system.
#[derive(Debug, Serialize)]
struct Figures {
    system: String,
    rate: u32,
    seconds: u32,
    calls: u64,
    failed: u64,
    refused: u64,
    retransmissions: u64,
    setup_p50_ms: Option<f64>,
    setup_p99_ms: Option<f64>,
    setup_max_ms: Option<f64>,
    cpu_ms_per_call: f64,
    peak_memory_mb: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<RowFigures>,
}

/// What the database says of the calls.
#[derive(Debug, Serialize)]
struct RowFigures {
    calls: u64,
    answered: u64,
    attributed: u64,
    under_way: u64,
}

/// Measures and prints.
///
/// # Errors
/// When a part cannot be started.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let program = match &options.program {
        Some(program) => std::path::absolute(program)?,
        None => program::build()?,
    };
    let mut figures = vec![runtime.block_on(ringfence(options, &program))?];
    if !options.alone {
        match kamailio::installed() {
            Some(program) => figures.push(peer(options, &program)?),
            None => eprintln!(
                "Kamailio is not installed, so it stands not beside: apt-get install kamailio"
            ),
        }
    }
    print(options, &figures)
}

async fn ringfence(options: &Options, program: &Path) -> anyhow::Result<Figures> {
    let folder = program::disk()?;
    let place = Place {
        sip: free_port()?,
        http: free_port()?,
        recording: options.record,
        rate: (!options.overload).then(|| options.rate.saturating_mul(4)),
    };
    let answers_at = free_port()?;
    let url = options
        .database
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("rows.db").display()));
    let db = Db::open(&url).await?;
    db.migrate().await?;
    let mut rows = rows::site(&db, NUMBERS, Duration::from_hours(1)).await?;
    rows::callable(&db, &mut rows, answers_at).await?;
    let server = program::serve(program, folder.path(), &url, &place)?;
    let numbers: Vec<String> = rows
        .numbers
        .iter()
        .map(|number| number.e164.as_str().to_owned())
        .collect();
    let pid = server.0.id();

    let mut measured = measure(
        options,
        folder.path(),
        place.sip,
        answers_at,
        &numbers,
        &[pid],
    )?;
    let counted = settled(&db, &rows).await?;
    // Until the last rows are written the calls are not done.
    let cpu = process::cpu_seconds(pid) - measured.cpu_before;
    db.close().await;
    let system = format!(
        "Ringfence {}{}",
        env!("CARGO_PKG_VERSION"),
        if options.record { ", recording" } else { "" }
    );
    Ok(figures(
        options,
        system,
        &mut measured.outcome,
        cpu,
        process::peak_memory(pid),
        Some(counted),
    ))
}

fn peer(options: &Options, program: &Path) -> anyhow::Result<Figures> {
    let folder = tempfile::tempdir()?;
    let (at, answers_at) = (free_port()?, free_port()?);
    let proxy = kamailio::start(program, folder.path(), at, answers_at)?;
    let family = process::family(proxy.0.id());
    let mut measured = measure(
        options,
        folder.path(),
        at,
        answers_at,
        &["+12125550100".into()],
        &family,
    )?;
    let cpu = family
        .iter()
        .map(|pid| process::cpu_seconds(*pid))
        .sum::<f64>()
        - measured.cpu_before;
    let memory = family
        .iter()
        .map(|pid| process::peak_memory(*pid))
        .max()
        .unwrap_or(0);
    let system = format!("Kamailio {}, proxy alone", kamailio::version(program));
    kamailio::stop(proxy);
    Ok(figures(
        options,
        system,
        &mut measured.outcome,
        cpu,
        memory,
        None,
    ))
}

struct Measured {
    outcome: Outcome,
    cpu_before: f64,
}

fn measure(
    options: &Options,
    folder: &Path,
    server: SocketAddr,
    answers_at: SocketAddr,
    numbers: &[String],
    processes: &[u32],
) -> anyhow::Result<Measured> {
    let longest = Duration::from_secs(u64::from(options.seconds)) + Duration::from_mins(2);
    let calls_from = free_port()?;
    let _callee = sipp::answer(folder, answers_at, longest)?;
    let warm = sipp::call(
        folder,
        server,
        calls_from,
        numbers,
        WARM_UP.0,
        WARM_UP.0 * WARM_UP.1,
    )?;
    anyhow::ensure!(
        warm.failed + warm.refused == 0,
        "{} of {} calls failed at {} a second already:\n{}\n{}",
        warm.failed + warm.refused,
        warm.calls,
        WARM_UP.0,
        sipp::errors(folder),
        std::fs::read_to_string(folder.join("ringfence.log")).unwrap_or_default()
    );
    let cpu_before = processes.iter().map(|pid| process::cpu_seconds(*pid)).sum();
    let calls = options.rate.saturating_mul(options.seconds);
    let outcome = sipp::call(folder, server, calls_from, numbers, options.rate, calls)?;
    if outcome.failed > 0 {
        eprintln!(
            "{} calls failed; the first lines of what SIPp says:\n{}",
            outcome.failed,
            sipp::errors(folder)
        );
    }
    Ok(Measured {
        outcome,
        cpu_before,
    })
}

/// Waits until every call has its end in the rows, and counts.
async fn settled(db: &Db, rows: &Rows) -> anyhow::Result<RowFigures> {
    let began = Instant::now();
    loop {
        let (from, to) = (
            now() - Duration::from_hours(2),
            now() + Duration::from_mins(1),
        );
        let totals = db
            .call_totals(rows.account, from, to)
            .await
            .context("counting the calls")?;
        if totals.under_way == 0 || began.elapsed() > Duration::from_secs(20) {
            return Ok(RowFigures {
                calls: totals.calls,
                answered: totals.answered,
                attributed: totals.attributed,
                under_way: totals.under_way,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn figures(
    options: &Options,
    system: String,
    outcome: &mut Outcome,
    cpu_seconds: f64,
    memory: u64,
    rows: Option<RowFigures>,
) -> Figures {
    Figures {
        system,
        rate: options.rate,
        seconds: options.seconds,
        calls: outcome.calls,
        failed: outcome.failed + if options.overload { 0 } else { outcome.refused },
        refused: outcome.refused,
        retransmissions: outcome.retransmissions,
        setup_p50_ms: outcome.setup.percentile(0.5),
        setup_p99_ms: outcome.setup.percentile(0.99),
        setup_max_ms: outcome.setup.percentile(1.0),
        cpu_ms_per_call: rounded(cpu_seconds * 1000.0 / float(outcome.calls.max(1))),
        peak_memory_mb: rounded(float(memory) / float(1 << 20)),
        rows,
    }
}

fn print(options: &Options, figures: &[Figures]) -> anyhow::Result<()> {
    if options.common.json {
        println!(
            "{}",
            serde_json::to_string(&serde_json::json!({ "bench": "calls", "systems": figures }))?
        );
        return Ok(());
    }
    println!(
        "{} calls a second for {} s, each held for {} s; SIPp caller and callee on the same machine",
        options.rate,
        options.seconds,
        sipp::HOLD.as_secs()
    );
    let heading = [
        "system",
        "calls",
        "failed",
        "refused",
        "resent",
        "setup p50 ms",
        "p99 ms",
        "max ms",
        "CPU ms/call",
        "peak MB",
    ];
    let lines: Vec<Vec<String>> = figures
        .iter()
        .map(|of| {
            vec![
                of.system.clone(),
                of.calls.to_string(),
                of.failed.to_string(),
                of.refused.to_string(),
                of.retransmissions.to_string(),
                shown(of.setup_p50_ms, 1),
                shown(of.setup_p99_ms, 1),
                shown(of.setup_max_ms, 1),
                shown(Some(of.cpu_ms_per_call), 2),
                shown(Some(of.peak_memory_mb), 0),
            ]
        })
        .collect();
    table(&heading, &lines);
    if let Some(rows) = figures.iter().find_map(|of| of.rows.as_ref()) {
        println!(
            "rows (with the warm-up): {} calls, {} answered, {} attributed, {} without an end",
            rows.calls, rows.answered, rows.attributed, rows.under_way
        );
    }
    Ok(())
}
