//! Reports by choice are what the calls give, whether their days are sealed or not, whatever happens to calls.

use std::time::Duration;

use ringfence_model::{
    AccountId, Call, CallId, Disposition, Lead, Source, SourceKind, Split, Timestamp, Visit,
    VisitId, Worth,
};
use ringfence_store::{CallFilter, Db, Offsets, SealedDay, Write};

use crate::world::{Tenant, World, caller, draw_below as draw, execute, literal, on_both_engines};

on_both_engines! {
    every_split_of_a_month_is_what_its_calls_give_after_every_kind_of_change
    what_was_erased_is_in_no_part
    a_damaged_segment_is_read_from_its_calls_and_made_anew
    a_wrong_segment_is_found_and_made_anew
    a_day_with_a_call_whose_visit_is_not_there_is_read_call_by_call
    days_are_sealed_beside_those_who_change_their_calls
    days_to_seal_have_ended_and_are_due_again_after_a_change
}

const DAY: u64 = 86_400;
const QUARTER: i64 = 900_000_000;
/// After everything that happens here.
const LATER: u64 = 60 * DAY;

/// `seconds` after a midnight of UTC.
fn at(seconds: u64) -> Timestamp {
    crate::world::at(seconds + 8 * 3_600)
}

const NEVER: (Timestamp, i64) = (Timestamp::from_micros(i64::MIN), 0);

fn off(seconds: i64) -> Offsets {
    Offsets {
        until: [NEVER; 3],
        then: seconds * 1_000_000,
    }
}

fn index(world: &World, below: usize) -> usize {
    usize::try_from(draw(world, below as u64)).unwrap()
}

fn pick<T: Copy>(world: &World, of: &[T]) -> T {
    of[index(world, of.len())]
}

fn drawn_visit(world: &World, tenant: &Tenant, started_at: Timestamp) -> Visit {
    let sources = [
        (SourceKind::Paid, "Google Ads", Some("Spring")),
        (SourceKind::Search, "Google", None),
        (SourceKind::Mail, "", Some("")),
    ];
    let (kind, name, campaign) = pick(world, &sources);
    let pages = [
        "https://www.example.com/",
        "https://www.example.com/offer?a=1#b",
        "",
    ];
    Visit {
        landing_page: format!("{}?gclid={}", pick(world, &pages), draw(world, 99)),
        language: pick(world, &[None, Some("de"), Some("en-GB")]).map(str::to_owned),
        device: pick(world, &[None, Some("phone")]).map(str::to_owned),
        source: Source {
            kind,
            name: name.into(),
            campaign: campaign.map(str::to_owned),
            keyword: pick(world, &[None, Some("roof"), Some("Dach"), Some("")]).map(str::to_owned),
        },
        ..world.visit(tenant, started_at)
    }
}

/// A call with everything that a report can split by; most of them have ended.
async fn drawn_call(world: &World, tenant: &Tenant, started_at: Timestamp) -> Call {
    let mut writes = Vec::new();
    let mut call = Call {
        caller: Some(caller(u32::try_from(draw(world, 40)).unwrap())),
        ..world.call(tenant, started_at)
    };
    if draw(world, 3) > 0 {
        let visit = drawn_visit(world, tenant, started_at);
        call.visit = Some(visit.id);
        call.source = Some(visit.source.clone());
        writes.push(Write::Visit(Box::new(visit)));
    }
    writes.push(Write::CallBegun(Box::new(call.clone())));
    let disposition = Disposition::ALL[index(world, Disposition::ALL.len())];
    if disposition == Disposition::Answered {
        writes.push(Write::CallAnswered {
            account: call.account,
            call: call.id,
            at: started_at + Duration::from_secs(3),
            target: tenant.target.id,
            group: None,
            failed_over: false,
        });
    }
    if draw(world, 9) > 0 {
        writes.push(Write::CallEnded {
            account: call.account,
            call: call.id,
            at: started_at + Duration::from_secs(4 + draw(world, 6_000)),
            disposition,
            reason: None,
            failed_over: false,
        });
    }
    world.db.write(writes).await.unwrap();
    if draw(world, 4) == 0 {
        set_worth(world, &call).await;
    }
    call
}

