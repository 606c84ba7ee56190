//! A plan decides about real calls: the schedule is asked, the match is asked, and who speaks the visitor's language rings first.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::Duration;

use ringfence_model::{
    CallEventKind, Disposition, Lease, LeaseId, Source, SourceKind, Utm, Visit, VisitId, VisitorId,
};
use ringfence_platform::now;
use ringfence_softphone::{CallRequest, CallResult, Softphone, SoftphoneConfig};
use ringfence_store::{CallFilter, Db, Write};
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

on_both_engines!(who_speaks_the_visitors_language_is_rung_and_a_closed_plan_refuses);

const OPEN: &str = "mon = [\"00:00-24:00\"], tue = [\"00:00-24:00\"], wed = [\"00:00-24:00\"], thu = [\"00:00-24:00\"], \
    fri = [\"00:00-24:00\"], sat = [\"00:00-24:00\"], sun = [\"00:00-24:00\"]";

fn arrangement(english: &str, german: &str) -> String {
    let plan = |name: &str, week: &str| {
        format!(
            "[[plan]]\nname = \"{name}\"\nstart = \"hours\"\n\
             [plan.steps.hours.schedule]\nopen = \"who\"\notherwise = \"closed\"\n\
             [plan.steps.hours.schedule.hours]\nzone = \"Europe/London\"\nweek = {{ {week} }}\n\
             [plan.steps.who.match]\notherwise = \"closed\"\n\
             [[plan.steps.who.match.cases]]\nstep = \"sales\"\nwhen = {{ caller = [\"+441632*\"] }}\n\
             [plan.steps.sales.ring]\ngroup = \"Sales\"\n\
             [plan.steps.closed.reject]\ncode = 480\n"
        )
    };
    format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[target]]\nname = \"Ann\"\nuri = \"{english}\"\nlanguages = [\"en\"]\n\
         [[target]]\nname = \"Bernd\"\nuri = \"{german}\"\nlanguages = [\"de\"]\n\
         [[group]]\nname = \"Sales\"\ntargets = [\"Ann\", \"Bernd\"]\n{}{}\
         [[pool]]\nname = \"Web\"\n\
         [[number]]\ne164 = \"+442079460001\"\npool = \"Web\"\nplan = \"Open\"\n\
         [[number]]\ne164 = \"+442079460002\"\nplan = \"Open\"\n\
         [[number]]\ne164 = \"+442079460003\"\nplan = \"Shut\"\n\
         [[site]]\nname = \"Example\"\nhosts = [\"www.example.com\"]\npool = \"Web\"\n",
        plan("Open", OPEN),
        plan("Shut", "")
    )
}

/// A browser that speaks German was shown the first number.
async fn a_german_visitor(db: &Db) {
    let account = db.first_account().await.unwrap().unwrap().id;
    let site = db.sites(account).await.unwrap().remove(0);
    let pool = db.pools(account).await.unwrap().remove(0).id;
    let numbers = db.numbers(account).await.unwrap();
    let number = numbers
        .into_iter()
        .find(|number| number.pool.is_some())
        .unwrap();
    let at = now();
    let visit = Visit {
        id: VisitId::new(at, 1),
        account,
        site: site.id,
        visitor: VisitorId::new(at, 1),
        started_at: at,
        seen_at: at,
        landing_page: "https://www.example.com/".into(),
        referrer: None,
        source: Source {
            kind: SourceKind::Direct,
            name: "Direct".into(),
            campaign: None,
            keyword: None,
        },
        utm: Utm::default(),
        click_id: None,
        language: Some("de-AT".into()),
        device: None,
        address_prefix: None,
    };
    let lease = Lease {
        id: LeaseId::new(at, 1),
        account,
        pool,
        number: number.id,
        e164: number.e164,
        visit: visit.id,
        started_at: at,
        expires_at: at + Duration::from_mins(30),
        overflow: false,
    };
    db.write(vec![
        Write::Visit(Box::new(visit)),
        Write::Lease(Box::new(lease)),
    ])
    .await
    .unwrap();
}

async fn who_speaks_the_visitors_language_is_rung_and_a_closed_plan_refuses(engine: Engine) {
    let english = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let german = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let world = World::new(engine.database_with_tables().await);
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let done = |arguments: &[&str]| {
        let (code, out, said) = run(&[arguments, &["--config", config]].concat(), folder);
        (code, out + &said)
    };
    let (code, said) = done(&["user", "add", "--email", "owner@example.com"]);
    assert_eq!(code, Some(0), "{said}");
    let file = folder.join("arrangement.toml");
    let text = arrangement(&english.uri(), &german.uri());
    // What calls do not do yet is refused by its step and field, and nothing is changed.
    std::fs::write(
        &file,
        text.replace(
            "[plan.steps.sales.ring]\n",
            "[plan.steps.sales.queue]\ncall_back_key = \"1\"\nlongest_wait = 60\nlength = 5\n",
        ),
    )
    .unwrap();
    let (code, said) = done(&["apply", file.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("step \"sales\": `queue.call_back_key`"),
        "{said}"
    );
    std::fs::write(&file, text).unwrap();
    let (code, said) = done(&["apply", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");

    let db = world.db().await;
    a_german_visitor(&db).await;
    let server = world.serve();
    let caller = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let calls = async |to: &str| -> CallResult {
        let call = CallRequest {
            server: world.sip,
            to: to.into(),
            from: "01632960001".into(),
            tone_hz: 440.0,
            talk: Duration::from_millis(500),
            give_up_after: Some(Duration::from_secs(20)),
            expect: vec![440.0, 880.0],
        };
        caller.call(call).await.unwrap()
    };
    for number in ["02079460001", "02079460002"] {
        let result = calls(number).await;
        assert!(result.answered, "{number}: {result:?}\n{}", world.said());
    }
    let result = calls("02079460003").await;
    assert!(!result.answered, "{result:?}\n{}", world.said());
    assert!(server.stop().success());

    let account = db.first_account().await.unwrap().unwrap().id;
    let found = db.calls(account, &CallFilter::default(), None, 10).await;
    for (dialled, rung, disposition) in [
        ("+442079460001", Some("Bernd"), Disposition::Answered),
        ("+442079460002", Some("Ann"), Disposition::Answered),
        ("+442079460003", None, Disposition::Rejected),
    ] {
        let calls = &found.as_ref().unwrap().calls;
        let call = calls
            .iter()
            .find(|call| call.dialled.as_str() == dialled)
            .unwrap();
        assert_eq!(call.disposition, Some(disposition), "{call:?}");
        let events = db.call_events(account, call.id).await.unwrap();
        let first_rung = events.iter().find_map(|event| match &event.kind {
            CallEventKind::Ringing { name, .. } => Some(name.as_str()),
            _ => None,
        });
        assert_eq!(first_rung, rung, "{dialled}: {events:?}");
        let decided = events.iter().any(
            |event| matches!(&event.kind, CallEventKind::Decided { step, .. } if step == "hours"),
        );
        assert!(decided, "{events:?}");
    }
    db.close().await;
}
