//! Several pools of a site: each visitor is shown the number that is for it, and the call to it tells where it came from.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "calls/browser.rs"]
#[allow(dead_code, reason = "this test asks for numbers and for nothing else")]
mod browser;
mod support;

use std::time::Duration;

use ringfence_model::{AccountId, Call, Confidence, SourceKind};
use ringfence_softphone::{CallRequest, Softphone, SoftphoneConfig};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

use browser::{Browser, pages};

on_both_engines!(each_visitor_is_shown_the_number_that_is_for_it);

const ENGLISH: &str = "+442079460001";
const GERMAN: &str = "+442079460002";
const RADIO: &str = "+442079460003";
const OVERFLOW: &str = "+442079460004";

fn arrangement(agent: &str, page: std::net::SocketAddr) -> String {
    let number = |e164: &str, pool: &str| {
        let pool = match pool {
            "" => String::new(),
            pool => format!("pool = \"{pool}\"\n"),
        };
        format!("[[number]]\ne164 = \"{e164}\"\nplan = \"Main\"\n{pool}")
    };
    [
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n".to_owned(),
        format!("[[target]]\nname = \"Desk\"\nuri = \"{agent}\"\n"),
        "[[group]]\nname = \"All\"\ntargets = [\"Desk\"]\n".into(),
        "[[plan]]\nname = \"Main\"\nring = [\"All\"]\n".into(),
        "[[pool]]\nname = \"Web\"\n".into(),
        format!("[[pool]]\nname = \"German\"\noverflow = \"{OVERFLOW}\"\n"),
        number(ENGLISH, "Web"),
        number(GERMAN, "German"),
        number(RADIO, ""),
        number(OVERFLOW, ""),
        format!(
            "[[site]]\nname = \"Example\"\nhosts = [\"localhost:{}\"]\npool = \"Web\"\n",
            page.port()
        ),
        "[[site.rule]]\nlanguage = [\"de\"]\npool = \"German\"\n".into(),
        format!("[[site.rule]]\ncampaign = \"Radio\"\nnumber = \"{RADIO}\"\n"),
    ]
    .concat()
}

async fn each_visitor_is_shown_the_number_that_is_for_it(engine: Engine) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let mut world = World::new(engine.database_with_tables().await);
    world.more = "[outbound]\nallow_private = true\n".into();
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let (challenge, page, pages) = pages().await;

    let add = ["user", "add", "--email", "owner@example.com", "--config"];
    let (_, out, said) = run(&[&add[..], &[config]].concat(), folder);
    let (_, password) = out.split_once("password: ").expect(&said);
    let file = folder.join("arrangement.toml");
    std::fs::write(&file, arrangement(&agent.uri(), page)).unwrap();
    let apply = ["apply", file.to_str().unwrap(), "--config", config];
    let (_, out, said) = run(&apply, folder);
    let (_, key) = out.split_once("data-site=\"").expect(&said);
    let (key, _) = key.split_once('"').unwrap();
    let (_, again, _) = run(&apply, folder);
    assert!(again.contains("is as the file says"), "{again}");

    let db = world.db().await;
    let site = db.site_by_key(key).await.unwrap().unwrap();
    let host = db.hosts(site.account, site.id).await.unwrap().remove(0);
    challenge.set(host.challenge.clone()).unwrap();
    let server = world.serve();
    let browser = Browser::new(&world, page);
    let check = format!("/sites/{}/hosts/{}/check", site.id, host.id);
    browser.prove(password.trim(), &check).await;

    for (query, language, number) in [
        ("utm_source=leaflet", "de-AT", GERMAN),
        ("utm_source=leaflet", "en-GB", ENGLISH),
        // A campaign comes before a language; and its number is everybody's who came by it.
        ("utm_source=fm&utm_campaign=radio", "de-DE", RADIO),
        ("utm_source=fm&utm_campaign=radio", "en-GB", RADIO),
        // The German pool has one number.
        ("utm_source=poster", "de-CH", OVERFLOW),
    ] {
        let (_, answer) = browser.ask_as(key, query, language).await;
        assert_eq!(
            answer["number"]["e164"], number,
            "{query} {language}: {answer}"
        );
    }
    let caller = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let mut calls = Vec::new();
    for number in [GERMAN, ENGLISH, RADIO, OVERFLOW] {
        calls.push(call(&world, &db, site.account, &caller, number).await);
    }
    let told: Vec<_> = calls
        .iter()
        .map(|call| {
            let source = call.source.as_ref().unwrap();
            (
                source.name.as_str(),
                source.campaign.as_deref(),
                call.confidence,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("leaflet", None, Confidence::Certain),
            ("leaflet", None, Confidence::Certain),
            ("fm", Some("radio"), Confidence::Shared),
            ("poster", None, Confidence::Shared),
        ]
    );
    let visit = |call: &Call| call.visit.expect("a visit");
    let of_german = db.visit(site.account, visit(&calls[0])).await.unwrap();
    assert_eq!(of_german.unwrap().language.as_deref(), Some("de-AT"));
    assert!(server.stop().success());

    // Whoever heard the number on the radio was never on the page: the call is the campaign's all the same.
    let text = std::fs::read_to_string(&file).unwrap();
    let rule = "[[site.rule]]\ncampaign = \"Spring fair\"\nnumber = \"+442079460005\"\n\
        [[number]]\ne164 = \"+442079460005\"\nplan = \"Main\"\n";
    std::fs::write(&file, text + rule).unwrap();
    let (_, out, said) = run(&apply, folder);
    assert!(out.contains("changed rules of site Example"), "{out}{said}");
    let server = world.serve();
    let call = call(&world, &db, site.account, &caller, "+442079460005").await;
    let source = call.source.unwrap();
    assert_eq!(
        (
            source.kind,
            source.name.as_str(),
            source.campaign.as_deref()
        ),
        (SourceKind::Campaign, "Spring fair", Some("Spring fair"))
    );
    assert_eq!((call.visit, call.confidence), (None, Confidence::Shared));
    assert!(server.stop().success());
    db.close().await;
    pages.abort();
}

/// Somebody calls the number and is answered: the call's row.
async fn call(
    world: &World,
    db: &Db,
    account: AccountId,
    caller: &Softphone,
    number: &str,
) -> Call {
    let result = caller
        .call(CallRequest {
            server: world.sip,
            to: number.into(),
            from: "+441632960001".into(),
            tone_hz: 440.0,
            talk: Duration::from_millis(600),
            give_up_after: Some(Duration::from_secs(20)),
            expect: vec![440.0, 880.0],
        })
        .await
        .unwrap();
    assert!(result.answered, "{number}: {result:?}\n{}", world.said());
    let page = db.calls(account, &CallFilter::default(), None, 1).await;
    let call = page.unwrap().calls.remove(0);
    assert_eq!(call.dialled.as_str(), number);
    call
}
