//! Proving who owns a host: by a DNS record, a file or a meta tag, each looked up for real.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

#[expect(dead_code, reason = "its web server is not needed here")]
#[path = "../../outbound/tests/servers/mod.rs"]
mod servers;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::get;
use ringfence_model::{Account, Duration, Host, HostId, HostProof, Site};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::sites::SiteError;
use ringfence_platform::{Keys, Platform, Settings, now, random};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase, on_both_engines};
use servers::NameServer;
use tempfile::TempDir;

const CHALLENGE: &str = "ringfence-challenge";

on_both_engines!(
    a_file_proves,
    a_meta_tag_proves,
    a_dns_record_proves,
    what_proves_nothing_is_said_way_by_way,
    a_redirect_to_another_host_proves_nothing,
    a_private_address_is_not_looked_at_unless_the_operator_allows_it,
    a_host_that_another_account_has_proved_is_taken,
    what_is_not_the_accounts_is_not_found_and_bad_names_are_refused,
);

struct Office {
    platform: Arc<Platform>,
    account: Account,
    site: Site,
    _folder: TempDir,
    _database: TestDatabase,
}

impl Office {
    async fn open(engine: Engine, policy: OutboundPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        let settings = Settings {
            recordings_folder: folder.path().into(),
            record_calls: false,
            public_url: "https://calls.example.com".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_mins(10),
            carriers: ringfence_platform::carriers::CarrierUrls::default(),
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            fence: ringfence_platform::fence::FenceSettings::default(),
        };
        let outbound = Outbound::new(policy);
        let keys = Keys::from_master(&[7; 32]);
        let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
        let account = platform.add_account("A", "GB", "UTC", now()).await.unwrap();
        let site = platform
            .add_site(account.id, "Site", vec![], None, now())
            .await
            .unwrap();
        Self {
            platform,
            account,
            site,
            _folder: folder,
            _database: database,
        }
    }

    /// A host whose challenge is known beforehand.
    async fn host(&self, name: &str) -> Host {
        let host = Host {
            id: HostId::new(now(), random()),
            site: self.site.id,
            account: self.account.id,
            name: name.into(),
            challenge: CHALLENGE.into(),
            proof: None,
            proved_at: None,
        };
        self.platform.db.add_host(&host).await.unwrap();
        host
    }

    async fn prove(&self, host: &Host) -> Result<HostProof, SiteError> {
        self.platform
            .prove_host(self.account.id, host.id, now())
            .await
    }
}

fn open_policy() -> OutboundPolicy {
    OutboundPolicy {
        allow_private: true,
        ..OutboundPolicy::default()
    }
}

