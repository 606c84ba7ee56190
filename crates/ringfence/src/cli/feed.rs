//! `ringfence feed`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringfence_guard::FeedFormat;

use super::Configured;

/// `ringfence feed`
#[derive(Debug, Args)]
pub struct Feed {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// hosts, rpz (a response policy zone), suricata (a dataset of strings), adblock, misp (an event) or json (a line each)
    #[arg(long, value_name = "FORMAT")]
    pub format: FeedFormat,
    /// How long a host stays in the feed after it was last seen
    #[arg(long, value_name = "TIME", default_value = "2160h", value_parser = super::duration)]
    pub keep: Duration,
    /// Write into this file, which is whole at every moment [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
