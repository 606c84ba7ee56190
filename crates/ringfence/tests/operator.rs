//! A server as an operator sets it up: a user, an arrangement, and the first call.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::time::Duration;

use ringfence_model::{Confidence, Disposition};
use ringfence_softphone::{CallRequest, Softphone, SoftphoneConfig};
use ringfence_store::CallFilter;
use ringfence_testing::{Engine, on_both_engines};
use support::{World, run};

on_both_engines!(from_an_empty_database_to_an_answered_call);

async fn from_an_empty_database_to_an_answered_call(engine: Engine) {
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let world = World::new(engine.database().await);
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
