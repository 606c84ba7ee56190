//! A trunk with a user and a password, through the whole program: the carrier asks for them when it is called, and has to
//! prove them when it calls.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "../../telephony/tests/calls/script.rs"]
#[allow(dead_code, reason = "these tests use their own part of it")]
mod script;
mod support;

use std::time::{Duration, Instant};

use ringfence_model::{AccountId, Call, Disposition};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::sipp::Sipp;
use ringfence_testing::{Engine, on_both_engines};
use script::Script;
use support::{World, run};

on_both_engines!(a_trunk_proves_its_password_both_ways);

const PASSWORD: &str = "correct horse battery";
const NUMBER: &str = "+442079460001";

fn calls(password: &str) -> Script {
    Script::caller()
        .invites("")
        .gets_challenged(401, "realm=.sip.example.com., .*algorithm=MD5")
        .acknowledges()
        .invites(&format!(
            "[authentication username=ringfence password=\"{password}\"]"
        ))
}

/// A carrier that asks for the password of the INVITE and of the BYE.
fn asks() -> Sipp {
    let proof = r"username=.ringfence., realm=.sip.example.com., nonce=.n1.";
    Script::target(&[("CSeq", "1 INVITE"), ("!Authorization", "")])
        .answers_invite(
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"sip.example.com\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"",
            false,
        )
        .gets("ACK")
        .gets_proved("INVITE", "ringfence", PASSWORD, &[("Authorization", proof)])
        .answers_with_tag("200 OK", "", true)
        .gets("ACK")
        .gets_proved("BYE", "ringfence", PASSWORD, &[("Authorization", proof)])
        .answers("200 OK", "", false)
        .sipp()
}

/// The only call there is, once it has ended.
async fn only_call(db: &Db, world: &World, account: AccountId) -> Call {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let page = db.calls(account, &CallFilter::default(), None, 10).await;
        let calls = page.unwrap().calls;
        if let [call] = calls.as_slice()
            && call.ended_at.is_some()
        {
            return call.clone();
        }
        assert!(calls.len() < 2, "the one without the password is no call");
        assert!(Instant::now() < until, "{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn a_trunk_proves_its_password_both_ways(engine: Engine) {
    let world = World::new(engine.database().await);
    let config = world.config().to_str().unwrap().to_owned();
    let folder = world.folder.path();
    let carrier = asks();
    let arrangement = |login: &str| {
        format!(
            "[[trunk]]\nname = \"Carrier\"\naddresses = [\"127.0.0.1\"]\ncountry = \"GB\"\nsend_to = \"sip:{}\"\n{login}\
             [[target]]\nname = \"Mobile\"\nuri = \"tel:+442079460123\"\ntrunk = \"Carrier\"\n\
             [[group]]\nname = \"Sales\"\ntargets = [\"Mobile\"]\n\
             [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
             [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n\
             [dialling]\nprefixes = [\"+4420\"]\n",
            carrier.address()
        )
    };
    let file = folder.join("arrangement.toml");
    let apply = |login: &str| {
        std::fs::write(&file, arrangement(login)).unwrap();
        let (code, out, said) = run(&["apply", "arrangement.toml", "--config", &config], folder);
        (code, out + &said)
    };
    let add = [
        "user",
        "add",
        "--email",
        "owner@example.com",
        "--config",
        &config,
    ];
    assert_eq!(run(&add, folder).0, Some(0));
    let login =
        "user = \"ringfence\"\nrealm = \"sip.example.com\"\nchallenge = true\nmd5_only = true\n";
    let (code, said) = apply(login);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("`password` or `password_file` expected"),
        "{said}"
    );
    std::fs::write(folder.join("carrier.secret"), format!("{PASSWORD}\n")).unwrap();
    let (code, said) = apply(&format!("{login}password_file = \"carrier.secret\"\n"));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("changed the login of trunk Carrier"),
        "{said}"
    );
    // Once it is known, its file may go.
    std::fs::remove_file(folder.join("carrier.secret")).unwrap();
    let (code, said) = apply(login);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is as the file says"), "{said}");

    let db = world.db().await;
    let account = db.first_account().await.unwrap().unwrap().id;
    let kept = db.trunk_logins(account).await.unwrap().remove(0);
    let shows = |text: &[u8]| kept.secret.windows(text.len()).any(|part| part == text);
    assert!(!shows(b"correct") && !shows(b"battery"));

    let server = world.serve();
    let carrier = carrier.start().await;
    let wrong = calls("guess")
        .gets_challenged(401, "algorithm=MD5")
        .acknowledges();
    let wrong = wrong.sipp().remote(world.sip, NUMBER).run().await;
    wrong.expect("the stranger's side");
    let right = calls(PASSWORD)
        .hears(200)
        .acknowledges()
        .pauses(300)
        .hangs_up();
    let right = right.sipp().remote(world.sip, NUMBER).run().await;
    right.unwrap_or_else(|error| panic!("the caller's side: {error}\n{}", world.said()));
    carrier.finish().await.expect("the carrier's side");
    let call = only_call(&db, &world, account).await;
    assert_eq!(call.disposition, Some(Disposition::Answered));
    assert!(!world.said().contains(PASSWORD), "a password was logged");
    assert!(server.stop().success(), "{}", world.said());
    db.close().await;
}
