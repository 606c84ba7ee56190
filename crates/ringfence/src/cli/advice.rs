//! Questions that are answered from what is asked alone: no configuration, no database, no server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

/// `ringfence pool …`
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Reckon how many numbers a pool needs, and draw what fewer or more would do
    Size(PoolSize),
}

/// `ringfence pool size`
#[derive(Debug, Args)]
#[command(after_help = SIZE_HELP)]
pub struct PoolSize {
    /// Visits in the busiest hour
    #[arg(long, value_name = "COUNT", value_parser = visits)]
    pub visits_per_hour: f64,
    /// How long a visit is on the site, on average
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = time)]
    pub visit: Duration,
    /// How long the number stays the visit's after its last sign of life, as the site's lease settings say
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = time)]
    pub hold: Duration,
    /// The share of visits that may find no number of their own and are shown the overflow number
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    pub blocking: f64,
    /// The numbers that the pool has or would have: shows where that is
    #[arg(long, value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub numbers: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const SIZE_HELP: &str = "\
Examples:
  ringfence pool size --visits-per-hour 200
  ringfence pool size --visits-per-hour 200 --visit 3m --hold 30m --blocking 1% --numbers 40";

/// `ringfence source …`
#[derive(Debug, Subcommand)]
pub enum SourceCommand {
    /// Say what the source rules make of a visit, and why
    Try(SourceTry),
}

/// `ringfence source try`
#[derive(Debug, Args)]
#[command(after_help = TRY_HELP)]
pub struct SourceTry {
    /// The first page's URL, with all its parameters
    #[arg(long, value_name = "URL")]
    pub url: String,
    /// The page that the visitor came from, as the browser says it
    #[arg(long, value_name = "URL")]
    pub referrer: Option<String>,
    /// Another host of the same site, whose pages say nothing as referrers; may be given several times
    #[arg(long, value_name = "HOST")]
    pub own_host: Vec<String>,
    /// The browser's first language, such as de or de-AT
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
    /// The visitor's country in two letters, when it is not the region of the language
    #[arg(long, value_name = "COUNTRY")]
    pub country: Option<String>,
    /// Say which pool or number the visit is shown as well, by the rules of a site of this file
    #[arg(long, value_name = "FILE")]
    pub arrangement: Option<PathBuf>,
    /// The site, when the file has more than one
    #[arg(long, value_name = "NAME", requires = "arrangement")]
    pub site: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const TRY_HELP: &str = "\
Examples:
  ringfence source try --url 'https://www.example.com/?gclid=abc'
  ringfence source try --url https://www.example.com/ --referrer https://chatgpt.com/
  ringfence source try --url https://www.example.com/ --language de-AT --arrangement arrangement.toml";

fn visits(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|count: &f64| count.is_finite() && *count > 0.0)
        .ok_or_else(|| format!("expected a count above 0 such as 200, got {text:?}"))
}

/// A time that may be nothing, as a hold may.
fn time(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a time such as 90s, 3m or 1h, got {text:?}");
    let signed: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    Duration::try_from(signed).map_err(|_| expected())
}

/// A percentage with its sign, so that nobody's 1 is taken for all visits.
fn share(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .and_then(|number| number.trim_end().parse::<f64>().ok())
        .map(|percent| percent / 100.0)
        .filter(|share| (ringfence_tracking::SHARE_MIN..1.0).contains(share))
        .ok_or_else(|| {
            format!("expected a percentage from 0.0001% to below 100%, such as 1%, got {text:?}")
        })
}
