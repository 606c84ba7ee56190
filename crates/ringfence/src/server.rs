//! A running server: rows, use cases, sound, SIP and HTTP brought up in this order and taken down in the reverse one.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ringfence_live::Valkey;
use ringfence_media::{MediaConfig, MediaEngine};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::calls::{self, Recovered};
use ringfence_platform::retention::{FilesRemoved, Retention};
use ringfence_platform::segments::Look;
use ringfence_platform::servers::Identity;
use ringfence_platform::{Keys, Platform, Settings, now};
use ringfence_store::Db;
use ringfence_telephony::{Telephony, TelephonyConfig, TrunkDirectory};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::identity;
use crate::metrics::Metrics;

/// Trunks, phones and agents that were added or changed take effect within this time.
const TRUNKS_EVERY: Duration = Duration::from_secs(5);
/// How often numbers are looked for whose quarantine is over.
const QUARANTINES_EVERY: Duration = Duration::from_secs(30);

/// How often is looked for what is past its time, and for files of erased recordings that are still there.
const RETENTION_EVERY: Duration = Duration::from_mins(15);

/// How often is looked for days that a change took out of their segments.
const CHANGED_DAYS_EVERY: Duration = Duration::from_mins(1);
/// After so many of those looks, days that have ended are looked for.
const ENDED_DAYS_AFTER: u32 = 60;

/// How long HTTP requests may take to end once the server stops; live pages are cut before.
const HTTP_PATIENCE: Duration = Duration::from_secs(5);

/// How long attempts of webhooks, conversions and mails may take to end once the server stops.
const OUTBOX_PATIENCE: Duration = Duration::from_secs(2);

/// How long registrars of trunks may take to forget us once the server stops.
const PARTING: Duration = Duration::from_secs(5);

/// How long the last rows of calls may wait for the database once the server stops.
const ROWS_PATIENCE: Duration = Duration::from_secs(10);

/// What a server is made from.
pub struct ServerPlan {
    /// The folder that this server runs from, and no other.
    pub data_folder: PathBuf,
    /// What it is called among others; without one, after its machine and its folder.
    pub name: Option<String>,
    /// A server over the same rows that gives no sign of life for so long is given up.
    pub dead_after: Duration,
    /// `sqlite:PATH` or `postgres://…`
    pub database_url: String,
    /// Where leases are shared with other servers.
    pub valkey: Option<Valkey>,
    /// The 32 octets that every signing key is derived from.
    pub master_key: [u8; 32],
    /// Where the dashboard and the tag listen.
    pub http: SocketAddr,
    /// How use cases behave; an empty `public_url` becomes the address that is listened on.
    pub settings: Settings,
    /// How long what tells of people is kept.
    pub retention: Retention,
    /// Where SIP listens and how much it takes.
    pub telephony: TelephonyConfig,
    /// Where sound passes; an unspecified address becomes this machine's own.
    pub media: MediaConfig,
    /// What may be fetched.
    pub outbound: OutboundPolicy,
}

/// A running server.
pub struct Server {
    /// The use cases.
    pub platform: Arc<Platform>,
    /// SIP.
    pub telephony: Telephony,
    /// Where the dashboard and the tag listen.
    pub http: SocketAddr,
    /// What the start found open and closed.
    pub recovered: Recovered,
    /// Who may send SIP.
    pub trunks: TrunkDirectory,
    calls: JoinHandle<()>,
    web: JoinHandle<std::io::Result<()>>,
    outbox: JoinHandle<()>,
    registrations: JoinHandle<()>,
    registered: JoinHandle<()>,
    /// Has registrars of trunks forget us.
    leave: CancellationToken,
    drained: CancellationToken,
    stop: CancellationToken,
    standing: JoinHandle<()>,
    minutes: JoinHandle<()>,
    /// Nobody else runs from the data folder.
    _folder: File,
}

