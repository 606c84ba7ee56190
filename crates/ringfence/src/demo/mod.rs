//! `ringfence demo`: the whole product on one machine. A site, its visitors, callers and agents are played; everything
//! between them — the tag's protocol, leases, SIP, sound, recordings, rows — is the production code.

mod agents;
mod browser;
mod desk;
mod seed;
mod site;
mod stranger;
mod tally;
mod visitors;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdTcpListener, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ringfence_media::MediaConfig;
use ringfence_outbound::OutboundPolicy;
use ringfence_platform::{Settings, now};
use ringfence_store::{Db, StoreError};
use ringfence_telephony::TelephonyConfig;

use crate::cli;
use crate::master_key;
use crate::metrics::Metrics;
use crate::serve::stop_signal;
use crate::server::{Server, ServerPlan, make_folder};

use agents::Agents;
use browser::Browsers;
use seed::Seeded;
use stranger::Stranger;
use tally::Tally;

/// Calls under way when the demo ends may go on for this long.
const PATIENCE: Duration = Duration::from_secs(12);

/// Where everything is kept unless `--data` says otherwise.
const DATA_FOLDER: &str = "ringfence-data/demo";

/// Plays the demo until its time is over or a signal comes.
///
/// # Errors
/// When something could not be brought up.
pub async fn run(options: cli::Demo) -> anyhow::Result<ExitCode> {
    let began = now();
    let data = options
        .data
        .clone()
        .unwrap_or_else(|| PathBuf::from(DATA_FOLDER));
    if let Some(url) = &options.database {
        refuse_used(url).await?;
    }
    make_folder(&data)?;
    let site = site::Site::bind(free_tcp(options.site_port)?).await?;
    let http = free_tcp(options.port)?;
    let mut server = Server::start(plan(&options, &data, http)?, Metrics::start()?).await?;
    let agents = Agents::start().await?;
    let seeded = seed::seed(&server, &site, &agents).await?;
    let stranger = Stranger::arrive(&server, free_tcp(0)?).await?;
    if !options.json {
        print!("{}", welcome(&options, &data, &server, &seeded, &stranger));
    }

    let tally = Arc::new(Tally::new(seeded.account.id, began));
    let browsers = Arc::new(Browsers::of(format!("http://localhost:{}", http.port()))?);
    let asking = stranger.ask(Arc::clone(&browsers), Arc::clone(&tally));
    let crowd = visitors::Crowd::start(
        &server,
        browsers,
        &seeded,
        agents.clone(),
        Arc::clone(&tally),
    )
    .await?;
    let progress = (!options.json)
        .then(|| tokio::spawn(tally::show(Arc::clone(&tally), server.platform.clone())));
    let platform = Arc::clone(&server.platform);
    let desk = tokio::spawn(desk::keep(platform, seeded.account.clone(), began));
    wait(options.run_for).await?;

    if !options.json {
        println!("\nStopping: calls under way may finish. Press Ctrl-C again to end them now.");
    }
    let hurry = async { stop_signal().await.unwrap_or(()) };
    tokio::select! {
        () = crowd.leave(PATIENCE) => {}
        () = hurry => {}
    }
    if let Some(progress) = progress {
        progress.abort();
    }
    desk.abort();
    let _ = tokio::time::timeout(PATIENCE, asking).await;
    // Rows are counted while the database is open, so calls come to their end first.
    server
        .end_calls(Duration::ZERO, std::future::pending())
        .await;
    let summary = tally
        .summary(&server.platform)
        .await
        .context("counting what happened")?;
    agents.shutdown().await;
    server.stop().await;
    if options.json {
        println!(
            "{}",
            serde_json::to_string(&summary).context("writing the summary")?
        );
    } else {
        print!("{summary}");
    }
    for fault in &summary.faults {
        eprintln!("ringfence demo: {fault}");
    }
    Ok(if summary.faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A database with an account is somebody's, and nothing in it is touched: not even its tables are brought up to date.
async fn refuse_used(url: &str) -> anyhow::Result<()> {
    let db = Db::open(url).await.context("opening the database")?;
    let account = db.first_account().await;
    db.close().await;
    match account {
        Ok(Some(account)) => anyhow::bail!(
            "expected an empty database for the demo, but it holds the account {:?}; make a new database and name that",
            account.name
        ),
        // No tables yet.
        Ok(None) | Err(StoreError::Refused(_)) => Ok(()),
        Err(error) => Err(error).context("looking whether the database is empty"),
    }
}

fn plan(
    options: &cli::Demo,
    data: &std::path::Path,
    http: SocketAddr,
) -> anyhow::Result<ServerPlan> {
    let sip = free_sip(options.sip_port)?;
    Ok(ServerPlan {
        data_folder: data.to_path_buf(),
        name: None,
        dead_after: Duration::from_secs(30),
        database_url: options
            .database
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", data.join("ringfence.db").display())),
        valkey: None,
        master_key: master_key::load_or_make(&data.join("master.key"))?,
        http,
        settings: Settings {
            recordings_folder: data.join("recordings"),
            record_calls: true,
            public_url: format!("http://localhost:{}", http.port()),
            // Visitors are played from this machine and say which network they pretend to come from.
            trusted_proxies: vec!["127.0.0.0/8".parse().context("a network")?],
            number_requests_per_minute: 600,
            late_call_window: Duration::from_hours(1),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            fence: ringfence_platform::fence::FenceSettings::default(),
        },
        retention: ringfence_platform::retention::Retention::FOREVER,
        telephony: TelephonyConfig {
            udp: Some(sip),
            tcp: Some(sip),
            ..TelephonyConfig::default()
        },
        media: MediaConfig {
            address: Ipv4Addr::LOCALHOST.into(),
            ..MediaConfig::default()
        },
        // The demo site is on this machine.
        outbound: OutboundPolicy {
            allow_private: true,
            ..OutboundPolicy::default()
        },
    })
}

async fn wait(run_for: Option<Duration>) -> anyhow::Result<()> {
    match run_for {
        None => stop_signal().await,
        Some(time) => tokio::time::timeout(time, stop_signal())
            .await
            .unwrap_or(Ok(())),
    }
}

/// The port when it is free, else another: a demo should start whatever else runs on the machine.
fn free_tcp(port: u16) -> anyhow::Result<SocketAddr> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = match StdTcpListener::bind(wanted) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            StdTcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        }
        other => other,
    };
    listener
        .and_then(|listener| listener.local_addr())
        .with_context(|| format!("finding a free port near {wanted}"))
}

