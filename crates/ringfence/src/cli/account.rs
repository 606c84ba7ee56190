//! `ringfence account …`

use clap::{Args, Subcommand};

use super::Configured;

/// `ringfence account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List the accounts, the oldest first
    List(AccountList),
    /// Change an account's name, country, time zone, currency or how many minutes it may dial
    Change(AccountChange),
    /// Let an account dial telephone numbers again whose minutes were used up; those before count no more
    ReleaseDialling(AccountNamed),
}

impl AccountCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::List(list) => &list.configured,
            Self::Change(change) => &change.configured,
            Self::ReleaseDialling(named) => &named.configured,
        }
    }
}

/// `ringfence account list`
#[derive(Debug, Args)]
pub struct AccountList {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
}

/// `ringfence account release-dialling`
#[derive(Debug, Args)]
pub struct AccountNamed {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence account change`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").multiple(true).required(true))]
pub struct AccountChange {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
    /// What people call it
    #[arg(long, group = "what")]
    pub name: Option<String>,
    /// Its country, two letters such as DE: how its numbers are written, and, unless an arrangement says otherwise, the only
    /// country whose numbers it may dial
    #[arg(long, group = "what")]
    pub country: Option<String>,
    /// Where its days begin, such as Europe/Berlin
    #[arg(long, group = "what")]
    pub time_zone: Option<String>,
    /// The currency in which its calls are worth something, three letters such as EUR
    #[arg(long, group = "what")]
    pub currency: Option<String>,
    /// How many minutes of calls to telephone numbers it may dial within an hour: 0 for no limit, `default` for that of
    /// `fence.dialled_minutes_per_hour`
    #[arg(long, group = "what", value_name = "MINUTES", value_parser = minutes)]
    pub dialled_minutes_per_hour: Option<DialledMinutes>,
}

/// A limit of an account's own, or that of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialledMinutes(pub Option<u32>);

fn minutes(text: &str) -> Result<DialledMinutes, String> {
    if text == "default" {
        return Ok(DialledMinutes(None));
    }
    let minutes = text.parse().map_err(|_| {
        format!("expected a whole number of minutes, 0 for no limit, or `default`, got {text:?}")
    })?;
    Ok(DialledMinutes(Some(minutes)))
}
