//! The command line: what can be asked of the program. Says nothing about how it is done.

mod account;
mod advice;
mod cases;
mod erase;
mod feed;
mod mail;
mod rollups;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ringfence_model::{ApiKeyId, KeyScope, Role};

pub use account::{AccountChange, AccountCommand};
pub use advice::{PoolCommand, PoolSize, SourceCommand, SourceTry};
pub use cases::{CaseCommand, CaseDecision};
pub use erase::Erase;
pub use feed::Feed;
pub use mail::MailCommand;
pub use rollups::RollupCommand;
pub use webhooks::{WebhookCommand, WebhookLog, WebhookReplay};

/// Ringfence: which advertisement made the phone ring, and who answered.
#[derive(Debug, Parser)]
#[command(name = "ringfence", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server until it is told to stop (SIGINT, SIGTERM)
    Serve(Configured),
    /// Show the whole product on this machine: a site, visitors, callers, softphones and the dashboard
    Demo(Demo),
    /// Bring the database's tables to this version
    Migrate(Configured),
    /// Users who sign in to the dashboard
    #[command(subcommand)]
    User(UserCommand),
    /// Tracking numbers
    #[command(subcommand)]
    Number(NumberCommand),
    /// Pools of numbers
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Where visits come from
    #[command(subcommand)]
    Source(SourceCommand),
    /// Keys with which programs use the API
    #[command(subcommand)]
    Key(KeyCommand),
    /// Sites whose pages look like abuse, and what is decided about them
    #[command(subcommand)]
    Case(CaseCommand),
    /// Print the hosts of confirmed cases in a form that name servers, sensors, blockers or MISP read
    Feed(Feed),
    /// Programs that are told what happens
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Mail: try the mail server of the configuration
    #[command(subcommand)]
    Mail(MailCommand),
    /// Erase what is known of a caller or a visitor; says what would go, and does it with --yes
    Erase(Erase),
    /// Accounts: list them, change their country, time zone or currency
    #[command(subcommand)]
    Account(AccountCommand),
    /// The sums of calls that reports read
    #[command(subcommand)]
    Rollup(RollupCommand),
    /// Make or change an account's trunks, targets, groups, plans, pools, numbers and sites as a file says
    Apply(Apply),
    /// Look at web pages: does one lock its visitors and alarm them to make them call? Exit code 0 clean,
    /// 1 suspicious, 2 scam, 3 could not look; of several pages the worst: scam, suspicious, could not look, clean
    Check(Check),
    /// Call plans: check them, and try where a call would go
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Try what the configuration names, say what is wrong and what to do; fails when something is
    Doctor(Doctor),
    /// The configuration itself
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Which configuration a command works on.
#[derive(Debug, Clone, Default, Args)]
pub struct Configured {
    /// The configuration file [default: ringfence.toml of this folder, when there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `ringfence demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Stop by itself after this time, such as `30s` or `2m`
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub run_for: Option<Duration>,
    /// Say nothing on standard output but one JSON line at the end; fails when a call is missing from the call
    /// log or a leased call has no visit
    #[arg(long)]
    pub json: bool,
    /// The port of the dashboard; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The port of the demo site; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub site_port: u16,
    /// The port for SIP, UDP and TCP; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 5060)]
    pub sip_port: u16,
    /// The data folder [default: a new one that is removed at the end]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// An empty database for the rows, such as `postgres://USER@HOST/NAME`; one that holds an account is refused
    /// [default: SQLite in the data folder]
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
}

/// `ringfence user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; the first one makes the account too
    Add(UserAdd),
    /// Take away the second factor of a user who has lost it, and end the user's sessions
    ResetFactor(UserNamed),
}

/// `ringfence user reset-factor`
#[derive(Debug, Args)]
pub struct UserNamed {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The mail address that the user signs in with
    #[arg(long)]
    pub email: String,
}

