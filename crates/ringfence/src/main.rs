//! The program: one binary that serves, shows itself, and looks after its data.

mod accounts;
mod admin;
mod cases;
mod check;
mod cli;
mod config;
mod demo;
mod doctor;
mod erase;
mod feed;
mod identity;
mod keys;
mod logging;
mod mail;
mod master_key;
mod metrics;
mod plan;
mod pool_size;
mod rollups;
mod serve;
mod server;
mod sip_tls;
mod source_try;
mod webhooks;

use std::pin::Pin;
use std::process::ExitCode;

use anyhow::Context as _;

use cli::{
    Cli, Command, ConfigCommand, NumberCommand, PlanCommand, PoolCommand, SourceCommand,
    UserCommand,
};

/// Many small texts live for the length of a request or a call; the system's allocator took a quarter of the CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::read().command) {
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
        Command::Config(ConfigCommand::Api) => print!("{}", ringfence_web::api_document()),
        Command::Config(ConfigCommand::Check(configured)) => {
            config::load(configured.config.as_deref())?;
            println!("the configuration is understood");
        }
        Command::Serve(configured) => {
            let config = config::load(configured.config.as_deref())?;
            logging::start(&config.log)?;
            carry_out(serve::serve(config))?;
        }
        Command::Demo(options) => {
            let level = if options.json { "error" } else { "warn" };
            logging::start(&config::Log {
                level: level.parse().map_err(anyhow::Error::msg)?,
                ..config::Log::default()
            })?;
            return carry_out(demo::run(options));
        }
        Command::Migrate(configured) => {
            let config = config::load(configured.config.as_deref())?;
            carry_out(admin::migrate(&config))?;
        }
        Command::User(UserCommand::Add(add)) => {
            let config = config::load(add.configured.config.as_deref())?;
            carry_out(admin::user_add(&config, &add))?;
        }
        Command::User(UserCommand::ResetFactor(named)) => {
            let config = config::load(named.configured.config.as_deref())?;
            carry_out(admin::user_reset_factor(&config, &named))?;
        }
        Command::Account(command) => {
            let config = config::load(command.configured().config.as_deref())?;
            carry_out(accounts::run(&config, &command))?;
        }
        Command::Case(command) => {
            let config = config::load(command.configured().config.as_deref())?;
            carry_out(cases::run(&config, &command))?;
        }
        Command::Feed(wish) => {
            let config = config::load(wish.configured.config.as_deref())?;
            carry_out(feed::run(&config, &wish))?;
        }
        Command::Key(command) => {
            let config = config::load(command.configured().config.as_deref())?;
            carry_out(keys::run(&config, &command))?;
        }
        Command::Rollup(command) => {
            let config = config::load(command.asked().configured.config.as_deref())?;
            carry_out(rollups::run(&config, &command))?;
        }
        Command::Erase(wish) => {
            let config = config::load(wish.configured.config.as_deref())?;
            carry_out(erase::run(&config, &wish))?;
        }
        Command::Webhook(command) => {
            let config = config::load(command.configured().config.as_deref())?;
            carry_out(webhooks::run(&config, &command))?;
        }
        Command::Mail(command) => {
            let config = config::load(command.configured().config.as_deref())?;
            carry_out(mail::run(&config, &command))?;
        }
        Command::Number(NumberCommand::Import(import)) => {
            let config = config::load(import.configured.config.as_deref())?;
            carry_out(admin::number_import(&config, &import))?;
        }
        Command::Pool(PoolCommand::Size(size)) => pool_size::run(&size)?,
        Command::Source(SourceCommand::Try(asked)) => source_try::run(&asked)?,
        Command::Apply(apply) => {
            let config = config::load(apply.configured.config.as_deref())?;
            carry_out(admin::apply(&config, &apply))?;
        }
        Command::Check(check) => return Ok(check::run(&check)),
        Command::Plan(PlanCommand::Check(check)) => return plan::check(&check),
        Command::Plan(PlanCommand::Try(wish)) => {
            plan::try_call(&wish)?;
        }
        Command::Doctor(doctor) => {
            let findings = match config::load(doctor.configured.config.as_deref()) {
                Ok(config) => carry_out(async { Ok(doctor::examine(&config).await) })?,
                Err(error) => doctor::unread(&error.into()),
            };
            if !doctor::print(&findings, doctor.json) {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Carries out `work` in a runtime of its own. Boxed: the runtime has several ways to wait, and all that lies below the
/// work would be compiled for each.
pub(crate) fn carry_out<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let work: Pin<Box<dyn Future<Output = _>>> = Box::pin(work);
    runtime()?.block_on(work)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // One provider of cryptography for the whole process, chosen here so that no library has to guess.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A call takes four sockets and a file; what the system grants beyond its usual 1,024 is asked for here.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}