async fn set_worth(world: &World, call: &Call) {
    let worth = Worth {
        lead: pick(world, &[None, Some(Lead::Qualified), Some(Lead::Converted)]),
        value: pick(world, &[None, Some(0), Some(9_500)]),
        tags: vec!["vip".into()],
        ..Worth::none(call.account, call.id, call.started_at)
    };
    world.db.set_worth(&worth).await.unwrap();
}

async fn month(world: &World, tenant: &Tenant) -> Vec<Call> {
    let mut calls = Vec::new();
    for day in 2..12 {
        // A day without calls among them.
        for _ in 0..if day == 6 { 0 } else { 12 } {
            let quarter = day * DAY + draw(world, 96) * 900;
            let beside = pick(world, &[0, 0, 1, draw(world, 900)]);
            calls.push(drawn_call(world, tenant, at(quarter + beside)).await);
        }
    }
    calls
}

/// Seals whatever is due; answers how many days.
async fn seal(db: &Db, account: AccountId) -> u64 {
    let mut sealed = 0;
    for (nth, day) in (1..).zip(db.days_to_seal(account, at(LATER)).await.unwrap()) {
        let done = db.seal_day(account, day, nth).await.unwrap();
        sealed += u64::from(matches!(done, SealedDay::Sealed(_)));
    }
    sealed
}

/// One report from segments and from calls.
async fn compare_one(
    world: &World,
    tenant: &Tenant,
    span: (Timestamp, Timestamp),
    split: (Split, Option<Split>),
    offsets: &Offsets,
    filter: &CallFilter,
) {
    let (db, account) = (&world.db, tenant.account);
    let own = db.split_calls(account, span, split, offsets, filter, 5_000);
    let mut own = own.await.unwrap();
    let counted = db.split_calls_one_by_one(account, span, split, offsets, filter, 5_000);
    let mut counted = counted.await.unwrap();
    for counts in [&mut own, &mut counted] {
        counts.sort_by(|one, other| (&one.one, &one.other).cmp(&(&other.one, &other.other)));
    }
    assert_eq!(own, counted, "{split:?} {span:?} {offsets:?} {filter:?}");
}

/// Every property with another, and some reports with filters, spans and clocks of all kinds.
async fn compare(world: &World, tenant: &Tenant) {
    let ever = (at(0), at(30 * DAY));
    let all = CallFilter::default();
    let turn = index(world, Split::ALL.len());
    for (nth, one) in Split::ALL.iter().enumerate() {
        let other = Split::ALL[(nth + turn) % Split::ALL.len()];
        compare_one(world, tenant, ever, (*one, Some(other)), &off(3_600), &all).await;
        compare_one(world, tenant, ever, (*one, None), &off(-12_600), &all).await;
    }
    for _ in 0..12 {
        let quarters = |below: u64| at(draw(world, 12 * 96) * 900 + below);
        let beside = pick(world, &[0, 0, 0, 1]);
        let (one, other) = (quarters(beside), quarters(0));
        let span = (one.min(other), one.max(other));
        let split = (
            pick(world, Split::ALL),
            pick(world, &[None, Some(pick(world, Split::ALL))]),
        );
        // Clocks that change in the middle: on a quarter of an hour, and as none does today.
        let middle = at(7 * DAY).as_micros() / QUARTER * QUARTER;
        let changes = |middle: i64| Offsets {
            until: [
                (Timestamp::from_micros(middle), 3_600_000_000),
                NEVER,
                NEVER,
            ],
            then: 7_200_000_000,
        };
        let offsets = [
            off(0),
            off(20_700),
            off(1_172),
            changes(middle),
            changes(middle + 1),
        ];
        let filter = CallFilter {
            disposition: pick(
                world,
                &[None, Some(Disposition::Answered), Some(Disposition::Missed)],
            ),
            source: pick(world, &[None, Some("Google Ads"), Some("nobody")]).map(str::to_owned),
            number: pick(world, &[None, Some(tenant.number.id)]),
            ..CallFilter::default()
        };
        let offsets = pick(world, &offsets);
        compare_one(world, tenant, span, split, &offsets, &filter).await;
    }
}