impl Server {
    /// Brings everything up. When this returns, calls and visits are taken.
    ///
    /// # Errors
    /// The first thing that could not be brought up, with what to do about it.
    pub async fn start(mut plan: ServerPlan, metrics: Metrics) -> anyhow::Result<Self> {
        let listener = listen(plan.http).await?;
        let http = listener
            .local_addr()
            .context("the address of the HTTP listener")?;
        if plan.settings.public_url.is_empty() {
            plan.settings.public_url = format!("http://{http}");
        }
        make_folder(&plan.data_folder)?;
        let (identity, folder) = identity::take(&plan.data_folder, plan.name.as_deref())?;
        make_folder(&plan.settings.recordings_folder)?;

        let db = Db::open(&plan.database_url)
            .await
            .context("opening the database")?;
        db.migrate()
            .await
            .context("bringing the tables to this version")?;
        let outbound = Outbound::new(plan.outbound);
        let keys = Keys::from_master(&plan.master_key);
        anyhow::ensure!(
            plan.valkey.is_none() || db.is_shared(),
            "expected PostgreSQL, for live.url is set and several servers cannot share SQLite; set database.url, or leave live.url out"
        );
        let platform = Platform::start_sharing(db, outbound, plan.settings, keys, plan.valkey)
            .await
            .context("reading what was leased")?;
        let recovered = join(&platform, identity, plan.dead_after).await?;

        if plan.media.address.is_unspecified() {
            plan.media.address = plan
                .telephony
                .advertised
                .filter(|a| is_own(*a))
                .unwrap_or_else(own_address);
        }
        let media = MediaEngine::new(plan.media).context("laying out the media ports")?;
        let trunks = TrunkDirectory::default();
        platform
            .load_trunks(&trunks)
            .await
            .context("reading the trunks")?;
        platform.load_phones().await.context("reading the phones")?;
        platform.load_agents().await.context("reading the agents")?;
        platform
            .restore_registrations(now())
            .await
            .context("reading where phones were registered")?;
        let phones = platform.phones.directory.clone();
        let registrations = tokio::spawn(Arc::clone(&platform).keep_registrations());
        let (telephony, incoming) = Telephony::start(plan.telephony, trunks.clone(), phones, media)
            .await
            .context("starting SIP")?;

        let stop = platform.stopping.clone();
        let drained = CancellationToken::new();
        let calls = tokio::spawn(calls::serve(
            Arc::clone(&platform),
            incoming,
            drained.clone(),
        ));
        tokio::spawn(keep_trunks(
            Arc::clone(&platform),
            trunks.clone(),
            stop.clone(),
        ));
        let leave = stop.child_token();
        let registered = tokio::spawn(Arc::clone(&platform).keep_registered(
            telephony.clone(),
            trunks.clone(),
            leave.clone(),
        ));
        start_chores(&platform, plan.retention);
        let outbox = start_outbox(&platform);
        let standing = tokio::spawn(Arc::clone(&platform).keep_standing(plan.dead_after));
        let minutes = tokio::spawn(Arc::clone(&platform).keep_minutes());
        tokio::spawn(metrics.clone().keep());
        let router =
            ringfence_web::router(Arc::clone(&platform), Arc::new(move || metrics.render()));
        let web = tokio::spawn(serve_http(listener, router, stop.clone()));
        Ok(Self {
            platform,
            telephony,
            http,
            recovered,
            trunks,
            calls,
            web,
            outbox,
            registrations,
            registered,
            leave,
            drained,
            stop,
            standing,
            minutes,
            _folder: folder,
        })
    }

