//! Every figure of performance, with its limit or its peer measured in the same run. For development only.

mod calls;
mod client;
mod fence;
mod kamailio;
mod media;
mod process;
mod program;
mod report;
mod reports;
mod rows;
mod sipp;
mod sums_cost;
mod tag;
mod year;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "ringfence-bench",
    about = "Measures Ringfence beside its limits and its peers"
)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Durable leases a second, beside a bare handler of the same HTTP stack
    Tag(tag::Options),
    /// Calls through the whole program, beside Kamailio as a stateful proxy where it is installed
    Calls(calls::Options),
    /// Sound of many calls at once, recorded, beside rtpengine relaying alone where it is installed
    Media(media::Options),
    /// Pages of 100 KB looked at on one core, beside the bare HTML parse of the same text; then hostile pages
    Fence(fence::Options),
    /// Reports, the call log and its file over a year of calls, beside the plain GROUP BY of the same rows
    Reports(reports::Options),
}

/// What every bench takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Many small texts live for the length of a request or a call; the system's allocator took a quarter of the CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        eprintln!(
            "this is a debug build: its figures mean nothing; use cargo run --release -p ringfence-bench"
        );
    }
    // What a server that runs inside this program complains of, which would spoil a figure in silence.
    let wanted = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(wanted)
        .with_writer(std::io::stderr)
        .init();
    match Arguments::parse().bench {
        Bench::Tag(options) => tag::run(&options),
        Bench::Calls(options) => calls::run(&options),
        Bench::Media(options) => media::run(&options),
        Bench::Fence(options) => fence::run(&options),
        Bench::Reports(options) => reports::run(&options),
    }
}