async fn check(db: &Db, account: AccountId) {
    let check = db.check_segments(account).await.unwrap();
    assert_eq!((check.differing, check.first), (0, None));
    assert!(check.days > 5);
}

async fn every_split_of_a_month_is_what_its_calls_give_after_every_kind_of_change(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let other = world.tenant(9).await;
    let calls = month(&world, &tenant).await;
    drawn_call(&world, &other, at(3 * DAY)).await;
    compare(&world, &tenant).await;
    assert_eq!(seal(db, tenant.account).await, 10);
    compare(&world, &tenant).await;
    check(db, tenant.account).await;
    assert_eq!(db.days_due(100).await.unwrap(), []);

    // Ended with the month: one more each of a late call, of what is said of one, and of what a journal does.
    drawn_call(&world, &tenant, at(4 * DAY + 1)).await;
    set_worth(&world, &calls[20]).await;
    compare(&world, &tenant).await;
    assert!(!db.days_due(100).await.unwrap().is_empty());
    seal(db, tenant.account).await;
    compare(&world, &tenant).await;

    let changes = [
        "UPDATE calls SET disposition = 'voicemail', ended_at = started_at + 5 WHERE id = $",
        "UPDATE calls SET source_name = 'example.com' WHERE id = $",
        "UPDATE calls SET source_kind = NULL, source_name = NULL WHERE id = $",
        "UPDATE calls SET campaign = 'Summer', keyword = 'tiles' WHERE id = $",
        "UPDATE calls SET started_at = started_at - 86400000001 WHERE id = $",
        "UPDATE calls SET started_at = started_at + 86400000000 WHERE id = $",
        "UPDATE calls SET answered_at = started_at, ended_at = started_at + 7, disposition = 'answered' WHERE id = $",
        "UPDATE calls SET ended_at = NULL, disposition = NULL WHERE id = $",
        "UPDATE calls SET target = NULL WHERE id = $",
        "UPDATE calls SET visit = NULL WHERE id = $",
        "UPDATE calls SET dialled = '+442079460555' WHERE id = $",
        "DELETE FROM call_worths WHERE call = $",
        "UPDATE call_worths SET lead = 'qualified', value = 7 WHERE call = $",
        "UPDATE visits SET landing_page = 'https://www.example.com/moved' WHERE id IN (SELECT visit FROM calls WHERE id = $)",
        "UPDATE visits SET language = 'fr', device = NULL WHERE id IN (SELECT visit FROM calls WHERE id = $)",
        "DELETE FROM visits WHERE id IN (SELECT visit FROM calls WHERE id = $)",
        "UPDATE targets SET name = 'Renamed'",
    ];
    for (nth, change) in changes.iter().enumerate() {
        for call in calls.iter().skip(nth).step_by(19) {
            let sql = change.replace('$', &literal(&world, call.id));
            execute(&world, &sql).await;
        }
        compare(&world, &tenant).await;
        seal(db, tenant.account).await;
        compare(&world, &tenant).await;
    }
    check(db, tenant.account).await;
    for day in db.segment_days(tenant.account).await.unwrap() {
        db.seal_day(tenant.account, day, 77).await.unwrap();
    }
    compare(&world, &tenant).await;
    compare(&world, &other).await;
}

/// Whether any part of any day holds these octets.
async fn parts_with(world: &World, text: &str) -> bool {
    let octets: Vec<String> = text.bytes().map(|octet| format!("{octet:02x}")).collect();
    let hex = octets.concat();
    let sql = if world.database.url().starts_with("sqlite:") {
        format!("SELECT COUNT(*) FROM call_segment_parts WHERE instr(data, x'{hex}') > 0")
    } else {
        format!(
            "SELECT COUNT(*) FROM call_segment_parts WHERE position('\\x{hex}'::bytea IN data) > 0"
        )
    };
    crate::world::count(world, &sql).await > 0
}

