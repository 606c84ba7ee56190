//! `media`: sound of many calls at once, 50 packets a second both ways: over loopback alone (the limit of this generator),
//! through the whole program with a recording of each call, and through rtpengine, where it is installed, which relays only.

mod recordings;
mod rtpengine;
mod signalling;
mod sound;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use ringfence_store::Db;
use serde::Serialize;

use self::recordings::Recorded;
use self::signalling::Line;
use self::sound::{Flow, Heard, Mouths};
use crate::kamailio::free_port;
use crate::program::{self, Place};
use crate::report::{float, rounded, shown, table};
use crate::{Common, process, rows};

/// How `media` is run.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// Calls at once
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=4_000))]
    calls: u32,
    /// How long each of them speaks, both ways
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Do not record
    #[arg(long)]
    unrecorded: bool,
    /// The program [default: built beside this one]
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Leave rtpengine out
    #[arg(long)]
    alone: bool,
}

/// The figures of one way for the sound to go.
#[derive(Debug, Serialize)]
struct Figures {
    system: String,
    calls: u32,
    seconds: u32,
    sent: u64,
    lost: u64,
    lost_percent: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Milliseconds of CPU for a second of a call; of loopback there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_ms_per_call_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recordings: Option<Recorded>,
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
    let mut figures = vec![runtime.block_on(loopback(options))?];
    figures.push(runtime.block_on(ringfence(options, &program))?);
    if !options.alone {
        match rtpengine::installed() {
            Some(program) => figures.push(runtime.block_on(peer(options, &program))?),
            None => eprintln!(
                "rtpengine is not installed, so it stands not beside: apt-get install rtpengine-daemon"
            ),
        }
    }
    print(options, &figures)
}

/// From mouth to ear with nothing between.
async fn loopback(options: &Options) -> anyhow::Result<Figures> {
    let mouths = Mouths::open(options.calls)?;
    let flows: Vec<Flow> = (0..options.calls)
        .map(|call| Flow {
            to_caller: mouths.caller(call),
            to_callee: mouths.callee(call),
        })
        .collect();
    let heard = mouths.speak(&flows, length(options)).await?;
    Ok(figures(options, "loopback".into(), heard))
}

async fn ringfence(options: &Options, program: &Path) -> anyhow::Result<Figures> {
    let folder = program::disk()?;
    let place = Place {
        sip: free_port()?,
        http: free_port()?,
        recording: !options.unrecorded,
        rate: Some(1_000),
    };
    let url = format!("sqlite:{}", folder.path().join("rows.db").display());
    let db = Db::open(&url).await?;
    db.migrate().await?;
    let mut rows = rows::site(&db, 200, Duration::from_hours(1)).await?;
    let line = Line::open()?;
    rows::callable(&db, &mut rows, line.answers_at()?).await?;
    let server = program::serve(program, folder.path(), &url, &place)?;
    let pid = server.0.id();
    let mouths = Mouths::open(options.calls)?;
    let mut calls = Vec::new();
    for call in 0..options.calls {
        let number = &rows.numbers[call as usize % rows.numbers.len()];
        let ports = (mouths.caller(call).port(), mouths.callee(call).port());
        calls.push(
            line.call(place.sip, number.e164.as_str(), call, ports)
                .with_context(|| said(folder.path(), call))?,
        );
    }
    let flows: Vec<Flow> = calls.iter().map(|call| call.flow).collect();
    let cpu_before = process::cpu_seconds(pid);
    let heard = mouths.speak(&flows, length(options)).await?;
    let cpu = process::cpu_seconds(pid) - cpu_before;
    for call in &calls {
        line.hang_up(place.sip, call)?;
    }
    let recordings = if options.unrecorded {
        None
    } else {
        let folder = folder.path().join("data").join("recordings");
        Some(recordings::judge(&db, &folder, options.calls, options.seconds).await?)
    };
    db.close().await;
    let system = format!(
        "Ringfence {}{}",
        env!("CARGO_PKG_VERSION"),
        if options.unrecorded {
            ""
        } else {
            ", recording"
        }
    );
    let mut figures = figures(options, system, heard);
    figures.took(cpu, process::peak_memory(pid), options);
    figures.recordings = recordings;
    Ok(figures)
}

