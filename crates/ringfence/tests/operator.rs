//! A server as an operator sets it up: a user, an arrangement, and the first call.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::Duration;

use ringfence_model::{
    AbuseCase, CaseEvidence, CaseId, CaseState, Confidence, Disposition, EvidenceId, EvidenceKind,
    EvidencePage, Host, HostId, HostProof,
};
use ringfence_platform::{now, random};
use ringfence_softphone::{CallRequest, Softphone, SoftphoneConfig};
use ringfence_store::CallFilter;
use ringfence_testing::{Engine, on_both_engines};
use support::{Rows, World, run};

on_both_engines!(
    from_an_empty_database_to_an_answered_call,
    an_account_is_made_and_changed_by_the_operator,
    a_lost_second_factor_is_taken_away_on_the_server,
    the_hosts_of_a_confirmed_case_are_in_the_feed_until_it_is_released,
);

async fn a_lost_second_factor_is_taken_away_on_the_server(engine: Engine) {
    let world = World::new(engine.database().await);
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let ask = |words: &[&str]| run(&[words, &["--config", config]].concat(), folder);
    let (code, out, said) = ask(&["user", "add", "--email", "owner@example.com"]);
    assert_eq!(code, Some(0), "{out}{said}");
    let reset = ["user", "reset-factor", "--email", "Owner@Example.com"];
    let (code, out, _) = ask(&reset);
    assert_eq!(
        (code, out.contains("had no second factor")),
        (Some(0), true)
    );

    let rows = world.db().await;
    let owner = rows.user_by_email("owner@example.com").await.unwrap();
    let owner = owner.unwrap();
    let drawn = rows.draw_second_factor(owner.account, owner.id, b"sealed", now());
    assert!(drawn.await.unwrap());
    let factor = rows.second_factor(owner.account, owner.id).await.unwrap();
    let factor = factor.unwrap();
    let on = rows.confirm_second_factor(&factor, 1, &[[1; 32]], now());
    assert!(on.await.unwrap());
    rows.close().await;
    let (code, out, said) = ask(&reset);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("no second factor any more"), "{out}");
    let rows = world.db().await;
    let on = rows.has_second_factor(owner.account, owner.id).await;
    assert!(!on.unwrap());
    rows.close().await;
    let (code, _, said) = ask(&["user", "reset-factor", "--email", "nobody@example.com"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("nobody signs in with it"), "{said}");
}