/// `ringfence user add`
#[derive(Debug, Args)]
pub struct UserAdd {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The mail address to sign in with
    #[arg(long)]
    pub email: String,
    /// The name that others see [default: the mail address]
    #[arg(long)]
    pub name: Option<String>,
    /// What the user may do: owner, admin, analyst or agent
    #[arg(long, default_value = "owner", value_parser = role)]
    pub role: Role,
    /// The account's name; made when it does not exist [default: the only account, or a new one called `main`]
    #[arg(long)]
    pub account: Option<String>,
    /// The country of an account that is made, two letters such as DE [default: GB]
    #[arg(long)]
    pub country: Option<String>,
    /// Where the days of an account that is made begin, such as Europe/Berlin [default: as on this machine]
    #[arg(long)]
    pub time_zone: Option<String>,
    /// The user also runs the platform: sees cases of every account and decides them
    #[arg(long)]
    pub operator: bool,
    /// Read the password from standard input, one line [default: make one and print it]
    #[arg(long)]
    pub password_stdin: bool,
}

/// `ringfence apply`
#[derive(Debug, Args)]
pub struct Apply {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The file (TOML): see docs/arrangement.md
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence number …`
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// Add tracking numbers from a CSV file with the columns e164, label, pool, plan and perhaps country.
    /// All of them or, when a line is wrong, none
    Import(NumberImport),
}

/// `ringfence number import`
#[derive(Debug, Args)]
pub struct NumberImport {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The CSV file; its first line names the columns
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_HELP)]
pub struct Check {
    /// Print a JSON object a page, a line each, as soon as it and those before it are looked at
    #[arg(long)]
    pub json: bool,
    /// Say why, where it was seen and what to do, for a person
    #[arg(long)]
    pub explain: bool,
    /// Where a file, or the page on standard input, came from
    #[arg(long, value_name = "URL")]
    pub url: Option<url::Url>,
    /// Fetch from loopback, private and other special addresses too
    #[arg(long)]
    pub allow_private: bool,
    /// Files, URLs (http or https), or `-` for a page on standard input
    #[arg(value_name = "FILE|URL|-")]
    pub pages: Vec<String>,
    /// A file with a page a line (a file or a URL), or `-` for standard input; after tabs a line may name where its
    /// file came from, and then its scripts and frames
    #[arg(long, value_name = "LIST")]
    pub from: Option<PathBuf>,
    /// The scripts and frames of the page, from files; stands behind the page. With none, nothing is known beyond it
    #[arg(long, value_name = "FILE", num_args = 0..)]
    pub linked: Option<Vec<PathBuf>>,
}

const CHECK_HELP: &str = "\
Examples:
  ringfence check --explain https://www.example.com/
  ringfence check --json --url https://www.example.com/ page.html --linked lock.js alarm.js
  ringfence check --json --from pages.txt > verdicts.jsonl";

/// `ringfence key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it; it is shown this once
    Add(KeyAdd),
    /// List the account's keys
    List(KeyList),
    /// End a key at once
    Revoke(KeyRevoke),
}

impl KeyCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::Add(add) => &add.configured,
            Self::List(list) => &list.configured,
            Self::Revoke(revoke) => &revoke.configured,
        }
    }
}