async fn what_was_erased_is_in_no_part(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let told = async |second: u64, word: &str| {
        let mut visit = world.visit(&tenant, at(second));
        visit.landing_page = format!("https://www.example.com/{word}?x=1");
        let mut call = world.call(&tenant, at(second));
        call.visit = Some(visit.id);
        call.source = Some(Source {
            keyword: Some(format!("key-{word}")),
            ..visit.source.clone()
        });
        let ended = Write::CallEnded {
            account: call.account,
            call: call.id,
            at: at(second + 9),
            disposition: Disposition::Missed,
            reason: None,
            failed_over: false,
        };
        let begun = Write::CallBegun(Box::new(call.clone()));
        let writes = vec![Write::Visit(Box::new(visit.clone())), begun, ended];
        world.db.write(writes).await.unwrap();
        (call, visit)
    };
    let (call, _) = told(2 * DAY, "aardvark").await;
    let (_, visit) = told(2 * DAY + 50, "bumblebee").await;
    let (aged, _) = told(2 * DAY + 90, "crocodile").await;
    told(2 * DAY + 4_000, "dragonfly").await;
    assert_eq!(seal(db, tenant.account).await, 1);
    for word in ["aardvark", "key-bumblebee", "crocodile", "dragonfly"] {
        assert!(parts_with(&world, word).await, "{word}");
    }
    let now = at(LATER);
    let account = tenant.account;
    // No part is left at all until the day is sealed again.
    let gone = async |word: &str| {
        assert!(!parts_with(&world, "dragonfly").await, "{word}");
        assert_eq!(seal(db, account).await, 1);
        assert!(parts_with(&world, "dragonfly").await);
        assert!(!parts_with(&world, word).await, "{word}");
        compare(&world, &tenant).await;
    };
    assert_eq!(db.erase_calls(account, &[call.id], now).await.unwrap(), 1);
    gone("aardvark").await;
    let erased = db.erase_visits_asked(account, &[visit.id], now).await;
    assert_eq!(erased.unwrap(), 1);
    assert!(!parts_with(&world, "/bumblebee").await);
    // The call is not erased with its visit, so its own keyword stays.
    gone("/bumblebee").await;
    assert!(parts_with(&world, "key-bumblebee").await);
    let span = (aged.started_at, aged.started_at + Duration::from_secs(1));
    let kind = ringfence_store::Aged::Calls;
    db.erase_aged(account, kind, span, now, 100).await.unwrap();
    gone("crocodile").await;
}

async fn a_damaged_segment_is_read_from_its_calls_and_made_anew(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    month(&world, &tenant).await;
    seal(db, tenant.account).await;
    let day = at(4 * DAY).as_micros() / 86_400_000_000;
    for damage in [
        format!("UPDATE call_segment_parts SET data = substr(data, 2) WHERE day = {day}"),
        format!("DELETE FROM call_segment_parts WHERE day = {day} AND part <> 1"),
        format!("DELETE FROM call_segment_parts WHERE day = {day}"),
    ] {
        execute(&world, &damage).await;
        compare(&world, &tenant).await;
        // A report of a damaged part makes the day due.
        assert_eq!(db.days_due(9).await.unwrap(), [(tenant.account, day)]);
        assert_eq!(seal(db, tenant.account).await, 1);
        check(db, tenant.account).await;
    }
}

async fn a_wrong_segment_is_found_and_made_anew(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    month(&world, &tenant).await;
    seal(db, tenant.account).await;
    let day = at(4 * DAY).as_micros() / 86_400_000_000;
    let other = day + 1;
    let copy = format!(
        "UPDATE call_segment_parts SET data = (SELECT data FROM call_segment_parts AS others \
         WHERE others.day = {other} AND others.part = call_segment_parts.part) WHERE day = {day}"
    );
    execute(&world, &copy).await;
    let check = db.check_segments(tenant.account).await.unwrap();
    assert_eq!(check.differing, 1);
    assert_eq!(
        check.first,
        Some(Timestamp::from_micros(day * 86_400_000_000))
    );
    db.seal_day(tenant.account, day, 5).await.unwrap();
    let check = db.check_segments(tenant.account).await.unwrap();
    assert_eq!((check.days, check.differing), (10, 0));
}

