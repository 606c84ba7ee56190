//! `tag`: number requests, each a visit of its own with a token of its own and a durable lease, beside a bare handler of the
//! same HTTP stack that reads the same requests and answers a fixed body of the same size. In turns, in one process, by one client.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::post;
use clap::Args;
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::visits::TokenRequest;
use ringfence_platform::{Keys, Platform, Settings, now};
use ringfence_store::Db;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::client::{self, Load, Requests};
use crate::report::{Times, float, rounded, shown, table};
use crate::rows::{self, HOST, SITE_KEY};
use crate::{Common, process};

const PATH: &str = "/t/number";
const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

/// What every good answer holds.
const NUMBER: &str = "\"number\":{";

/// How long a lease lasts: short, so that numbers come back within the run.
const HOLD: Duration = Duration::from_secs(1);

/// Tokens for one second of a round; more than one machine's disk makes durable.
const TOKENS_A_SECOND: u64 = 80_000;

/// Different requests for the bare handler.
const SAMPLE: u64 = 1_000;

/// How `tag` is run.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    common: Common,
    /// How long each of the two is measured in all
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Turns that the two take
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Connections that are kept, one request at a time on each
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Requests a second, evenly [default: as many as are answered]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=80_000))]
    rate: Option<u64>,
    /// Tracking numbers in the pool
    #[arg(long, default_value_t = 80_000, value_parser = clap::value_parser!(u64).range(1..=80_000))]
    numbers: u64,
    /// The database [default: SQLite in a new folder beside this program]; it must be empty
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

#[derive(Debug, Serialize)]
struct Figures {
    what: &'static str,
    requests: u64,
    failed: u64,
    per_second: f64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    server_cpu_us_per_request: f64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    bench: &'static str,
    database: String,
    connections: usize,
    /// Requests that fell due in a second; without it, as many as were answered.
    rate: Option<u64>,
    systems: [Figures; 2],
    /// Durable leases a second over fixed answers a second: of all rounds together.
    ratio: f64,
    /// The same, of each round.
    ratios: Vec<f64>,
    leases_in_rows: u64,
    /// Acknowledged batches that had not reached the tables at the end of each round of leases.
    behind: Vec<u64>,
}

#[derive(Default)]
struct Sum {
    good: u64,
    bad: u64,
    seconds: f64,
    cpu: f64,
    times: Times,
}

/// Measures and prints.
///
/// # Errors
/// When the endpoint cannot be started, or does not answer as it should.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("bench-server")
        .enable_all()
        .build()?;
    let own = std::env::current_exe()?;
    // Beside this program: the usual place for temporary files may be in memory, where commits cost nothing.
    let folder = tempfile::tempdir_in(own.parent().context("a program lies in a folder")?)?;
    let url = options
        .database
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", folder.path().join("rows.db").display()));
    let server = runtime.block_on(Server::start(&url, folder.path(), options))?;
    let length =
        Duration::from_secs_f64(float(options.seconds.max(options.rounds)) / float(options.rounds));

    let mut warm_up = Sum::default();
    server.measured(
        server.tag,
        options,
        Duration::from_millis(500),
        &mut warm_up,
    )?;
    server.measured(
        server.bare,
        options,
        Duration::from_millis(500),
        &mut warm_up,
    )?;
    let (mut bare, mut tag) = (Sum::default(), Sum::default());
    let (mut ratios, mut behind) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let fixed = server.measured(server.bare, options, length, &mut bare)?;
        let leased = server.measured(server.tag, options, length, &mut tag)?;
        behind.push(server.platform.db.behind());
        ratios.push(rounded(leased / fixed));
    }
    let rows = runtime.block_on(server.leases())?;
    let outcome = Outcome {
        bench: "tag",
        database: url.split(':').next().unwrap_or_default().to_owned(),
        connections: options.connections,
        rate: options.rate,
        ratio: rounded((float(tag.good) / tag.seconds) / (float(bare.good) / bare.seconds)),
        systems: [
            figures("bare handler", bare),
            figures("durable leases", tag),
        ],
        ratios,
        leases_in_rows: rows,
        behind,
    };
    runtime.shutdown_timeout(Duration::from_secs(5));
    print(options, &outcome)
}

