//! `run` drives many worlds of calls, `replay` steps through one; `visits` drives worlds of visits,
//! `red-team` a scam ring.

use std::io::Write;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use ringfence_simulator::{
    CALLS_OF_A_WORLD, RedTeam, Settings, VISITS_OF_A_WORLD, VisitSettings, VisitSummary, run,
    run_red_team, run_visits, run_world, run_world_of_visits,
};

/// Random worlds under a clock of their own, and what must hold in them.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs worlds until so many calls have ended.
    Run {
        /// How many calls.
        #[arg(long, default_value_t = 1_000_000)]
        calls: u64,
        /// The seed of the first world; the next one has the next.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Prints the log of the world that a seed makes.
    Replay {
        /// The seed.
        seed: u64,
    },
    /// Runs worlds of visits until so many have come: leases, quarantine, attribution.
    Visits {
        /// How many visits.
        #[arg(long, default_value_t = 1_000_000)]
        visits: u64,
        /// The seed of the first world; the next one has the next.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Prints what it came to as JSON.
        #[arg(long)]
        json: bool,
        /// Prints what happens in the first world, and runs no other.
        #[arg(long, conflicts_with = "json")]
        log: bool,
    },
    /// Lets a scam ring and honest accounts ask for numbers, and prints who saw one.
    RedTeam {
        /// The seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Prints it as JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match Arguments::parse().command {
        Command::Run { calls, seed } => {
            let summary = run(calls, seed)?;
            writeln!(out, "{summary:#?}")?;
            writeln!(out, "every invariant held")?;
        }
        Command::Replay { seed } => {
            let settings = Settings {
                seed,
                calls: CALLS_OF_A_WORLD,
                fault: None,
            };
            // A reader that stops, such as `head`, ends the writing and not the run.
            let mut tell = |at: Duration, line: &str| {
                drop(writeln!(out, "{:>12.3} s  {line}", at.as_secs_f64()));
            };
            let outcome = run_world(settings, &mut tell)?;
            writeln!(out, "{outcome:#?}")?;
        }
        Command::Visits {
            visits,
            seed,
            log: true,
            ..
        } => {
            let settings = VisitSettings {
                seed,
                visits: visits.min(VISITS_OF_A_WORLD),
                fault: None,
            };
            let mut tell = |at: Duration, line: &str| {
                drop(writeln!(out, "{:>12.3} s  {line}", at.as_secs_f64()));
            };
            let summary = run_world_of_visits(settings, Some(&mut tell))?;
            writeln!(out, "{summary:#?}")?;
        }
        Command::Visits {
            visits, seed, json, ..
        } => {
            let summary = run_visits(visits, seed, &mut said_now_and_then(visits))?;
            if json {
                writeln!(out, "{}", serde_json::to_string(&summary)?)?;
            } else {
                writeln!(out, "{summary:#?}")?;
                writeln!(out, "every invariant held")?;
            }
        }
        Command::RedTeam { seed, json } => {
            let run = run_red_team(seed, &mut |doing| eprintln!("{doing}"));
            if json {
                writeln!(out, "{}", serde_json::to_string(&run)?)?;
            } else {
                print_tables(&mut out, &run)?;
            }
        }
    }
    Ok(())
}

/// As `docs/fence.md` has it.
fn print_tables(out: &mut impl Write, run: &RedTeam) -> std::io::Result<()> {
    writeln!(
        out,
        "| the ring | accounts | held | views of a lock page: without the fence each sees a number | \
         of these, saw one with it | from the first view to the hold |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |"
    )?;
    for row in &run.ring {
        let wait = match row.seconds_to_hold {
            None => "never".to_owned(),
            Some(0) => "before the first view".to_owned(),
            Some(seconds) => format!("{seconds} s"),
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {wait} |",
            row.behaviour.words(),
            row.lures,
            row.held,
            row.lock_views,
            row.saw_a_number,
        )?;
    }
    writeln!(
        out,
        "\n| honest accounts | accounts | held | with a case and no hold | views | of these, saw a number |\n\
         | --- | ---: | ---: | ---: | ---: | ---: |"
    )?;
    for row in &run.honest {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            row.kind, row.accounts, row.held, row.suspected, row.views, row.saw_a_number
        )?;
    }
    Ok(())
}

/// Says on stderr how far it has come, every few seconds.
fn said_now_and_then(visits: u64) -> impl FnMut(&VisitSummary) {
    let began = Instant::now();
    let mut said = began;
    move |summary| {
        if said.elapsed() >= Duration::from_secs(5) {
            said = Instant::now();
            eprintln!(
                "{} of {visits} visits in {} worlds, {} s",
                summary.visits,
                summary.worlds,
                began.elapsed().as_secs()
            );
        }
    }
}