async fn a_day_with_a_call_whose_visit_is_not_there_is_read_call_by_call(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let mut call = world.call(&tenant, at(2 * DAY));
    call.visit = Some(VisitId::new(at(1), world.draw()));
    let begun = vec![Write::CallBegun(Box::new(call.clone()))];
    db.write(begun).await.unwrap();
    let days = db.days_to_seal(tenant.account, at(LATER)).await.unwrap();
    let sealed = db.seal_day(tenant.account, days[0], 1).await.unwrap();
    assert_eq!(sealed, SealedDay::Apart);
    assert_eq!(
        db.days_to_seal(tenant.account, at(LATER)).await.unwrap(),
        [0; 0]
    );
    let visit = Visit {
        id: call.visit.unwrap(),
        ..world.visit(&tenant, at(1))
    };
    world.write_visit(&visit).await;
    compare(&world, &tenant).await;
    // A change of it has it looked at again.
    set_worth(&world, &call).await;
    execute(
        &world,
        &format!(
            "UPDATE calls SET keyword = 'x' WHERE id = {}",
            literal(&world, call.id)
        ),
    )
    .await;
    assert_eq!(seal(db, tenant.account).await, 1);
    compare(&world, &tenant).await;
}

async fn days_are_sealed_beside_those_who_change_their_calls(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let calls = month(&world, &tenant).await;
    let account = tenant.account;
    let second = Db::open(world.database.url()).await.unwrap();
    let ids: Vec<CallId> = calls.iter().map(|call| call.id).collect();
    let change = async |db: &Db, from: usize| {
        for nth in (from..ids.len()).step_by(2) {
            let worth = Worth {
                value: Some(i64::try_from(nth).unwrap()),
                ..Worth::none(account, ids[nth], calls[nth].started_at)
            };
            db.set_worth(&worth).await.unwrap();
        }
    };
    let sealing = async |db: &Db, seal: i64| {
        for _ in 0..6 {
            for day in db.days_to_seal(account, at(LATER)).await.unwrap() {
                db.seal_day(account, day, seal).await.unwrap();
            }
        }
    };
    tokio::join!(
        change(db, 0),
        change(&second, 1),
        sealing(db, 1),
        sealing(&second, 2)
    );
    seal(db, account).await;
    let check = db.check_segments(account).await.unwrap();
    assert_eq!((check.days, check.differing), (10, 0));
    compare(&world, &tenant).await;
    second.close().await;
}

async fn days_to_seal_have_ended_and_are_due_again_after_a_change(world: World) {
    let (db, tenant) = (&world.db, world.tenant(1).await);
    let account = tenant.account;
    assert_eq!(db.days_to_seal(account, at(LATER)).await.unwrap(), [0; 0]);
    let call = drawn_call(&world, &tenant, at(2 * DAY)).await;
    let day = call.started_at.as_micros() / 86_400_000_000;
    let midnight = Timestamp::from_micros((day + 1) * 86_400_000_000);
    let before = midnight - Duration::from_micros(1);
    assert_eq!(db.days_to_seal(account, before).await.unwrap(), [0; 0]);
    assert_eq!(db.days_to_seal(account, midnight).await.unwrap(), [day]);
    let sealed = db.seal_day(account, day, 1).await.unwrap();
    assert_eq!(sealed, SealedDay::Sealed(1));
    assert_eq!(db.days_to_seal(account, midnight).await.unwrap(), [0; 0]);
    // Nothing that a segment is made of.
    execute(
        &world,
        &format!(
            "UPDATE calls SET reason = 'x' WHERE id = {}",
            literal(&world, call.id)
        ),
    )
    .await;
    assert_eq!(db.days_to_seal(account, midnight).await.unwrap(), [0; 0]);
    drawn_call(&world, &tenant, at(2 * DAY + 1)).await;
    assert_eq!(db.days_to_seal(account, midnight).await.unwrap(), [day]);
    assert_eq!(db.days_due(5).await.unwrap(), [(account, day)]);
}
