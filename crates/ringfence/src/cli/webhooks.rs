//! `ringfence webhook …`, as it is asked.

use clap::{Args, Subcommand};
use ringfence_model::{DeliveryId, WebhookId};

use super::Configured;

/// `ringfence webhook …`
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// List the account's webhooks, and whether they take what they are told
    List(WebhookList),
    /// Show what a webhook was told lately, newest first, with its attempts
    Log(WebhookLog),
    /// Send again: one delivery, or all that was given up since some time
    Replay(WebhookReplay),
}

impl WebhookCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::List(list) => &list.configured,
            Self::Log(log) => &log.configured,
            Self::Replay(replay) => &replay.configured,
        }
    }

    /// The account's name.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::List(list) => list.account.as_deref(),
            Self::Log(log) => log.account.as_deref(),
            Self::Replay(replay) => replay.account.as_deref(),
        }
    }
}

/// `ringfence webhook list`
#[derive(Debug, Args)]
pub struct WebhookList {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence webhook log`
#[derive(Debug, Args)]
pub struct WebhookLog {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The webhook's identifier, as `webhook list` shows it
    #[arg(value_name = "ID")]
    pub id: WebhookId,
    /// Deliveries to show at most, 1 to 1000
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub limit: u32,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}

/// `ringfence webhook replay`
#[derive(Debug, Args)]
pub struct WebhookReplay {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The webhook's identifier, as `webhook list` shows it
    #[arg(value_name = "ID")]
    pub id: WebhookId,
    /// This delivery, whatever became of it; `webhook log` shows them
    #[arg(long, value_name = "DELIVERY", required_unless_present = "since")]
    pub delivery: Option<DeliveryId>,
    /// All that was given up of what happened at or after this, such as `2026-11-26T09:00:00Z`
    #[arg(long, value_name = "TIME", conflicts_with = "delivery")]
    pub since: Option<jiff::Timestamp>,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}
