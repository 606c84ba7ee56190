//! A server with rows in it: a business with thirty days of calls, and a stranger with an account of its own.

#![allow(
    dead_code,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::duration_suboptimal_units,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "each test and the preview use a part of it; a world that cannot be made ends the test; \
              a story told in one place reads best"
)]

mod calls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{
    Account, CallId, NumberId, NumberState, Role, Site, SiteId, TargetId, Timestamp,
    TrackingNumber, TrunkId, User,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A running server. Dropping it stops it and removes its files.
pub struct World {
    pub platform: Arc<Platform>,
    pub address: SocketAddr,
    pub folder: TempDir,
    pub account: Account,
    pub owner: User,
    pub analyst: User,
    pub stranger: Account,
    /// A call of the stranger, with a recording.
    pub strangers_call: Option<CallId>,
    /// The stranger's site and an unproved host of it.
    pub strangers_site: Option<(SiteId, ringfence_model::HostId)>,
    /// An answered call of the account, with visit, failed-over target and recording.
    pub call: Option<CallId>,
    server: JoinHandle<()>,
    _database: TestDatabase,
}

impl Drop for World {
    fn drop(&mut self) {
        self.platform.stopping.cancel();
        self.server.abort();
    }
}

impl World {
    /// Two accounts with their users, and nothing else.
    pub async fn empty(engine: Engine) -> Self {
        Self::serve(engine, "127.0.0.1:0").await
    }

    /// A business that has used the product for thirty days.
    pub async fn full(engine: Engine) -> Self {
        let mut world = Self::empty(engine).await;
        world.furnish().await;
        world
    }

    /// As [`World::empty`], at an address.
    pub async fn serve(engine: Engine, address: &str) -> Self {
        Self::serve_with(engine, address, None).await
    }

    /// As [`World::empty`], with a mail server.
    pub async fn with_mail(engine: Engine, mail: Option<ringfence_platform::Mailer>) -> Self {
        Self::serve_with(engine, "127.0.0.1:0", mail).await
    }

    async fn serve_with(
        engine: Engine,
        address: &str,
        mail: Option<ringfence_platform::Mailer>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = Settings {
            recordings_folder: folder.path().join("recordings"),
            record_calls: true,
            public_url: format!("http://{address}"),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_secs(600),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail,
            fence: ringfence_platform::fence::FenceSettings::default(),
        };
        let outbound = Outbound::new(OutboundPolicy {
            allow_private: true,
            ..OutboundPolicy::default()
        });
        let keys = Keys::from_master(&[7; 32]);
        let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
        let age = now() - Duration::from_secs(40 * 86_400);
        let account = platform
            .add_account("Harbour Dental", "GB", "Europe/London", age)
            .await
            .unwrap();
        let stranger = platform
            .add_account("Somebody Else", "US", "America/New_York", age)
            .await
            .unwrap();
        let owner = add_user(
            &platform,
            &account,
            "ann@example.com",
            "Ann Porter",
            Role::Owner,
        )
        .await;
        let analyst = add_user(
            &platform,
            &account,
            "ben@example.com",
            "Ben Reed",
            Role::Analyst,
        )
        .await;
        let router = ringfence_web::router(Arc::clone(&platform), Arc::new(|| "up 1\n".into()));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self {
            platform,
            address,
            folder,
            account,
            owner,
            analyst,
            stranger,
            strangers_call: None,
            strangers_site: None,
            call: None,
            server,
            _database: database,
        }
    }

    /// Fills both accounts.
    pub async fn furnish(&mut self) {
        let now = now();
        let theirs =
            House::build(&self.platform, &self.stranger, "+1212555", "else.test", now).await;
        self.strangers_call =
            Some(calls::one(self, &theirs, now - Duration::from_secs(3_600)).await);
        self.strangers_site = Some((theirs.site.id, theirs.waiting_host));
        let ours = House::build(
            &self.platform,
            &self.account,
            "+44207946",
            "example.com",
            now,
        )
        .await;
        calls::many(self, &ours, now).await;
        self.call = Some(calls::one(self, &ours, now - Duration::from_secs(900)).await);
    }

    /// The account's story is told once more, as a new call that only began.
    pub async fn call_again(&self) -> CallId {
        let db = &self.platform.db;
        let call = db.call(self.account.id, self.call.unwrap()).await.unwrap();
        let again = ringfence_model::Call {
            id: CallId::new(now(), random()),
            started_at: now(),
            answered_at: None,
            ended_at: None,
            disposition: None,
            ..call.unwrap()
        };
        let id = again.id;
        let begun = ringfence_store::Write::CallBegun(Box::new(again));
        db.write(vec![begun]).await.unwrap();
        id
    }

    /// A call that runs, as far as rows tell, on the server of this run; its first target talks.
    pub async fn talking_call(&self, server: Option<ringfence_model::ServerId>) -> CallId {
        let (db, account) = (&self.platform.db, self.account.id);
        let call = db.call(account, self.call.unwrap()).await.unwrap();
        let call = ringfence_model::Call {
            id: CallId::new(now(), random()),
            started_at: now(),
            answered_at: None,
            ended_at: None,
            disposition: None,
            server,
            ..call.unwrap()
        };
        let id = call.id;
        let target = db.targets(account).await.unwrap()[0].id;
        let begun = ringfence_store::Write::CallBegun(Box::new(call));
        let answered = ringfence_store::Write::CallAnswered {
            group: None,
            account,
            call: id,
            at: now(),
            target,
            failed_over: false,
        };
        db.write(vec![begun, answered]).await.unwrap();
        id
    }