struct Server {
    platform: Arc<Platform>,
    account: ringfence_model::AccountId,
    tag: SocketAddr,
    bare: SocketAddr,
}

impl Server {
    async fn start(url: &str, folder: &Path, options: &Options) -> anyhow::Result<Self> {
        let db = Db::open(url).await?;
        db.migrate().await?;
        let numbers = usize::try_from(options.numbers)?;
        let rows = rows::site(&db, numbers, HOLD).await?;
        let settings = Settings {
            recordings_folder: folder.join("recordings"),
            record_calls: false,
            public_url: "http://localhost".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_hours(1),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            // Its page is nowhere: what is measured is the answer, not the look that went before it.
            fence: ringfence_platform::fence::FenceSettings {
                look_at_pages: false,
                // One address asks for everybody, and no page beats.
                withhold_from_silent_networks: false,
                ..ringfence_platform::fence::FenceSettings::default()
            },
        };
        let outbound = Outbound::new(OutboundPolicy::default());
        let platform = Platform::start(db, outbound, settings, Keys::from_master(&[7; 32])).await?;
        let router = ringfence_web::router(Arc::clone(&platform), Arc::new(String::new));
        let tag = serve(router).await?;
        let server = Self {
            platform,
            account: rows.account,
            tag,
            bare: tag,
        };
        let body = server.one_answer()?;
        let fixed = Router::new().route(
            PATH,
            post(move |request: Bytes| {
                let body = body.clone();
                async move {
                    drop(request);
                    ([(header::CONTENT_TYPE, "application/json")], body)
                }
            }),
        );
        Ok(Self {
            bare: serve(fixed).await?,
            ..server
        })
    }

    /// The body of one real answer, for the bare handler to repeat.
    fn one_answer(&self) -> anyhow::Result<Bytes> {
        let requests = self.requests(1)?;
        // Nothing is expected of it, so that it is handed back as it is.
        let one = Load {
            connections: 1,
            length: Duration::from_secs(5),
            rate: None,
        };
        let round = client::load(self.tag, &requests, one, "\u{0}")?;
        let answer = round.first_bad.context("the endpoint gave no answer")?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("an answer has a head")?;
        ensure!(
            head.starts_with("HTTP/1.1 200") && body.contains(NUMBER),
            "no number was given: {answer}"
        );
        Ok(Bytes::from(body.to_owned()))
    }

