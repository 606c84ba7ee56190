//! Several servers over one PostgreSQL: each closes its own calls, and those of one that died are closed by another.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ringfence_model::{AccountId, Call, CallEventKind, Disposition};
use ringfence_softphone::{Answer, Behaviour, CallRequest, Softphone, SoftphoneConfig, Then};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::{Engine, TestDatabase};
use support::{Rows, Server, World, program, run};

/// How long something of another process may take; it takes a second or two unless the machine is very busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Servers over one database, and who calls and answers.
struct Town {
    worlds: Vec<World>,
    rows: Rows,
    db: Db,
    callers: Softphone,
    agent: Softphone,
}

impl Town {
    /// `servers` worlds over one database, none of them started.
    async fn new(servers: usize, dead_after: u32) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = Softphone::start(SoftphoneConfig {
            behaviour: Behaviour {
                ring: Duration::ZERO,
                then: Then::Answer(Answer {
                    tone_hz: 880.0,
                    hang_up_after: None,
                }),
                early_media: false,
            },
            ..SoftphoneConfig::default()
        })
        .await
        .unwrap();
        let mut first = World::new(Engine::Postgres.database_with_tables().await);
        let rows = first.rows(&[agent.uri()], Duration::from_secs(5), 10).await;
        let key = first.folder.path().join("shared.key");
        std::fs::write(&key, format!("{}\n", "01".repeat(32))).unwrap();
        let more = |n: usize| {
            format!(
                "[server]\nname = \"calls-{n}\"\ndead_after = {dead_after}\n[secrets]\nkey_file = \"{}\"\n",
                key.display()
            )
        };
        first.more = more(1);
        let mut worlds = vec![first];
        for n in 2..=servers {
            let mut world = World::new(worlds[0].database.beside());
            world.more = more(n);
            worlds.push(world);
        }
        Self {
            db: worlds[0].db().await,
            worlds,
            rows,
            callers: Softphone::start(SoftphoneConfig::default()).await.unwrap(),
            agent,
        }
    }

    fn serve(&self) -> Vec<Server> {
        self.worlds.iter().map(World::serve).collect()
    }

    /// Begins a call at a server, and returns once somebody has answered.
    async fn call(&self, server: usize, from: u32) -> Call {
        let from = format!("+441632960{from:03}");
        let request = CallRequest {
            server: self.worlds[server].sip,
            to: self.rows.numbers[0].e164.to_string(),
            from: from.clone(),
            tone_hz: 440.0,
            talk: Duration::from_mins(5),
            give_up_after: None,
            expect: vec![440.0, 880.0],
        };
        let callers = self.callers.clone();
        // A server that stood still takes itself for overloaded at first, and says 503.
        tokio::spawn(async move {
            while !callers
                .call(request.clone())
                .await
                .is_ok_and(|call| call.answered)
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        self.until(|call| {
            call.caller.as_ref().map(ToString::to_string).as_deref() == Some(&from)
                && call.answered_at.is_some()
        })
        .await
    }

    async fn calls(&self) -> Vec<Call> {
        let all = CallFilter::default();
        let page = self.db.calls(self.rows.account, &all, None, 500).await;
        page.unwrap().calls
    }

    /// The first call that is so.
    async fn until(&self, is_so: impl Fn(&Call) -> bool) -> Call {
        let begun = Instant::now();
        loop {
            if let Some(call) = self.calls().await.into_iter().find(&is_so) {
                return call;
            }
            assert!(begun.elapsed() < PATIENCE, "{}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A metric of a server, 0 while it is not there.
    async fn counted(&self, server: usize, metric: &str) -> u32 {
        let url = format!("http://{}/metrics", self.worlds[server].http);
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(metric));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    async fn until_counted(&self, server: usize, metric: &str, at_least: u32) {
        let begun = Instant::now();
        while self.counted(server, metric).await < at_least {
            assert!(begun.elapsed() < PATIENCE, "{metric}\n{}", self.said());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn said(&self) -> String {
        self.worlds.iter().map(World::said).collect()
    }
}

/// How often the call's timeline says that it ended.
async fn endings(db: &Db, account: AccountId, call: &Call) -> usize {
    let events = db.call_events(account, call.id).await.unwrap();
    events
        .iter()
        .filter(|event| matches!(event.kind, CallEventKind::Ended { .. }))
        .count()
}

fn is_interrupted(call: &Call) -> bool {
    call.disposition == Some(Disposition::Failed)
        && call
            .reason
            .as_deref()
            .is_some_and(|reason| reason.starts_with("interrupted"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_servers_calls_are_closed_once_by_another_and_no_others_are() {
    let town = Town::new(3, 6).await;
    let mut servers = town.serve();
    let mut of_the_dead = Vec::new();
    for from in 0..4 {
        of_the_dead.push(town.call(0, from).await);
    }
    let of_the_living = town.call(1, 10).await;
    assert_ne!(of_the_dead[0].server, of_the_living.server);
    servers.remove(0).kill();
    for call in &of_the_dead {
        let closed = town
            .until(|found| found.id == call.id && found.ended_at.is_some())
            .await;
        assert!(is_interrupted(&closed), "{closed:?}");
        assert_eq!(endings(&town.db, town.rows.account, call).await, 1);
    }
    let closed = "ringfence_calls_closed_for_others_total";
    let begun = Instant::now();
    let by = loop {
        let by = [town.counted(1, closed).await, town.counted(2, closed).await];
        let running = town.counted(1, "ringfence_servers_running").await;
        if by != [0, 0] && running < 3 {
            break by;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{by:?} {running}\n{}",
            town.said()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(by == [4, 0] || by == [0, 4], "{by:?}");
    let calls: HashMap<_, _> = town.calls().await.into_iter().map(|c| (c.id, c)).collect();
    assert_eq!(calls[&of_the_living.id].ended_at, None);

    let config = town.worlds[1].config();
    let doctor = ["doctor", "--config", config.to_str().unwrap()];
    let (_, out, _) = run(&doctor, town.worlds[1].folder.path());
    let told = out.lines().find(|line| line.contains("servers:"));
    let told = told.expect("the servers are told");
    assert!(
        told.contains("calls-2 seen ") && told.contains("calls-3 seen "),
        "{told}"
    );
    assert!(!told.contains("calls-1"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_that_starts_again_closes_its_own_calls_at_once() {
    // Nobody gives anybody up in this test.
    let town = Town::new(2, 3600).await;
    let mut servers = town.serve();
    let own = town.call(0, 0).await;
    let of_another = town.call(1, 1).await;
    servers.remove(0).kill();
    let _again = town.worlds[0].serve();
    let calls: HashMap<_, _> = town.calls().await.into_iter().map(|c| (c.id, c)).collect();
    assert!(is_interrupted(&calls[&own.id]), "{:?}", calls[&own.id]);
    assert_eq!(calls[&of_another.id].ended_at, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_in_good_order_leaves_nothing_to_others() {
    let town = Town::new(2, 3600).await;
    let mut servers = town.serve();
    let first = servers.remove(0);
    assert!(first.stop().success());
    let known = town.db.servers(ringfence_platform::now()).await.unwrap();
    let running: Vec<_> = known.iter().filter(|server| server.is_running()).collect();
    assert_eq!(running.len(), 1, "{known:?}");
    assert_eq!(running[0].name, "calls-2");
}

/// As a paused virtual machine does: the process stands still, is given up, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stood_still_overwrites_nothing_and_takes_calls_again() {
    let town = Town::new(2, 6).await;
    let servers = town.serve();
    let before = town.call(0, 0).await;
    servers[0].signal("-STOP");
    let closed = town
        .until(|call| call.id == before.id && call.ended_at.is_some())
        .await;
    assert!(is_interrupted(&closed), "{closed:?}");
    servers[0].signal("-CONT");
    town.until_counted(0, "ringfence_server_came_back_total", 1)
        .await;
    // Both sides leave the call, which the server would write down.
    let after = town.call(0, 1).await;
    assert_ne!(after.server, before.server, "it is another run");
    town.agent.shutdown().await;
    town.callers.shutdown().await;
    town.until_counted(0, "ringfence_call_rows_too_late_total", 1)
        .await;
    let now = town.until(|call| call.id == before.id).await;
    assert_eq!(now, closed);
    assert_eq!(endings(&town.db, town.rows.account, &before).await, 1);
    assert_eq!(town.counted(1, "ringfence_servers_given_up_total").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_of_one_name_or_of_two_keys_are_refused() {
    let mut town = Town::new(2, 3600).await;
    let _first = town.worlds[0].serve();
    let good = town.worlds[1].more.clone();
    town.worlds[1].more = good.replace("calls-2", "calls-1");
    let said = refused(&town.worlds[1]);
    assert!(said.contains("another data folder"), "{said}");
    town.worlds[1].more = "[server]\nname = \"calls-2\"\ndead_after = 3600\n".into();
    let said = refused(&town.worlds[1]);
    assert!(
        said.contains("the master key of the other servers"),
        "{said}"
    );
    town.worlds[1].more = good;
    drop(town.worlds[1].serve());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_of_one_file_or_one_folder_is_refused() {
    let world = World::new(TestDatabase::sqlite());
    let _server = world.serve();
    let beside = World::new(world.database.beside());
    let said = refused(&beside);
    assert!(said.contains("a second server on the same file"), "{said}");
    let mut same_folder = World::new(TestDatabase::sqlite());
    same_folder.folder = tempfile::tempdir().unwrap();
    let config = same_folder.config();
    let text = std::fs::read_to_string(&config).unwrap();
    let own = same_folder.folder.path().join("data");
    let theirs = world.folder.path().join("data");
    let text = text.replace(own.to_str().unwrap(), theirs.to_str().unwrap());
    std::fs::write(&config, text).unwrap();
    let output = program(&["serve", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("another one runs from it"), "{said}");
}

/// What a server says that does not start.
fn refused(world: &World) -> String {
    let config = world.config();
    let output = program(&["serve", "--config", config.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}