/// `ringfence key add`
#[derive(Debug, Args)]
pub struct KeyAdd {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// Which program the key is for
    #[arg(long)]
    pub name: String,
    /// What it may do: read, or change
    #[arg(long, default_value = "read", value_parser = scope)]
    pub scope: KeyScope,
    /// End it by itself after this time, such as `720h` [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub expires: Option<Duration>,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence key list`
#[derive(Debug, Args)]
pub struct KeyList {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence key revoke`
#[derive(Debug, Args)]
pub struct KeyRevoke {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The key's identifier, as `key list` shows it
    #[arg(value_name = "ID")]
    pub id: ApiKeyId,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence plan …`
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Say everything that is wrong with the plans of a file, each with its step and field; fails when something is
    Check(PlanCheck),
    /// Show the way of a call through a plan, with the reason for each turn, and whom it would ring in which order
    Try(Box<PlanTry>),
}

/// Which plans.
#[derive(Debug, Args)]
pub struct PlanSource {
    /// An arrangement or a plan alone, TOML or JSON: see docs/call-plans.md
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The plan's name [default: every plan to check, the only one to try]
    #[arg(long, value_name = "NAME")]
    pub plan: Option<String>,
    /// Take the groups, targets and trunks of an account from the database of this configuration
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The account's name, with --config [default: the only account]
    #[arg(long, requires = "config")]
    pub account: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `ringfence plan check`
#[derive(Debug, Args)]
pub struct PlanCheck {
    /// Which plans.
    #[command(flatten)]
    pub source: PlanSource,
}

/// `ringfence plan try`
#[derive(Debug, Args)]
pub struct PlanTry {
    /// Which plan.
    #[command(flatten)]
    pub source: PlanSource,
    /// Who calls [default: the number is withheld]
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// The tracking number that is called
    #[arg(long, value_name = "NUMBER")]
    pub dialled: Option<String>,
    /// When, such as `2026-12-24T10:00[Europe/London]` or `2026-12-24T10:00Z` [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// A language of the visitor's browser, the best first; may be said again
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Vec<String>,
    /// The language that the caller is known to speak
    #[arg(long, value_name = "LANGUAGE")]
    pub caller_language: Option<String>,
    /// The country, ISO 3166-1 alpha-2 [default: the caller's number's]
    #[arg(long)]
    pub country: Option<String>,
    /// The region, ISO 3166-2
    #[arg(long)]
    pub region: Option<String>,
    /// The device: phone, tablet or desktop
    #[arg(long)]
    pub device: Option<String>,
    /// The source: its name or its kind, such as paid
    #[arg(long = "source", value_name = "SOURCE")]
    pub source_name: Option<String>,
    /// The campaign
    #[arg(long)]
    pub campaign: Option<String>,
    /// A tag; may be said again
    #[arg(long)]
    pub tag: Vec<String>,
    /// The caller has called before
    #[arg(long)]
    pub returning: bool,
    /// The name of the target that spoke last with this caller
    #[arg(long, value_name = "TARGET")]
    pub last_target: Option<String>,
    /// The name of a target that is full; may be said again
    #[arg(long, value_name = "TARGET")]
    pub busy: Vec<String>,
    /// The name of a target whose agent is on a break; may be said again. All other agents are available
    #[arg(long, value_name = "TARGET")]
    pub on_break: Vec<String>,
    /// The keys that the caller presses at menus, one after the other
    #[arg(long, value_name = "KEYS", default_value = "")]
    pub press: String,
    /// What every lot is drawn from; the same number draws the same
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `ringfence doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `ringfence config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read the configuration and say whether it is understood
    Check(Configured),
    /// Print the reference page of every key, in Markdown
    Reference,
    /// Print the API's `OpenAPI` 3.1 document
    Api,
}

fn duration(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a time such as 30s, 2m or 1h, got {text:?}");
    let signed: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    Duration::try_from(signed)
        .map_err(|_| expected())
        .and_then(|time| {
            if time.is_zero() {
                Err(expected())
            } else {
                Ok(time)
            }
        })
}

fn scope(text: &str) -> Result<KeyScope, String> {
    KeyScope::from_word(text).ok_or_else(|| format!("expected read or change, got {text:?}"))
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("expected one of {}, got {text:?}", words.join(", "))
    })
}

impl Cli {
    /// Reads the command line. One that is not understood ends the program with 2, as is usual; but `check` says `scam`
    /// with that, so there it is 3.
    pub fn read() -> Self {
        Self::try_parse().unwrap_or_else(|error| {
            let checks = std::env::args_os()
                .nth(1)
                .is_some_and(|word| word == "check");
            if checks && error.use_stderr() {
                // Nobody may be listening, and nothing can be said then.
                let _ = error.print();
                std::process::exit(crate::check::COULD_NOT_LOOK.into());
            }
            error.exit()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn read(line: &str) -> Result<Command, String> {
        Cli::try_parse_from(line.split(' '))
            .map(|cli| cli.command)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_demo_takes_a_time_in_words() {
        let Ok(Command::Demo(demo)) = read("ringfence demo --for 30s --json") else {
            panic!("expected a demo");
        };
        assert_eq!(demo.run_for, Some(Duration::from_secs(30)));
        assert!(demo.json);
        for bad in ["30", "-5s", "0s", "soon"] {
            let error = read(&format!("ringfence demo --for={bad}")).expect_err("no time");
            assert!(error.contains("expected a time such as 30s"), "{error}");
        }
    }

    #[test]
    fn a_role_that_is_none_is_refused_with_those_that_are() {
        let error =
            read("ringfence user add --email a@example.com --role king").expect_err("no role");
        assert!(error.contains("owner, admin, analyst, agent"), "{error}");
    }
}
