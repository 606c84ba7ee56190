//! `ringfence account …`

use clap::{Args, Subcommand};

use super::Configured;

/// `ringfence account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List the accounts, the oldest first
    List(AccountList),
    /// Change an account's name, country, time zone or currency
    Change(AccountChange),
}

impl AccountCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::List(list) => &list.configured,
            Self::Change(change) => &change.configured,
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
}
