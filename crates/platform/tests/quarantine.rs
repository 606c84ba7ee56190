//! A number that leaves a pool rests, and is told why in its life.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

use std::path::Path;
use std::sync::Arc;

use ringfence_model::{Account, Duration, NumberState, Timestamp};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::arrangement::read_arrangement;
use ringfence_platform::number_life::NumberLife;
use ringfence_platform::{Keys, Platform, Settings, now};
use ringfence_store::Db;
use ringfence_testing::{Engine, on_both_engines};

on_both_engines!(
    a_number_that_changes_its_pool_rests_first_and_then_comes_to_the_new_one,
    the_pool_that_it_left_takes_a_resting_number_back,
);

const DAY: Duration = Duration::from_hours(24);

fn arrangement(pool: &str) -> String {
    let pool = match pool {
        "" => String::new(),
        pool => format!("pool = \"{pool}\"\n"),
    };
    format!(
        "[[target]]\nname = \"Desk\"\nuri = \"sip:desk@localhost\"\n\
         [[group]]\nname = \"All\"\ntargets = [\"Desk\"]\n[[plan]]\nname = \"Main\"\nring = [\"All\"]\n\
         [[pool]]\nname = \"Web\"\nquarantine_days = 7\n[[pool]]\nname = \"German\"\n\
         [[number]]\ne164 = \"+442079460001\"\nplan = \"Main\"\n{pool}"
    )
}

struct Office {
    platform: Arc<Platform>,
    account: Account,
    begin: Timestamp,
}

impl Office {
    async fn open(url: &str, folder: &Path) -> Self {
        let db = Db::open(url).await.unwrap();
        db.migrate().await.unwrap();
        let settings = Settings {
            recordings_folder: folder.into(),
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
        let outbound = Outbound::new(OutboundPolicy::default());
        let keys = Keys::from_master(&[7; 32]);
        let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
        let begin = now();
        let account = platform.add_account("A", "GB", "UTC", begin).await.unwrap();
        Self {
            platform,
            account,
            begin,
        }
    }

    async fn apply(&self, pool: &str, days: u32) -> Vec<String> {
        let document = read_arrangement(&arrangement(pool), Path::new("a.toml")).unwrap();
        let at = self.begin + DAY * days;
        self.platform
            .arrange(&self.account, &document, at)
            .await
            .unwrap()
    }

    async fn end_quarantines(&self, days: u32) -> usize {
        let at = self.begin + DAY * days;
        self.platform.end_quarantines(at).await.unwrap()
    }

    async fn life(&self, days: u32) -> NumberLife {
        let numbers = self.platform.db.numbers(self.account.id).await.unwrap();
        let at = self.begin + DAY * days;
        let life = self
            .platform
            .number_life(self.account.id, numbers[0].id, at)
            .await;
        life.unwrap().unwrap()
    }
}

fn told(life: &NumberLife) -> Vec<(NumberState, &str)> {
    let changes = life.changes.iter().map(|change| &change.change);
    changes
        .map(|change| (change.state, change.why.as_str()))
        .collect()
}

async fn a_number_that_changes_its_pool_rests_first_and_then_comes_to_the_new_one(engine: Engine) {
    let (database, folder) = (
        engine.database_with_tables().await,
        tempfile::tempdir().unwrap(),
    );
    let office = Office::open(database.url(), folder.path()).await;
    office.apply("Web", 0).await;
    let changes = office.apply("German", 1).await;
    assert!(changes[0].contains("it rests until"), "{changes:?}");
    assert_eq!(office.apply("German", 2).await, Vec::<String>::new());
    let life = office.life(2).await;
    assert_eq!(life.row.number.state, NumberState::Quarantined);
    assert_eq!(
        life.row.pool.as_deref(),
        Some("German"),
        "there it goes afterwards"
    );
    assert_eq!(life.until, Some(office.begin + DAY * 8));
    assert_eq!(life.changes[0].calls, Some(0));

    assert_eq!(office.end_quarantines(7).await, 0);
    assert_eq!(office.end_quarantines(8).await, 1);
    assert_eq!(office.end_quarantines(9).await, 0);
    let life = office.life(9).await;
    assert_eq!(life.until, None);
    assert_eq!(
        told(&life),
        [
            (
                NumberState::Quarantined,
                "left the pool \"Web\" for the pool \"German\""
            ),
            (
                NumberState::Assigned,
                "its quarantine was over, and its pool waited for it"
            ),
        ]
    );
    assert_eq!(office.apply("German", 9).await, Vec::<String>::new());
    // The other pool says nothing of its own: 30 days.
    office.apply("", 10).await;
    assert_eq!(office.end_quarantines(39).await, 0);
    assert_eq!(office.end_quarantines(40).await, 1);
    assert_eq!(
        office.life(40).await.row.number.state,
        NumberState::Available
    );
}

async fn the_pool_that_it_left_takes_a_resting_number_back(engine: Engine) {
    let (database, folder) = (
        engine.database_with_tables().await,
        tempfile::tempdir().unwrap(),
    );
    let office = Office::open(database.url(), folder.path()).await;
    office.apply("Web", 0).await;
    office.apply("", 1).await;
    assert_eq!(
        office.life(1).await.row.number.state,
        NumberState::Quarantined
    );
    office.apply("Web", 2).await;
    let life = office.life(2).await;
    assert_eq!(life.row.number.state, NumberState::Assigned);
    assert_eq!(
        told(&life),
        [
            (NumberState::Quarantined, "left the pool \"Web\""),
            (
                NumberState::Assigned,
                "came back to the pool \"Web\", where it was before"
            ),
        ]
    );
    assert_eq!(office.end_quarantines(60).await, 0);
}