fn free_sip(port: u16) -> anyhow::Result<SocketAddr> {
    let both_free = |address: SocketAddr| {
        UdpSocket::bind(address).is_ok() && StdTcpListener::bind(address).is_ok()
    };
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if port != 0 && both_free(wanted) {
        return Ok(wanted);
    }
    for _ in 0..20 {
        let any = free_tcp(0)?;
        if both_free(any) {
            return Ok(any);
        }
    }
    anyhow::bail!(
        "expected a port that is free for SIP over UDP and TCP, found none; close some programs and try again"
    )
}

fn welcome(
    options: &cli::Demo,
    data: &std::path::Path,
    server: &Server,
    seeded: &Seeded,
    stranger: &Stranger,
) -> String {
    let dashboard = format!("http://localhost:{}", server.http.port());
    let sip = server
        .telephony
        .udp_address()
        .map_or_else(String::new, |address| address.to_string());
    let site = &seeded.page;
    let moved = [
        (server.http.port(), options.port),
        (site.port(), options.site_port),
    ];
    let note = if moved
        .iter()
        .any(|(got, wanted)| got != wanted && *wanted != 0)
    {
        "\n  (Some of the usual ports are taken, so others are used.)\n"
    } else {
        ""
    };
    format!(
        "\nRingfence demo: a plumber's page, its visitors, their calls.\n{note}\n\
         \x20 Dashboard   {dashboard}\n\
         \x20   sign in   {}\n\
         \x20   or as     {}  with  {}\n\
         \x20 Site        {site}\n\
         \x20   as a Google ad   {site}?utm_source=google&utm_medium=cpc&utm_campaign=emergency\n\
         \x20   as a newsletter  {site}?utm_source=newsletter&utm_medium=email&utm_campaign=winter-check\n\
         \x20 Dial        sip:{}@{sip}  from a softphone on this machine, UDP or TCP\n\
         \x20 Fence       {}  locks its visitors (it is inert), so it is shown no number: see Cases\n\
         \x20 Data        {}\n\n\
         \x20 Ctrl-C stops.\n\n",
        seeded.sign_in_link,
        seeded.email,
        seeded.password,
        seeded.numbers[0].e164,
        stranger.page(),
        data.display(),
    )
}