async fn an_account_is_made_and_changed_by_the_operator(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let ask = |words: &[&str]| run(&[words, &["--config", config]].concat(), folder);
    let owner = ["user", "add", "--email", "owner@example.com"];

    let (code, out, said) =
        ask(&[&owner[..], &["--country", "XY", "--time-zone", "Moon"]].concat());
    assert_eq!(code, Some(1), "{out}{said}");
    for text in ["\"XY\"", "\"Moon\""] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let (_, out, _) = ask(&["account", "list"]);
    assert!(out.contains("there is no account yet"), "{out}");

    let german = ["--country", "de", "--time-zone", "Europe/Berlin"];
    let (code, out, said) = ask(&[&owner[..], &german].concat());
    assert_eq!(code, Some(0), "{out}{said}");
    let made = "main: country DE, time zone Europe/Berlin, currency EUR";
    assert!(out.contains(made), "{out}");
    let other = ["user", "add", "--email", "other@example.com"];
    let (code, out, said) = ask(&[&other[..], &german].concat());
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(said.contains("`ringfence account change`"), "{said}");

    let swiss = ["--country", "CH", "--name", "Porter"];
    let (code, out, said) = ask(&[&["account", "change"], &swiss[..]].concat());
    assert_eq!(code, Some(0), "{out}{said}");
    let changed = "Porter: country CH, time zone Europe/Berlin, currency CHF\n";
    assert_eq!(out, changed);
    let (_, out, _) = ask(&["account", "list"]);
    let dialled = "  calls to telephone numbers: 0 of 6000 minutes an hour\n";
    assert_eq!(out, [changed, dialled].concat());
    for (minutes, said) in [
        (
            "60",
            "  calls to telephone numbers: 0 of 60 minutes an hour, its own\n",
        ),
        (
            "0",
            "  calls to telephone numbers: 0 without a limit, its own\n",
        ),
        ("default", dialled),
    ] {
        let limit = ["account", "change", "--dialled-minutes-per-hour", minutes];
        let (code, out, why) = ask(&limit);
        assert_eq!(code, Some(0), "{out}{why}");
        assert_eq!(out, [changed, said].concat());
    }
    let (code, _, said) = ask(&["account", "change", "--dialled-minutes-per-hour", "few"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("expected a whole number of minutes"),
        "{said}"
    );
    let (code, out, said) = ask(&["account", "release-dialling"]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("nothing holds what Porter dials"), "{out}");
    let (code, _, said) = ask(&["account", "change"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--time-zone"), "{said}");
}

async fn from_an_empty_database_to_an_answered_call(engine: Engine) {
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let world = World::new(engine.database_with_tables().await);
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();

    let (code, out, said) = run(
        &[
            "user",
            "add",
            "--email",
            "owner@example.com",
            "--config",
            config,
        ],
        folder,
    );
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("password: "), "{out}");

    let file = folder.join("arrangement.toml");
    let text = format!(
        "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\n\
         [[target]]\nname = \"Desk\"\nuri = \"{}\"\n[[group]]\nname = \"All\"\ntargets = [\"Desk\"]\n\
         [[plan]]\nname = \"Main\"\nring = [\"All\"]\n[[pool]]\nname = \"Web\"\n\
         [[number]]\ne164 = \"+442079460001\"\npool = \"Web\"\nplan = \"Main\"\n\
         [[site]]\nname = \"Example\"\nhosts = [\"www.example.com\"]\npool = \"Web\"\n",
        agent.uri()
    );
    std::fs::write(&file, text.replace("\"All\"]", "\"Nobody\"]")).unwrap();
    let apply = ["apply", file.to_str().unwrap(), "--config", config];
    let (code, out, said) = run(&apply, folder);
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(
        said.contains("Nobody") && said.contains("nothing was changed"),
        "{said}"
    );

    std::fs::write(&file, text).unwrap();
    let (code, out, said) = run(&apply, folder);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(
        out.contains("made trunk Carrier") && out.contains("data-site="),
        "{out}"
    );
    let (_, out, _) = run(&apply, folder);
    assert!(
        out.contains("is as the file says"),
        "a second time changes nothing: {out}"
    );

    let (code, out, said) = run(&["doctor", "--config", config], folder);
    assert_eq!(code, Some(0), "{out}{said}");

    let (code, key, said) = run(
        &["key", "add", "--name", "Shop", "--config", config],
        folder,
    );
    assert_eq!(code, Some(0), "{key}{said}");

    let server = world.serve();
    // A running server is no hindrance.
    let (code, out, said) = run(&apply, folder);
    assert_eq!(code, Some(0), "{out}{said}");
    let caller = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let result = caller
        .call(CallRequest {
            server: world.sip,
            // As a carrier of that country may write it.
            to: "02079460001".into(),
            from: "01632960001".into(),
            tone_hz: 440.0,
            talk: Duration::from_millis(1_200),
            give_up_after: Some(Duration::from_secs(20)),
            expect: vec![440.0, 880.0],
        })
        .await
        .unwrap();
    assert!(result.answered, "{result:?}\n{}", world.said());
    assert_eq!(result.heard.tone_hz, Some(880.0), "{result:?}");
    a_key_opens_the_api_until_it_is_revoked(&world, key.trim(), config).await;
    assert!(server.stop().success());

    let db = world.db().await;
    let account = db.first_account().await.unwrap().unwrap();
    let calls = db
        .calls(account.id, &CallFilter::default(), None, 10)
        .await
        .unwrap()
        .calls;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].disposition, Some(Disposition::Answered));
    assert_eq!(
        calls[0].confidence,
        Confidence::Unknown,
        "nobody was shown this number"
    );
    assert_eq!(
        calls[0].caller.as_ref().map(ToString::to_string).as_deref(),
        Some("+441632960001")
    );
    db.close().await;
}

