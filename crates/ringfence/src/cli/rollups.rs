//! `ringfence rollup …`

use clap::{Args, Subcommand};

use super::Configured;

/// `ringfence rollup …`
#[derive(Debug, Subcommand)]
pub enum RollupCommand {
    /// Compare the sums that reports read with the calls themselves; fails when they differ
    Verify(RollupAccount),
    /// Make the sums that reports read anew from the calls; a running server need not stop
    Rebuild(RollupAccount),
}

impl RollupCommand {
    /// What it works on.
    pub const fn asked(&self) -> &RollupAccount {
        match self {
            Self::Verify(asked) | Self::Rebuild(asked) => asked,
        }
    }
}

/// Whose sums.
#[derive(Debug, Args)]
pub struct RollupAccount {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// The account's name [default: every account]
    #[arg(long)]
    pub account: Option<String>,
}
