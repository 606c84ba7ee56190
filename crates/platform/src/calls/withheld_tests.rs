//! Which calls are stopped, from rows.

use ringfence_model::{
    AccountId, Duration, E164, NumberId, NumberState, Role, Timestamp, TrackingNumber,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_store::Db;
use ringfence_testing::{Engine, on_both_engines};

use super::*;
use crate::fence::FenceSettings;
use crate::{Keys, Settings, random};

on_both_engines!(a_frozen_account_takes_no_call_at_any_number);

fn number(account: AccountId, now: Timestamp) -> TrackingNumber {
    let e164: E164 = "+442079460001".parse().unwrap();
    TrackingNumber {
        id: NumberId::new(now, random()),
        account,
        e164,
        label: "Van".into(),
        state: NumberState::Assigned,
        pool: None,
        plan: None,
        created_at: now,
    }
}

async fn a_frozen_account_takes_no_call_at_any_number(engine: Engine) {
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
        carriers: crate::carriers::CarrierUrls::default(),
        conversions: crate::conversions::ConversionUrls::default(),
        mail: None,
        fence: FenceSettings {
            two_people: false,
            ..FenceSettings::default()
        },
    };
    let (outbound, keys) = (
        Outbound::new(OutboundPolicy::default()),
        Keys::from_master(&[7; 32]),
    );
    let platform = Platform::start(db, outbound, settings, keys).await.unwrap();
    let now = crate::now();
    let account = platform.add_account("A", "GB", "UTC", now).await.unwrap();
    let operator = platform.add_user(
        account.id,
        "op@example.com",
        "Op",
        Role::Owner,
        "correct horse",
        now,
    );
    let operator = operator.await.unwrap();
    let added = platform.db.add_operator(account.id, operator.id, now);
    added.await.unwrap();
    let site = platform.add_site(account.id, "Main", Vec::new(), None, now);
    let site = site.await.unwrap();
    // No site shows it: a hold of a site leaves it alone.
    let number = number(account.id, now);
    platform.db.add_numbers(vec![number.clone()]).await.unwrap();
    let case = platform.hold_site(account.id, site.id, "a complaint", operator.id, now);
    let case = case.await.unwrap();
    let withheld = async || Withheld::of_number(&platform.db, &number).await.unwrap();
    assert_eq!(withheld().await, Withheld::No);
    platform.confirm_case(case, &operator, now).await.unwrap();
    platform.freeze_account(case, &operator, now).await.unwrap();
    assert_eq!(withheld().await, Withheld::Account);
    platform.release_case(case, &operator, now).await.unwrap();
    assert_eq!(withheld().await, Withheld::No);
}
