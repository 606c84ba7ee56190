//! Carriers whose numbers are ordered here, with a server that speaks Twilio's and Telnyx' documented shapes over real
//! connections, and that fails as they do: too many requests, lost answers, numbers that are gone.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod exchange;

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{
    Account, Carrier, E164, NumberOrder, NumberOrderKind, NumberOrderState, NumberState, Timestamp,
};
use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::carriers::{
    CarrierError, CarrierUrls, NewCarrier, NewOrders, OfferKind, Search,
};
use ringfence_platform::{Keys, Platform, Settings, now};
use ringfence_store::Db;
use ringfence_testing::{Engine, TestDatabase, on_both_engines};
use tempfile::TempDir;

use exchange::{Exchange, Fault, There};

on_both_engines!(
    a_number_is_found_ordered_put_on_the_trunk_and_given_back,
    an_answer_that_is_lost_buys_nothing_twice,
    an_order_that_the_carrier_is_about_waits_for_it,
    a_carrier_that_was_asked_too_often_is_left_alone_as_long_as_it_says,
    a_number_that_is_gone_is_told_in_the_carriers_words,
    two_orders_never_take_one_number,
    what_differs_there_and_here_is_shown_and_brought_in_when_wished,
    credentials_are_tried_and_kept_sealed,
    a_carrier_that_is_removed_ends_its_orders,
);

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const TRUNK: &str = "TK0123456789abcdef0123456789abcdef";
const TOKEN: &str = "open-sesame";

struct Office {
    platform: Arc<Platform>,
    account: Account,
    exchange: Exchange,
    _folder: TempDir,
    _database: TestDatabase,
}

impl Office {
    async fn open(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = engine.database_with_tables().await;
        let db = Db::open(database.url()).await.unwrap();
        db.migrate().await.unwrap();
        let exchange = Exchange::default();
        let url = exchange.open().await;
        let settings = Settings {
            recordings_folder: folder.path().into(),
            record_calls: false,
            public_url: "https://calls.example.com".into(),
            trusted_proxies: Vec::new(),
            number_requests_per_minute: 0,
            late_call_window: Duration::from_mins(10),
            carriers: CarrierUrls {
                twilio: url.clone(),
                telnyx: url,
            },
            conversions: ringfence_platform::conversions::ConversionUrls::default(),
            mail: None,
            fence: ringfence_platform::fence::FenceSettings::default(),
        };
        let outbound = Outbound::new(OutboundPolicy {
            allow_private: true,
            ..OutboundPolicy::default()
        });
        let platform = Platform::beside(db, outbound, settings, Keys::from_master(&[7; 32]));
        let account = platform.add_account("A", "GB", "UTC", now()).await.unwrap();
        Self {
            platform,
            account,
            exchange,
            _folder: folder,
            _database: database,
        }
    }

    async fn twilio(&self) -> Carrier {
        let new = NewCarrier {
            kind: "twilio".into(),
            user: SID.into(),
            secret: TOKEN.into(),
            trunk: TRUNK.into(),
            ..NewCarrier::default()
        };
        let added = self.platform.add_carrier(self.account.id, &new, now());
        added.await.unwrap()
    }

    async fn telnyx(&self) -> Carrier {
        let new = NewCarrier {
            kind: "telnyx".into(),
            name: "Overseas".into(),
            secret: TOKEN.into(),
            trunk: "4711".into(),
            ..NewCarrier::default()
        };
        let added = self.platform.add_carrier(self.account.id, &new, now());
        added.await.unwrap()
    }

    async fn order(
        &self,
        carrier: &Carrier,
        e164: &str,
        at: Timestamp,
    ) -> Result<(), CarrierError> {
        let new = NewOrders {
            numbers: vec![number(e164)],
            ..NewOrders::default()
        };
        let placed = self
            .platform
            .order_numbers(&self.account, carrier.id, &new, at);
        placed.await
    }

    async fn carry_out(&self, at: Timestamp) {
        self.platform.carry_out_due_orders(at).await.unwrap();
    }

    /// The newest order.
    async fn last(&self, carrier: &Carrier) -> NumberOrder {
        let orders = self.platform.number_orders(self.account.id, carrier.id);
        orders.await.unwrap().remove(0)
    }

    /// The account's numbers that it has still.
    async fn numbers(&self) -> Vec<String> {
        let all = self.platform.own_numbers(self.account.id).await.unwrap();
        let live = all
            .into_iter()
            .filter(|number| number.state != NumberState::Released);
        live.map(|number| number.e164.as_str().to_owned()).collect()
    }
}

fn number(e164: &str) -> E164 {
    e164.parse().unwrap()
}