async fn a_key_opens_the_api_until_it_is_revoked(world: &World, key: &str, config: &str) {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let calls = format!("http://{}/v1/calls", world.http);
    let answer = reqwest::Client::new().get(&calls).bearer_auth(key);
    let answer: serde_json::Value = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["items"][0]["caller"], "+441632960001", "{answer}");
    let (_, keys, _) = run(&["key", "list", "--config", config], world.folder.path());
    let id = keys.split(' ').next().unwrap();
    let (code, ..) = run(
        &["key", "revoke", id, "--config", config],
        world.folder.path(),
    );
    assert_eq!(code, Some(0));
    let answer = reqwest::Client::new().get(&calls).bearer_auth(key);
    assert_eq!(answer.send().await.unwrap().status(), 401);
}

/// What a look saw at a page; its risk in thousandths.
fn look(rows: &Rows, case: CaseId, url: &str, risk: u16) -> CaseEvidence {
    CaseEvidence {
        id: EvidenceId::new(now(), random()),
        case,
        account: rows.account,
        kind: EvidenceKind::Look,
        what: "seen as a desktop browser".into(),
        risk: Some(risk),
        signals: Vec::new(),
        page: Some(EvidencePage {
            url: url.into(),
            octets: Vec::new(),
            length: 1,
            sha256: vec![0; 32],
        }),
        at: now(),
        by: None,
    }
}

async fn a_case(world: &World) -> CaseId {
    let rows = world.rows(&[], Duration::from_secs(10), 1).await;
    let db = world.db().await;
    for name in ["locked.example.com", "calm.example.com:8443"] {
        db.add_host(&Host {
            id: HostId::new(now(), random()),
            site: rows.site,
            account: rows.account,
            name: name.into(),
            challenge: "c".into(),
            proof: Some(HostProof::File),
            proved_at: Some(now()),
        })
        .await
        .unwrap();
    }
    let case = AbuseCase {
        id: CaseId::new(now(), random()),
        account: rows.account,
        site: rows.site,
        state: CaseState::Open,
        risk: 990,
        opened_at: now(),
        decided_at: None,
    };
    let looks = [
        look(&rows, case.id, "https://locked.example.com/a?b=c", 990),
        look(&rows, case.id, "https://calm.example.com:8443/", 100),
        // Where the look was led to is not the site's, whatever was seen there.
        look(&rows, case.id, "https://search.example.org/", 990),
    ];
    db.open_case(&case, &looks, true).await.unwrap();
    db.close().await;
    case.id
}

async fn the_hosts_of_a_confirmed_case_are_in_the_feed_until_it_is_released(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let config = world.config();
    let config = config.to_str().unwrap();
    let folder = world.folder.path();
    let case = a_case(&world).await.to_string();
    for email in ["ann@example.com", "bob@example.com"] {
        let add = [
            "user",
            "add",
            "--operator",
            "--email",
            email,
            "--config",
            config,
        ];
        let (code, out, said) = run(&add, folder);
        assert_eq!(code, Some(0), "{out}{said}");
    }
    let hosts = || {
        let (code, out, said) = run(&["feed", "--format", "json", "--config", config], folder);
        assert_eq!(code, Some(0), "{out}{said}");
        let host = |line: &str| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["host"].as_str().unwrap().to_owned()
        };
        out.lines().map(host).collect::<Vec<_>>()
    };
    let decide = |decision, who| {
        let decide = ["case", decision, &case, "--as", who, "--config", config];
        let (code, out, said) = run(&decide, folder);
        assert_eq!(code, Some(0), "{out}{said}");
    };

    assert_eq!(hosts(), [""; 0], "nobody has confirmed it yet");
    decide("confirm", "ann@example.com");
    assert_eq!(hosts(), ["locked.example.com"]);

    let file = folder.join("rpz.zone");
    let out = ["--out", file.to_str().unwrap(), "--config", config];
    let (code, out, said) = run(&[&["feed", "--format", "rpz"], &out[..]].concat(), folder);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{said}");
    let zone = std::fs::read_to_string(&file).unwrap();
    assert!(zone.contains("\nlocked.example.com CNAME .\n"), "{zone}");
    let (code, _, said) = run(&["feed", "--format", "dns", "--config", config], folder);
    assert_eq!(code, Some(2));
    assert!(said.contains("expected one of hosts, rpz"), "{said}");

    decide("release", "ann@example.com");
    decide("release", "bob@example.com");
    assert_eq!(hosts(), [""; 0], "it was a false alarm");
}