fn said(folder: &Path, call: u32) -> String {
    let log = std::fs::read_to_string(folder.join("ringfence.log")).unwrap_or_default();
    format!("call {call} was not set up; the program said:\n{log}")
}

async fn peer(options: &Options, program: &Path) -> anyhow::Result<Figures> {
    let engine = rtpengine::start(program, free_port()?)?;
    let mouths = Mouths::open(options.calls)?;
    let mut flows = Vec::new();
    for call in 0..options.calls {
        let ports = (mouths.caller(call).port(), mouths.callee(call).port());
        flows.push(engine.call(call, ports)?);
    }
    let pid = engine.pid();
    let cpu_before = process::cpu_seconds(pid);
    let heard = mouths.speak(&flows, length(options)).await?;
    let cpu = process::cpu_seconds(pid) - cpu_before;
    let mut figures = figures(
        options,
        format!("rtpengine {}, relay alone", rtpengine::version(program)),
        heard,
    );
    figures.took(cpu, process::peak_memory(pid), options);
    Ok(figures)
}

fn length(options: &Options) -> Duration {
    Duration::from_secs(u64::from(options.seconds))
}

fn figures(options: &Options, system: String, mut heard: Heard) -> Figures {
    let lost = heard.sent.saturating_sub(heard.arrived);
    Figures {
        system,
        calls: options.calls,
        seconds: options.seconds,
        sent: heard.sent,
        lost,
        lost_percent: rounded(100.0 * float(lost) / float(heard.sent.max(1))),
        p50_ms: heard.delays.percentile(0.5),
        p99_ms: heard.delays.percentile(0.99),
        max_ms: heard.delays.percentile(1.0),
        cpu_ms_per_call_second: None,
        peak_memory_mb: None,
        recordings: None,
    }
}

impl Figures {
    fn took(&mut self, cpu_seconds: f64, memory: u64, options: &Options) {
        let call_seconds = f64::from(options.calls) * f64::from(options.seconds);
        self.cpu_ms_per_call_second = Some(rounded(cpu_seconds * 1000.0 / call_seconds));
        self.peak_memory_mb = Some(rounded(float(memory) / float(1 << 20)));
    }
}

fn print(options: &Options, figures: &[Figures]) -> anyhow::Result<()> {
    if options.common.json {
        println!(
            "{}",
            serde_json::to_string(&serde_json::json!({ "bench": "media", "systems": figures }))?
        );
        return Ok(());
    }
    println!(
        "{} calls at once for {} s, {} packets a second each way; mouths and ears on the same machine",
        options.calls,
        options.seconds,
        sound::PACKETS_A_SECOND
    );
    let heading = [
        "system", "sent", "lost", "lost %", "p50 ms", "p99 ms", "max ms", "CPU ms/s", "peak MB",
    ];
    let lines: Vec<Vec<String>> = figures
        .iter()
        .map(|of| {
            vec![
                of.system.clone(),
                of.sent.to_string(),
                of.lost.to_string(),
                shown(Some(of.lost_percent), 3),
                shown(of.p50_ms, 2),
                shown(of.p99_ms, 2),
                shown(of.max_ms, 1),
                shown(of.cpu_ms_per_call_second, 2),
                shown(of.peak_memory_mb, 0),
            ]
        })
        .collect();
    table(&heading, &lines);
    if let Some(recorded) = figures.iter().find_map(|of| of.recordings.as_ref()) {
        println!(
            "recordings: {} of {} whole; {} of {} packets stand in them where they were spoken",
            recorded.whole, recorded.calls, recorded.found, recorded.spoken
        );
    }
    ensure!(figures.iter().all(|of| of.sent > 0), "nothing was spoken");
    Ok(())
}
