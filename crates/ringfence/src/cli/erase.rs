//! `ringfence erase`

use clap::Args;
use ringfence_model::VisitId;

use super::Configured;

/// `ringfence erase`
#[derive(Debug, Args)]
#[group(id = "whose", required = true, multiple = false, args = ["caller", "visit"])]
pub struct Erase {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// Everybody's calls from this number, with their recordings, and the visits that are known to have led to them
    #[arg(long, value_name = "NUMBER")]
    pub caller: Option<String>,
    /// This visit and the others of the same browser, and the calls that are known to have come of them
    #[arg(long, value_name = "ID")]
    pub visit: Option<VisitId>,
    /// Do it; without this, only what would go is said
    #[arg(long)]
    pub yes: bool,
    /// The account's name [default: the only account]
    #[arg(long)]
    pub account: Option<String>,
}
