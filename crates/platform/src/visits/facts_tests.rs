//! What another program changes is seen; what nobody changed is not read again.

use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase, on_both_engines};

use super::*;
use crate::fence::FenceSettings;
use crate::{Keys, Settings, random};

on_both_engines!(
    pools_are_made_again_when_a_row_they_were_made_of_changed,
    a_fixed_number_that_is_given_back_is_shown_no_more,
);

/// A site that draws from a pool of two numbers, and another program over the same rows.
struct Place {
    platform: Arc<Platform>,
    other: Db,
    site: Site,
    pool: Pool,
    numbers: Vec<TrackingNumber>,
    now: Timestamp,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

impl Place {
    async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let settings = Settings {
            recordings_folder: folder.path().into(),
            record_calls: false,
            public_url: "https://calls.example.com".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_mins(10),
            carriers: crate::carriers::CarrierUrls::default(),
            conversions: crate::conversions::ConversionUrls::default(),
            mail: None,
            fence: FenceSettings::default(),
        };
        let db = Db::open(database.url()).await.unwrap();
        let outbound = Outbound::new(OutboundPolicy::default());
        let keys = Keys::from_master(&[7; 32]);
        let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
        let now = crate::now();
        let account = platform.add_account("A", "GB", "UTC", now).await.unwrap();
        let other = Db::open(database.url()).await.unwrap();
        let pool = Pool {
            id: PoolId::new(now, random()),
            account: account.id,
            name: "Main".into(),
            hold: Duration::from_mins(30),
            overflow: None,
            quarantine: Duration::from_hours(24),
        };
        other.add_pool(&pool).await.unwrap();
        let numbers = (1..=2).map(|n| number(&pool, n, now)).collect::<Vec<_>>();
        other.add_numbers(numbers.clone()).await.unwrap();
        let site = platform.add_site(account.id, "Main", Vec::new(), Some(pool.id), now);
        Self {
            site: site.await.unwrap(),
            platform,
            other,
            pool,
            numbers,
            now,
            _folder: folder,
            _database: database,
        }
    }

    /// What is known when the time has come to look again.
    async fn later(&mut self) -> Arc<SiteFacts> {
        self.now = self.now + FRESH_FOR;
        let facts = self.platform.site_facts(&self.site.key, self.now).await;
        facts.unwrap().unwrap()
    }
}

fn number(pool: &Pool, n: u32, now: Timestamp) -> TrackingNumber {
    TrackingNumber {
        id: NumberId::new(now, random()),
        account: pool.account,
        e164: format!("+44207946{n:04}").parse().unwrap(),
        label: String::new(),
        state: NumberState::Available,
        pool: Some(pool.id),
        plan: None,
        created_at: now,
    }
}

fn shown(facts: &Arc<SiteFacts>) -> Vec<String> {
    let pools = facts.pools();
    let numbers = pools.flat_map(|pool| pool.numbers.values().chain(&pool.overflow));
    let mut digits: Vec<String> = numbers.map(|shown| shown.e164.to_string()).collect();
    digits.sort();
    digits
}

async fn pools_are_made_again_when_a_row_they_were_made_of_changed(engine: Engine) {
    let mut place = Place::open(engine).await;
    let first = place.later().await;
    assert_eq!(shown(&first), ["+442079460001", "+442079460002"]);
    let second = place.later().await;
    assert!(!Arc::ptr_eq(&first, &second), "it was looked at again");
    assert!(Arc::ptr_eq(&first.pools, &second.pools));

    let added = number(&place.pool, 3, place.now);
    place.other.add_numbers(vec![added.clone()]).await.unwrap();
    assert_eq!(shown(&place.later().await).len(), 3);
    let gone = TrackingNumber {
        state: NumberState::Quarantined,
        pool: None,
        ..place.numbers[0].clone()
    };
    place.other.update_number(&gone).await.unwrap();
    assert_eq!(
        shown(&place.later().await),
        ["+442079460002", "+442079460003"]
    );

    place.pool.hold = Duration::from_mins(5);
    place.other.update_pool(&place.pool).await.unwrap();
    let facts = place.later().await;
    let holds: Vec<Duration> = facts.pools().map(|pool| pool.hold).collect();
    assert_eq!(holds, [Duration::from_mins(5)]);
    assert!(Arc::ptr_eq(&facts.pools, &place.later().await.pools));
}

async fn a_fixed_number_that_is_given_back_is_shown_no_more(engine: Engine) {
    let mut place = Place::open(engine).await;
    let rule = PoolRule {
        account: place.pool.account,
        site: place.site.id,
        wish: PoolWish::default(),
        pool: place.pool.id,
        number: Some(place.numbers[0].id),
    };
    place.later().await;
    let rules = [rule];
    let set = place
        .other
        .set_pool_rules(place.pool.account, place.site.id, &rules);
    set.await.unwrap();
    let facts = place.later().await;
    assert_eq!(facts.pools().filter(|pool| pool.fixed).count(), 1);
    let released = TrackingNumber {
        state: NumberState::Released,
        pool: None,
        ..place.numbers[0].clone()
    };
    place.other.update_number(&released).await.unwrap();
    let facts = place.later().await;
    assert_eq!(facts.pools().filter(|pool| pool.fixed).count(), 0);
    assert_eq!(shown(&facts), ["+442079460002"]);
}
