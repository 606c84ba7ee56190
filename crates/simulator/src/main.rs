//! `run` drives many worlds, `replay` steps through one.

use std::io::Write;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ringfence_simulator::{CALLS_OF_A_WORLD, Settings, run, run_world};

/// Random worlds of calls under a clock of their own, and what must hold in them.
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
    }
    Ok(())
}