    /// Takes no new calls and tells so to the registrars of trunks, lets calls under way go on for `patience` or until `hurry` resolves, then ends them and
    /// waits for their last rows. The dashboard is still there afterwards.
    pub async fn end_calls(&mut self, patience: Duration, hurry: impl Future<Output = ()>) {
        self.telephony.refuse_calls();
        self.leave.cancel();
        if tokio::time::timeout(PARTING, &mut self.registered)
            .await
            .is_err()
        {
            tracing::warn!("some registrars of trunks still send calls here until they forget us");
        }
        tokio::select! {
            () = self.telephony.drain(patience) => {}
            () = hurry => self.telephony.drain(Duration::ZERO).await,
        }
        self.drained.cancel();
        match tokio::time::timeout(ROWS_PATIENCE, &mut self.calls).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the keeper of calls stopped: {error}"),
            Err(_) => tracing::error!(
                "the last rows of some calls could not be written in time; the next start closes them"
            ),
        }
    }

    /// Stops what is left once calls have ended.
    pub async fn stop(self) {
        self.stop.cancel();
        match tokio::time::timeout(HTTP_PATIENCE, self.web).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!("HTTP ended with an error: {error}"),
            Ok(Err(error)) => tracing::error!("HTTP stopped: {error}"),
            Err(_) => tracing::warn!("some HTTP requests were cut"),
        }
        // Attempts that are cut here are made again at the next start.
        if tokio::time::timeout(OUTBOX_PATIENCE, self.outbox)
            .await
            .is_err()
        {
            tracing::warn!("some webhooks, conversions or mails were cut; they are sent again");
        }
        // What phones registered last is in the rows before these are closed.
        if tokio::time::timeout(ROWS_PATIENCE, self.registrations)
            .await
            .is_err()
        {
            tracing::warn!("some phones have to register again");
        }
        // What was dialled last counts after the next start too.
        if tokio::time::timeout(ROWS_PATIENCE, self.minutes)
            .await
            .is_err()
        {
            tracing::warn!("the last minutes of calls to telephone numbers are not counted");
        }
        if tokio::time::timeout(ROWS_PATIENCE, async {
            // Its last sign of life must not come after the word that it stops.
            self.standing.await.ok();
            self.platform.leave().await;
        })
        .await
        .is_err()
        {
            tracing::warn!("other servers have to find out that this one stopped");
        }
        self.platform.db.close().await;
    }
}

/// Joins the servers over the same rows, and closes what an earlier run of this one left open.
async fn join(
    platform: &Platform,
    identity: Identity,
    dead_after: Duration,
) -> anyhow::Result<Recovered> {
    platform
        .enter(identity, dead_after, now())
        .await
        .context("joining the servers over these rows")?;
    platform
        .recover(now())
        .await
        .context("closing what an earlier run left open")
}

async fn serve_http(
    listener: TcpListener,
    router: axum::Router,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow::anyhow!(
            "expected port {} of {} to be free for HTTP, but another program listens there; stop it or set http.listen",
            address.port(),
            address.ip()
        ),
        ErrorKind::PermissionDenied => anyhow::anyhow!(
            "expected to be allowed to listen on {address}; ports below 1024 need CAP_NET_BIND_SERVICE"
        ),
        _ => anyhow::Error::new(error).context(format!("listening on {address} for HTTP; is it this machine's?")),
    })
}

async fn keep_trunks(platform: Arc<Platform>, directory: TrunkDirectory, stop: CancellationToken) {
    let mut beat = tokio::time::interval(TRUNKS_EVERY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        if let Err(error) = platform.load_trunks(&directory).await {
            tracing::warn!("the trunks stay as they were: {error}");
        }
        if let Err(error) = platform.load_phones().await {
            tracing::warn!("the phones stay as they were: {error}");
        }
        if let Err(error) = platform.load_agents().await {
            tracing::warn!("the agents stay as they were: {error}");
        }
        if let Err(error) = platform.tend_registrations(now()).await {
            tracing::warn!("registrations that have ended are not cleared yet: {error}");
        }
    }
}