async fn a_number_is_found_ordered_put_on_the_trunk_and_given_back(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let search = Search {
        country: "GB".into(),
        kind: OfferKind::Local,
        digits: "7946".into(),
    };
    let found = office
        .platform
        .search_numbers(office.account.id, carrier.id, &search);
    let found = found.await.unwrap();
    let [first, second] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        (first.e164.as_str(), first.place.as_str()),
        ("+442079460310", "London, England")
    );
    assert_eq!(first.needs, None);
    assert!(
        second
            .needs
            .as_deref()
            .unwrap()
            .contains("address in its area")
    );

    let at = now();
    office.order(&carrier, "+442079460310", at).await.unwrap();
    assert_eq!(office.last(&carrier).await.state, NumberOrderState::Open);
    office.carry_out(at).await;
    let order = office.last(&carrier).await;
    assert_eq!((order.state, order.said), (NumberOrderState::Done, None));
    assert_eq!(office.numbers().await, ["+442079460310"]);
    let trunk = office.exchange.0.lock().held["+442079460310"].trunk.clone();
    assert_eq!(trunk.as_deref(), Some(TRUNK));

    // Later than the order, so that it is the newest.
    let at = at + Duration::from_secs(1);
    let given = number("+442079460310");
    let given = office
        .platform
        .give_back_number(office.account.id, carrier.id, &given, at);
    given.await.unwrap();
    office.carry_out(at).await;
    let order = office.last(&carrier).await;
    assert_eq!(
        (order.kind, order.state),
        (NumberOrderKind::GiveBack, NumberOrderState::Done)
    );
    assert!(office.exchange.0.lock().held.is_empty());
    assert!(office.numbers().await.is_empty());
}

async fn an_answer_that_is_lost_buys_nothing_twice(engine: Engine) {
    let office = Office::open(engine).await;
    let at = now();
    let twilio = office.twilio().await;
    office.order(&twilio, "+442079460320", at).await.unwrap();
    // The number is looked for; then it is ordered, and the answer to that is lost.
    office.exchange.fails(Fault::None);
    office.exchange.fails(Fault::Lost);
    office.carry_out(at).await;
    let order = office.last(&twilio).await;
    assert_eq!(order.state, NumberOrderState::Open);
    assert_eq!(office.exchange.0.lock().bought, 1);
    office.carry_out(order.next_at).await;
    assert_eq!(office.last(&twilio).await.state, NumberOrderState::Done);
    assert_eq!(office.exchange.0.lock().bought, 1);

    // Telnyx says only later that it has the number; the order itself is found before.
    let telnyx = office.telnyx().await;
    office.exchange.0.lock().slow = true;
    office.order(&telnyx, "+12125550142", at).await.unwrap();
    office.exchange.fails(Fault::None);
    office.exchange.fails(Fault::None);
    office.exchange.fails(Fault::Lost);
    office.carry_out(at).await;
    for _ in 0..2 {
        let order = office.last(&telnyx).await;
        assert_eq!(order.state, NumberOrderState::Open);
        office.carry_out(order.next_at).await;
    }
    assert_eq!(office.exchange.0.lock().bought, 2);
}

async fn an_order_that_the_carrier_is_about_waits_for_it(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.telnyx().await;
    office.exchange.0.lock().slow = true;
    let at = now();
    office.order(&carrier, "+12125550142", at).await.unwrap();
    office.carry_out(at).await;
    for _ in 0..2 {
        let order = office.last(&carrier).await;
        assert_eq!(order.state, NumberOrderState::Open);
        assert_eq!(order.said.as_deref(), Some("The carrier is about it."));
        assert!(office.numbers().await.is_empty());
        office.carry_out(order.next_at).await;
    }
    {
        let mut desk = office.exchange.0.lock();
        assert_eq!(
            desk.bought, 1,
            "it is ordered once, however often it is looked for"
        );
        let there = There {
            id: "1001".into(),
            trunk: None,
            active: true,
        };
        desk.held.insert("+12125550142".into(), there);
    }
    let order = office.last(&carrier).await;
    office.carry_out(order.next_at).await;
    assert_eq!(office.last(&carrier).await.state, NumberOrderState::Done);
    assert_eq!(office.numbers().await, ["+12125550142"]);
    let trunk = office.exchange.0.lock().held["+12125550142"].trunk.clone();
    assert_eq!(
        trunk.as_deref(),
        Some("4711"),
        "it was put on our connection"
    );
}

async fn a_carrier_that_was_asked_too_often_is_left_alone_as_long_as_it_says(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let at = now();
    office.order(&carrier, "+442079460330", at).await.unwrap();
    office.exchange.fails(Fault::Status(429, Some(90)));
    office.carry_out(at).await;
    let order = office.last(&carrier).await;
    assert_eq!(order.state, NumberOrderState::Open);
    assert!(order.said.unwrap().contains("asked too often"));
    assert_eq!(order.next_at, at + Duration::from_secs(90));
    let asked = office.exchange.0.lock().asked.len();
    office.carry_out(at + Duration::from_secs(89)).await;
    assert_eq!(
        office.exchange.0.lock().asked.len(),
        asked,
        "nobody asks before"
    );
    office.carry_out(at + Duration::from_secs(90)).await;
    assert_eq!(office.last(&carrier).await.state, NumberOrderState::Done);
}

