//! Two servers show numbers over one PostgreSQL and one Valkey: whatever dies meanwhile, no number has two live leases.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ORIGIN, USER_AGENT};
use ringfence_model::{Host, HostId, HostProof, Lease, NumberId, Timestamp};
use ringfence_platform::{now, random};
use ringfence_testing::{Engine, TestValkey};
use serde_json::{Value, json};
use support::{Rows, World, run};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0";
const PAGE: &str = "http://www.example.com";
const NUMBERS: u32 = 120;
/// How long something of another process may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Pages that ask one of the servers.
#[derive(Clone)]
struct Pages {
    client: reqwest::Client,
    servers: Vec<String>,
    site: String,
}

/// What a page was answered.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn number(&self) -> Option<&str> {
        self.body["number"]["e164"].as_str()
    }

    fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or_default()
    }
}

impl Pages {
    /// A new visit asks a server; `None` when that server is gone.
    async fn ask(&self, server: usize) -> Option<Answer> {
        let url = &self.servers[server];
        let token = self.client.get(format!("{url}/t/token?site={}", self.site));
        let token = self.answer(token).await?;
        let body = json!({
            "site": self.site, "token": token.body["token"], "page": format!("{PAGE}/"), "referrer": "",
            "language": "en-GB", "campaign": null, "tags": {},
        });
        let asked = self.client.post(format!("{url}/t/number"));
        self.answer(asked.body(body.to_string())).await
    }

    /// The same visit on a next page, which may be another server's, does without its number.
    async fn release(&self, server: usize, shown: &Answer) -> Option<Answer> {
        let body = json!({
            "site": self.site, "visit": shown.body["visit"], "lease": shown.body["number"]["lease"],
            "kind": "release",
        });
        let released = self
            .client
            .post(format!("{}/t/event", self.servers[server]));
        self.answer(released.body(body.to_string())).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Option<Answer> {
        let request = request.header(USER_AGENT, BROWSER).header(ORIGIN, PAGE);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Answer { status, body })
    }
}

/// Two servers' worlds over one database and one Valkey, and a site whose page's host is proved.
async fn two_worlds(valkey: &TestValkey) -> (Vec<World>, Rows) {
    let mut first = World::new(Engine::Postgres.database_with_tables().await);
    let rows = first.rows(&[], Duration::from_secs(5), NUMBERS).await;
    let host = Host {
        id: HostId::new(now(), random()),
        site: rows.site,
        account: rows.account,
        name: PAGE.trim_start_matches("http://").into(),
        challenge: "c".into(),
        proof: Some(HostProof::File),
        proved_at: Some(now()),
    };
    let db = first.db().await;
    db.add_host(&host).await.unwrap();
    db.close().await;
    let key = first.folder.path().join("shared.key");
    std::fs::write(&key, format!("{}\n", "01".repeat(32))).unwrap();
    let more = |name: &str| {
        format!(
            "[server]\nname = \"{name}\"\n[secrets]\nkey_file = \"{}\"\n[live]\nurl = \"{}\"\npatience = 2000\n\
             [tag]\nnumber_requests_per_minute = 0\n\
             [fence]\nlook_at_pages = false\nwithhold_from_silent_networks = false\n",
            key.display(),
            valkey.url()
        )
    };
    first.more = more("calls-1");
    let mut second = World::new(first.database.beside());
    second.more = more("calls-2");
    (vec![first, second], rows)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_never_lease_one_number_twice_though_one_is_killed_and_valkey_forgets() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut valkey = TestValkey::start();
    let (worlds, rows) = two_worlds(&valkey).await;
    let mut servers: Vec<_> = worlds.iter().map(World::serve).collect();
    let said = || worlds.iter().map(World::said).collect::<String>();
    let pages = Pages {
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        servers: worlds
            .iter()
            .map(|world| format!("http://{}", world.http))
            .collect(),
        site: rows.site_key.clone(),
    };

    // Visits come to both; every third does without its number again, at the other server where that lives.
    let shown = Arc::new(AtomicUsize::new(0));
    let visits: Vec<_> = (0..12)
        .map(|visitor| {
            let (pages, shown) = (pages.clone(), Arc::clone(&shown));
            tokio::spawn(async move {
                for visit in 0..30 {
                    let server = (visitor + visit) % 2;
                    let Some(answer) = pages.ask(server).await else {
                        continue;
                    };
                    if answer.number().is_some() {
                        shown.fetch_add(1, Ordering::Relaxed);
                        if visit % 3 == 0 {
                            pages.release(1 - server, &answer).await;
                        }
                    }
                }
            })
        })
        .collect();
    let begun = Instant::now();
    while shown.load(Ordering::Relaxed) < 60 {
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    servers.remove(0).kill();
    for visit in visits {
        visit.await.unwrap();
    }
    let full = exhaust(&pages).await;
    assert_eq!(full.reason(), "pool_exhausted", "{}", said());
    let db = worlds[1].db().await;
    let leased = one_after_another(&db.live_leases(Timestamp::from_micros(0)).await.unwrap());
    // What the killed one had taken and not written down rests until it would have ended.
    assert!(leased.len() > 100, "{} numbers were leased", leased.len());

    // Valkey is gone, and comes back empty.
    valkey.kill();
    let begun = Instant::now();
    let away = pages.ask(1).await.unwrap();
    assert_eq!((away.status, away.reason()), (503, "unavailable_leases"));
    assert!(begun.elapsed() < PATIENCE / 10);
    let config = worlds[1].config();
    let doctor = ["doctor", "--config", config.to_str().unwrap()];
    let (_, out, _) = run(&doctor, worlds[1].folder.path());
    assert!(out.contains("WRONG valkey: it does not answer"), "{out}");
    valkey.start_again();
    let begun = Instant::now();
    let full = loop {
        let answer = pages.ask(1).await.unwrap();
        if answer.reason() != "unavailable_leases" && answer.number().is_none() {
            break answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", said());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(full.reason(), "pool_exhausted", "{}", said());
    let (_, out, _) = run(&doctor, worlds[1].folder.path());
    assert!(out.contains("ok    valkey: "), "{out}");

    // The killed one starts again and is in agreement.
    let _again = worlds[0].serve();
    let full = pages.ask(0).await.unwrap();
    assert_eq!(full.reason(), "pool_exhausted", "{}", said());
    let every = db.live_leases(Timestamp::from_micros(0)).await.unwrap();
    assert_eq!(one_after_another(&every).len(), NUMBERS as usize);
    db.close().await;
}

/// Asks the living server until it has no number any more.
async fn exhaust(pages: &Pages) -> Answer {
    loop {
        let answer = pages.ask(1).await.unwrap();
        if answer.number().is_none() {
            return answer;
        }
    }
}

/// The numbers of these leases, none of which has two at a time.
fn one_after_another(leases: &[Lease]) -> HashSet<NumberId> {
    let mut of_number: HashMap<NumberId, Vec<&Lease>> = HashMap::new();
    for lease in leases {
        of_number.entry(lease.number).or_default().push(lease);
    }
    for leases in of_number.values_mut() {
        leases.sort_by_key(|lease| (lease.started_at, lease.expires_at));
        for pair in leases.windows(2) {
            assert!(pair[0].expires_at <= pair[1].started_at, "{pair:#?}");
        }
    }
    of_number.into_keys().collect()
}
