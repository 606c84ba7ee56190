//! `ringfence case …`

use clap::{Args, Subcommand};
use ringfence_model::CaseId;

use super::Configured;

/// `ringfence case …`
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// List cases of every account, open ones first, the riskiest of them first
    List(Configured),
    /// Show a case with its evidence
    Show(CaseShow),
    /// Say that a case is a false alarm. When two different operators have, all that was stopped works again
    Release(CaseDecision),
    /// Say that a case is abuse: the site's numbers stay withheld
    Confirm(CaseDecision),
    /// Freeze the account of a confirmed case: all its numbers are out of service and its people can only read, until the
    /// case is released
    Freeze(CaseDecision),
    /// Print a case with its evidence as JSON, for carriers and authorities
    Export(CaseExport),
}

impl CaseCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::List(configured) => configured,
            Self::Show(show) => &show.configured,
            Self::Release(decision) | Self::Confirm(decision) | Self::Freeze(decision) => {
                &decision.configured
            }
            Self::Export(export) => &export.configured,
        }
    }
}

/// `ringfence case show`
#[derive(Debug, Args)]
pub struct CaseShow {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The case's identifier, as `case list` shows it
    #[arg(value_name = "ID")]
    pub id: CaseId,
}

/// `ringfence case export`
#[derive(Debug, Args)]
pub struct CaseExport {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The case's identifier, as `case list` shows it
    #[arg(value_name = "ID")]
    pub id: CaseId,
    /// With what is kept of each page, as base64
    #[arg(long)]
    pub with_pages: bool,
}

/// `ringfence case release`, `confirm` and `freeze`
#[derive(Debug, Args)]
pub struct CaseDecision {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The case's identifier, as `case list` shows it
    #[arg(value_name = "ID")]
    pub id: CaseId,
    /// The mail address of the operator who decides
    #[arg(long = "as", value_name = "EMAIL")]
    pub operator: String,
}