async fn a_number_that_is_gone_is_told_in_the_carriers_words(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let at = now();
    office.order(&carrier, "+442079460999", at).await.unwrap();
    office.carry_out(at).await;
    let order = office.last(&carrier).await;
    assert_eq!(order.state, NumberOrderState::Failed);
    let said = order.said.unwrap();
    assert!(
        said.contains("not available") && said.contains("21422"),
        "{said}"
    );
    assert!(office.numbers().await.is_empty());
    office.order(&carrier, "+442079460999", at).await.unwrap();
}

async fn two_orders_never_take_one_number(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let at = now();
    office.order(&carrier, "+442079460340", at).await.unwrap();
    let error = office
        .order(&carrier, "+442079460340", at)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("open already"), "{error}");
    let (one, two) = tokio::join!(office.carry_out(at), office.carry_out(at));
    assert_eq!((one, two), ((), ()));
    assert_eq!(office.exchange.0.lock().bought, 1);
    assert_eq!(office.numbers().await, ["+442079460340"]);
    let error = office
        .order(&carrier, "+442079460340", at)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("this account already"),
        "{error}"
    );
}

async fn what_differs_there_and_here_is_shown_and_brought_in_when_wished(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let at = now();
    office.order(&carrier, "+442079460350", at).await.unwrap();
    office.order(&carrier, "+442079460351", at).await.unwrap();
    office.carry_out(at).await;
    for (last, trunk) in [(352, None), (353, Some(TRUNK)), (354, Some(TRUNK))] {
        office.exchange.has(&format!("+442079460{last}"), trunk);
    }
    {
        let mut desk = office.exchange.0.lock();
        desk.held.remove("+442079460350");
        desk.held.get_mut("+442079460351").unwrap().trunk = None;
    }
    let found = office
        .platform
        .carrier_differences(office.account.id, carrier.id);
    let found = found.await.unwrap();
    let there: Vec<&str> = found
        .only_there
        .iter()
        .map(|held| held.e164.as_str())
        .collect();
    assert_eq!(there, ["+442079460352", "+442079460353", "+442079460354"]);
    let here: Vec<&str> = found
        .only_here
        .iter()
        .map(|number| number.e164.as_str())
        .collect();
    assert_eq!(here, ["+442079460350"]);
    let other: Vec<&str> = found
        .other_trunk
        .iter()
        .map(|held| held.e164.as_str())
        .collect();
    assert_eq!(other, ["+442079460351"]);
    assert_eq!((found.same, found.cut), (0, false));

    let bought = office.exchange.0.lock().bought;
    let at = at + Duration::from_secs(1);
    office.order(&carrier, "+442079460352", at).await.unwrap();
    office.carry_out(at).await;
    assert_eq!(office.last(&carrier).await.state, NumberOrderState::Done);
    assert!(office.numbers().await.contains(&"+442079460352".to_owned()));
    let desk = office.exchange.0.lock();
    assert_eq!(
        desk.bought, bought,
        "what is the account's at the carrier is not bought again"
    );
    assert_eq!(desk.held["+442079460352"].trunk.as_deref(), Some(TRUNK));
}

async fn credentials_are_tried_and_kept_sealed(engine: Engine) {
    let office = Office::open(engine).await;
    let wrong = NewCarrier {
        kind: "twilio".into(),
        user: SID.into(),
        secret: "another".into(),
        ..NewCarrier::default()
    };
    let refused = office
        .platform
        .add_carrier(office.account.id, &wrong, now())
        .await;
    let Err(CarrierError::Problems(problems)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(problems[0].field, "secret");
    assert!(problems[0].text.contains("401"), "{problems:?}");
    assert!(
        office
            .platform
            .carriers(office.account.id)
            .await
            .unwrap()
            .is_empty()
    );
    let carrier = office.twilio().await;
    let octets = TOKEN.as_bytes();
    assert!(
        !carrier
            .secret
            .windows(octets.len())
            .any(|part| part == octets)
    );
    // Another account's carrier is nobody's here.
    let other = office
        .platform
        .add_account("B", "GB", "UTC", now())
        .await
        .unwrap();
    let strange = office.platform.carrier(other.id, carrier.id).await;
    assert!(matches!(strange, Err(CarrierError::NotFound)));
}

async fn a_carrier_that_is_removed_ends_its_orders(engine: Engine) {
    let office = Office::open(engine).await;
    let carrier = office.twilio().await;
    let at = now();
    office.order(&carrier, "+442079460360", at).await.unwrap();
    let removed = office
        .platform
        .remove_carrier(office.account.id, carrier.id, at);
    removed.await.unwrap();
    let order = office.last(&carrier).await;
    assert_eq!(order.state, NumberOrderState::Failed);
    assert!(order.said.unwrap().contains("removed here"));
    office.carry_out(at).await;
    assert_eq!(office.exchange.0.lock().bought, 0);
}