    /// Requests of visitors who come for the first time, each with a token of its own.
    fn requests(&self, count: u64) -> anyhow::Result<Requests> {
        let origin = format!("https://{HOST}");
        let page = format!("{origin}/offer?utm_source=news&utm_medium=mail&utm_campaign=spring");
        let token = TokenRequest {
            site: Some(SITE_KEY),
            page: &page,
            user_agent: USER_AGENT,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let now = now();
        let tokens: Result<Vec<String>, _> = (0..count)
            .map(|_| self.platform.issue_token(&token, now))
            .collect();
        let tokens =
            tokens.map_err(|refusal| anyhow::anyhow!("no token was given: {refusal:?}"))?;
        let headers = [
            ("Host", "localhost"),
            ("Origin", origin.as_str()),
            ("Referer", page.as_str()),
            ("User-Agent", USER_AGENT),
            ("Accept-Language", "en-GB,en;q=0.5"),
        ];
        let referrer = "https://news.example.com/";
        let before = format!("{{\"site\":\"{SITE_KEY}\",\"token\":\"");
        let after = format!(
            "\",\"page\":\"{page}\",\"referrer\":\"{referrer}\",\"first\":{{\"page\":\"{page}\",\"referrer\":\"{referrer}\"}},\
             \"language\":\"en-GB\",\"campaign\":null,\"tags\":{{}}}}"
        );
        Ok(Requests::post(PATH, &headers, &before, tokens, &after))
    }

    /// One round, added to `sum`; answers how many good answers came in a second.
    fn measured(
        &self,
        to: SocketAddr,
        options: &Options,
        length: Duration,
        sum: &mut Sum,
    ) -> anyhow::Result<f64> {
        let leases = to == self.tag;
        let tokens_a_second = options.rate.unwrap_or(TOKENS_A_SECOND);
        let tokens = u64::try_from(length.as_millis())? * tokens_a_second / 1000 + 1;
        let mut requests = self.requests(if leases { tokens } else { SAMPLE })?;
        // A token is spent once; who answers the same whatever it is asked may be asked the same again.
        requests.again = !leases;
        let before = process::cpu_seconds(std::process::id());
        let load = Load {
            connections: options.connections,
            length,
            rate: options.rate,
        };
        let mut round = client::load(to, &requests, load, NUMBER)?;
        sum.cpu += process::cpu_seconds(std::process::id()) - before - round.client_cpu;
        sum.good += round.good;
        sum.bad += round.bad;
        sum.seconds += round.seconds;
        sum.times.append(&mut round.times);
        if let Some(bad) = round.first_bad {
            eprintln!("{} requests failed; the first: {bad}", round.bad);
        }
        Ok(float(round.good) / round.seconds)
    }

    /// What the database says, for comparison with what the client saw.
    async fn leases(&self) -> anyhow::Result<u64> {
        let (from, to) = (
            now() - Duration::from_hours(1),
            now() + Duration::from_mins(1),
        );
        Ok(self
            .platform
            .db
            .row_counts(self.account, from, to)
            .await?
            .leases)
    }
}

async fn serve(router: Router) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    Ok(at)
}

fn figures(what: &'static str, mut sum: Sum) -> Figures {
    let requests = sum.good + sum.bad;
    Figures {
        what,
        requests,
        failed: sum.bad,
        per_second: rounded(float(sum.good) / sum.seconds),
        p50_ms: sum.times.percentile(0.5),
        p99_ms: sum.times.percentile(0.99),
        server_cpu_us_per_request: rounded(sum.cpu * 1e6 / float(requests.max(1))),
    }
}

fn print(options: &Options, outcome: &Outcome) -> anyhow::Result<()> {
    if options.common.json {
        println!("{}", serde_json::to_string(outcome)?);
        return Ok(());
    }
    println!(
        "{} connections, {} rounds, {}; client and server on the same machine",
        outcome.connections, options.rounds, outcome.database
    );
    let lines: Vec<Vec<String>> = outcome
        .systems
        .iter()
        .map(|of| {
            vec![
                of.what.to_owned(),
                of.requests.to_string(),
                of.failed.to_string(),
                shown(Some(of.per_second), 0),
                shown(of.p50_ms, 2),
                shown(of.p99_ms, 2),
                shown(Some(of.server_cpu_us_per_request), 1),
            ]
        })
        .collect();
    table(
        &[
            "system",
            "requests",
            "failed",
            "per second",
            "p50 ms",
            "p99 ms",
            "server CPU us",
        ],
        &lines,
    );
    let rounds: Vec<String> = outcome
        .ratios
        .iter()
        .map(|ratio| format!("{ratio:.2}"))
        .collect();
    match outcome.rate {
        // Both are asked equally often, so that the ratio says nothing.
        Some(rate) => println!("{rate} requests a second were due"),
        None => println!(
            "ratio {:.2} (by round: {})",
            outcome.ratio,
            rounds.join(", ")
        ),
    }
    println!(
        "leases in the rows: {}; acknowledged and not there yet at the end of each round: {:?}",
        outcome.leases_in_rows, outcome.behind
    );
    Ok(())
}