    /// A call that begins, is answered, recorded and over.
    pub async fn a_whole_call(&self) {
        use ringfence_store::Write;
        let account = self.account.id;
        let call = self.call_again().await;
        let target = TargetId::new(now(), random());
        let recording = ringfence_model::RecordingId::new(now(), random());
        let opened = ringfence_model::Recording {
            id: recording,
            call,
            account,
            path: "a.wav".into(),
            started_at: now(),
            duration_ms: 0,
            size: 0,
            sha256: None,
            state: ringfence_model::RecordingState::Open,
        };
        let writes = vec![
            Write::CallAnswered {
                group: None,
                account,
                call,
                at: now(),
                target,
                failed_over: false,
            },
            Write::RecordingOpened(opened),
            Write::RecordingClosed {
                account,
                recording,
                duration_ms: 900,
                size: 7,
                sha256: None,
                state: ringfence_model::RecordingState::Closed,
            },
            Write::CallEnded {
                account,
                call,
                at: now(),
                disposition: ringfence_model::Disposition::Answered,
                reason: Some("the caller hung up".into()),
                failed_over: false,
            },
        ];
        self.platform.db.write(writes).await.unwrap();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn add_user(
    platform: &Platform,
    account: &Account,
    email: &str,
    name: &str,
    role: Role,
) -> User {
    platform
        .add_user(account.id, email, name, role, PASSWORD, now())
        .await
        .unwrap()
}

/// What an account has before its first call.
pub struct House {
    pub account: Account,
    pub numbers: Vec<TrackingNumber>,
    pub targets: Vec<(TargetId, &'static str)>,
    pub trunk: TrunkId,
    pub site: Site,
    pub waiting_host: ringfence_model::HostId,
    pub pool: ringfence_model::PoolId,
    pub plan: ringfence_model::PlanId,
}

impl House {
    async fn build(
        platform: &Platform,
        account: &Account,
        prefix: &str,
        domain: &str,
        now: Timestamp,
    ) -> Self {
        let trunk = platform
            .add_trunk(
                account.id,
                "Example Carrier",
                vec!["127.0.0.1".into()],
                Some("GB"),
                now,
            )
            .await
            .unwrap();
        let mut targets = Vec::new();
        for (nth, name) in ["Front desk", "Maria at home", "Answering service"]
            .into_iter()
            .enumerate()
        {
            let uri = format!("sip:target{nth}@127.0.0.1:5090");
            targets.push((
                platform
                    .add_target(account.id, name, &uri, now)
                    .await
                    .unwrap()
                    .id,
                name,
            ));
        }
        let ids: Vec<_> = targets.iter().map(|(id, _)| *id).collect();
        let ring = Duration::from_secs(20);
        let group = platform
            .add_target_group(account.id, "Reception", &ids, ring, now)
            .await
            .unwrap();
        let plan = platform
            .add_ring_plan(account.id, "Ring reception", group.id, now)
            .await
            .unwrap();
        let hold = Duration::from_secs(1_800);
        let pool = platform
            .add_pool(account.id, "Web site visitors", hold, None, now)
            .await
            .unwrap();
        let numbers: Vec<_> = (0..12)
            .map(|nth: u32| TrackingNumber {
                id: NumberId::new(now, random()),
                account: account.id,
                e164: format!("{prefix}{:04}", 100 + nth).parse().unwrap(),
                label: match nth {
                    0 => "Spring leaflet".into(),
                    10 => "Van lettering".into(),
                    _ => String::new(),
                },
                state: match nth {
                    0..10 => NumberState::Assigned,
                    10 => NumberState::Available,
                    _ => NumberState::Quarantined,
                },
                pool: (nth < 10).then_some(pool.id),
                plan: (nth < 11).then_some(plan.id),
                created_at: now,
            })
            .collect();
        platform.db.add_numbers(numbers.clone()).await.unwrap();
        let swap = vec!["020 7946 0000".to_owned()];
        let site = platform
            .add_site(account.id, "Main site", swap, Some(pool.id), now)
            .await
            .unwrap();
        let proved = platform
            .add_host(account.id, site.id, &format!("www.{domain}"), now)
            .await
            .unwrap();
        let proof = Some((
            ringfence_model::HostProof::File,
            now - Duration::from_secs(86_400 * 20),
        ));
        platform
            .db
            .set_host_proof(account.id, proved.id, proof)
            .await
            .unwrap();
        let waiting = format!("booking.{domain}");
        let waiting_host = platform
            .add_host(account.id, site.id, &waiting, now)
            .await
            .unwrap()
            .id;
        Self {
            account: account.clone(),
            numbers,
            targets,
            trunk: trunk.id,
            site,
            waiting_host,
            pool: pool.id,
            plan: plan.id,
        }
    }
}