async fn web(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn a_file_proves(engine: Engine) {
    let office = Office::open(engine, open_policy()).await;
    let file = get(|| async { format!("another line\n{CHALLENGE}\n") });
    let address = web(Router::new().route("/.well-known/ringfence.txt", file)).await;
    let host = office.host(&address.to_string()).await;
    assert_eq!(office.prove(&host).await.unwrap(), HostProof::File);
    let sites = office.platform.sites(office.account.id).await.unwrap();
    assert_eq!(sites[0].1[0].proof, Some(HostProof::File));
    assert!(sites[0].1[0].proved_at.is_some());
}

async fn a_meta_tag_proves(engine: Engine) {
    let office = Office::open(engine, open_policy()).await;
    let page = get(|| async {
        Html(format!(
            r#"<!doctype html><meta name="ringfence" content="{CHALLENGE}"><title>x</title>"#
        ))
    });
    let address = web(Router::new().route("/", page)).await;
    let host = office.host(&address.to_string()).await;
    assert_eq!(office.prove(&host).await.unwrap(), HostProof::Meta);
}

async fn a_dns_record_proves(engine: Engine) {
    let names = NameServer::start(|_, _| Vec::new()).await;
    let office = Office::open(
        engine,
        OutboundPolicy {
            name_servers: vec![names.address],
            ..OutboundPolicy::default()
        },
    )
    .await;
    let host = office.host("shop.example.test").await;
    assert_eq!(office.prove(&host).await.unwrap(), HostProof::Dns);
}

async fn what_proves_nothing_is_said_way_by_way(engine: Engine) {
    let names = NameServer::start(|_, _| Vec::new()).await;
    let office = Office::open(
        engine,
        OutboundPolicy {
            allow_private: true,
            name_servers: vec![names.address],
            ..OutboundPolicy::default()
        },
    )
    .await;
    let router = Router::new()
        .route("/", get(|| async { Html("<title>A page</title>") }))
        .route(
            "/.well-known/ringfence.txt",
            get(|| async { "something else" }),
        );
    let address = web(router).await;
    let host = office.host(&address.to_string()).await;
    let mut other = host.clone();
    other.challenge = "ringfence-not-published".into();
    other.id = HostId::new(now(), random());
    other.name = format!("localhost:{}", address.port());
    office.platform.db.add_host(&other).await.unwrap();
    let refused = office.prove(&other).await.unwrap_err();
    let SiteError::NotProved { host: name, tried } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(*name, other.name);
    let told = tried.join("\n");
    for part in ["TXT", "does not hold the line", "no meta tag"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let rows = office.platform.db.host(office.account.id, other.id).await;
    assert_eq!(rows.unwrap().unwrap().proved_at, None);
}

async fn a_redirect_to_another_host_proves_nothing(engine: Engine) {
    let office = Office::open(engine, open_policy()).await;
    let file = get(|| async { CHALLENGE });
    let elsewhere = web(Router::new().route("/.well-known/ringfence.txt", file)).await;
    let onward = format!(
        "http://localhost:{}/.well-known/ringfence.txt",
        elsewhere.port()
    );
    let redirect = get(|| async move { Redirect::temporary(&onward) });
    let address = web(Router::new().route("/.well-known/ringfence.txt", redirect)).await;
    let host = office.host(&address.to_string()).await;
    let refused = office.prove(&host).await.unwrap_err().to_string();
    assert!(refused.contains("which is another host"), "{refused}");
}

async fn a_private_address_is_not_looked_at_unless_the_operator_allows_it(engine: Engine) {
    let office = Office::open(engine, OutboundPolicy::default()).await;
    let file = get(|| async { CHALLENGE });
    let address = web(Router::new().route("/.well-known/ringfence.txt", file)).await;
    let host = office.host(&address.to_string()).await;
    let refused = office.prove(&host).await.unwrap_err().to_string();
    assert!(refused.contains("no public address"), "{refused}");
}

async fn a_host_that_another_account_has_proved_is_taken(engine: Engine) {
    let office = Office::open(engine, open_policy()).await;
    let file = get(|| async { CHALLENGE });
    let address = web(Router::new().route("/.well-known/ringfence.txt", file)).await;
    let host = office.host(&address.to_string()).await;
    office.prove(&host).await.unwrap();
    let platform = &office.platform;
    let other = platform.add_account("B", "GB", "UTC", now()).await.unwrap();
    let site = platform
        .add_site(other.id, "Theirs", vec![], None, now())
        .await
        .unwrap();
    let added = platform
        .add_host(other.id, site.id, &host.name, now())
        .await;
    assert!(matches!(added, Err(SiteError::HostTaken(_))), "{added:?}");
    let again = platform
        .add_host(office.account.id, office.site.id, &host.name, now())
        .await;
    assert!(matches!(again, Err(SiteError::HostTaken(_))), "{again:?}");
}

async fn what_is_not_the_accounts_is_not_found_and_bad_names_are_refused(engine: Engine) {
    let office = Office::open(engine, open_policy()).await;
    let platform = &office.platform;
    let other = platform.add_account("B", "GB", "UTC", now()).await.unwrap();
    let host = office.host("www.example.com").await;
    let strange = platform.prove_host(other.id, host.id, now()).await;
    assert!(matches!(strange, Err(SiteError::NotFound)));
    let strange = platform
        .add_host(other.id, office.site.id, "x.test", now())
        .await;
    assert!(matches!(strange, Err(SiteError::NotFound)));
    let bad = platform
        .add_host(office.account.id, office.site.id, "not a host", now())
        .await;
    assert!(matches!(bad, Err(SiteError::Host(_))));
    for name in ["", "  ", &"x".repeat(101)] {
        let bad = platform
            .add_site(office.account.id, name, vec![], None, now())
            .await;
        assert!(matches!(bad, Err(SiteError::Name(_))), "{name}");
    }
}
