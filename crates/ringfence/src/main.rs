//! The program: one binary that serves, shows itself, and looks after its data.

mod cli;
mod config;
mod logging;
mod metrics;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

use cli::{Cli, Command, ConfigCommand};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ringfence: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Config(ConfigCommand::Reference) => print!("{}", config::reference()),
        Command::Config(ConfigCommand::Check(configured)) => {
            config::load(configured.config.as_deref())?;
            println!("the configuration is understood");
        }
        _ => return Err(anyhow::anyhow!("not there yet")).context("this command"),
    }
    Ok(ExitCode::SUCCESS)
}
