//! `ringfence mail …`

use clap::{Args, Subcommand};

use super::Configured;

/// `ringfence mail …`
#[derive(Debug, Subcommand)]
pub enum MailCommand {
    /// Send a test mail, and say what the mail server says
    Test(MailTest),
}

impl MailCommand {
    /// Which configuration it works on.
    pub const fn configured(&self) -> &Configured {
        match self {
            Self::Test(test) => &test.configured,
        }
    }
}

/// `ringfence mail test`
#[derive(Debug, Args)]
pub struct MailTest {
    /// Which configuration.
    #[command(flatten)]
    pub configured: Configured,
    /// Where to
    #[arg(value_name = "ADDRESS")]
    pub address: String,
}