/// Tells others what is to be told: webhooks, conversions, reports by mail.
fn start_outbox(platform: &Arc<Platform>) -> JoinHandle<()> {
    let webhooks = Arc::clone(platform).send_webhooks();
    let conversions = Arc::clone(platform).send_conversions();
    let mails = Arc::clone(platform).send_report_mails(ringfence_web::report_mail);
    tokio::spawn(async move {
        tokio::join!(webhooks, conversions, mails);
    })
}

/// What goes on beside calls and visits until the server stops, and may be cut then: the next start goes on with it.
fn start_chores(platform: &Arc<Platform>, retention: Retention) {
    let stop = &platform.stopping;
    tokio::spawn(end_quarantines(Arc::clone(platform), stop.clone()));
    tokio::spawn(keep_to_retention(
        Arc::clone(platform),
        retention,
        stop.clone(),
    ));
    tokio::spawn(seal_days(Arc::clone(platform), stop.clone()));
    // An order that is cut is found at its carrier by the next attempt.
    tokio::spawn(Arc::clone(platform).carry_out_orders());
}

async fn end_quarantines(platform: Arc<Platform>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(QUARANTINES_EVERY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        match platform.end_quarantines(now()).await {
            Ok(0) => {}
            Ok(numbers) => tracing::info!(numbers, "quarantines are over"),
            Err(error) => tracing::warn!("quarantines go on for now: {error}"),
        }
    }
}

async fn seal_days(platform: Arc<Platform>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(CHANGED_DAYS_EVERY);
    let mut looks = 0_u32;
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        let look = if u32::is_multiple_of(looks, ENDED_DAYS_AFTER) {
            Look::All
        } else {
            Look::Changed
        };
        looks = looks.wrapping_add(1);
        match platform.seal_days(look, now()).await {
            Ok(0) => {}
            Ok(days) => tracing::info!(days, "sealed days of calls for reports"),
            Err(error) => tracing::warn!("days of calls are not sealed for now: {error}"),
        }
    }
}

async fn keep_to_retention(platform: Arc<Platform>, retention: Retention, stop: CancellationToken) {
    let mut beat = tokio::time::interval(RETENTION_EVERY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        match platform.erase_old_visits(retention.visits, now()).await {
            Ok(0) => {}
            Ok(visits) => tracing::info!(visits, "erased what old visits told of people"),
            Err(error) => tracing::warn!(
                "what old visits tell of people could not be erased; it is tried again: {error}"
            ),
        }
        match platform.erase_old_calls(retention.calls, now()).await {
            Ok(0) => {}
            Ok(calls) => tracing::info!(calls, "erased what old calls told of their callers"),
            Err(error) => tracing::warn!(
                "what old calls tell of their callers could not be erased; it is tried again: {error}"
            ),
        }
        let marked = platform.erase_old_recordings(retention.recordings, now());
        if let Err(error) = marked.await {
            tracing::warn!("old recordings could not be erased; it is tried again: {error}");
        }
        match platform.remove_files().await {
            Ok(FilesRemoved {
                removed: 0,
                left: 0,
            }) => {}
            Ok(FilesRemoved { removed, left: 0 }) => {
                tracing::info!(removed, "removed the files of erased recordings");
            }
            Ok(FilesRemoved { removed, left }) => tracing::warn!(
                removed,
                left,
                "some files of erased recordings are still there; they are tried again"
            ),
            Err(error) => tracing::warn!(
                "files of erased recordings could not be removed; it is tried again: {error}"
            ),
        }
    }
}

/// Makes a folder that only this user can look into.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(folder: &PathBuf) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| {
            format!(
                "making the folder {}; may this user write there?",
                folder.display()
            )
        })
}

fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The address that this machine sends from when it reaches for the world; loopback when it is alone.
fn own_address() -> IpAddr {
    // Connecting a datagram socket sends nothing: it only asks the routing table. 192.0.2.1 is kept for documentation.
    let asked = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket
            .connect((Ipv4Addr::new(192, 0, 2, 1), 9))
            .and_then(|()| socket.local_addr())
    });
    asked.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}
