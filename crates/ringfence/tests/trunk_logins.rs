//! A trunk with a user and a password, through the whole program: the carrier asks for them when it is called or wants us
//! to register, and has to prove them when it calls.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

#[path = "../../telephony/tests/calls/script.rs"]
#[allow(dead_code, reason = "these tests use their own part of it")]
mod script;
mod support;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use ringfence_model::{AccountId, Call, Disposition, TrunkId, TrunkRegistered};
use ringfence_store::{CallFilter, Db};
use ringfence_testing::sipp::Sipp;
use ringfence_testing::{Engine, on_both_engines};
use script::Script;
use support::{World, run};

on_both_engines!(
    a_trunk_proves_its_password_both_ways,
    a_trunk_that_wants_it_is_registered_at
);

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
    let world = World::new(engine.database_with_tables().await);
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

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";

/// A registrar that grants two seconds, wants more to be asked for, and then fails.
fn grants_little() -> Sipp {
    let proves = |script: Script, found: &[(&str, &str)]| {
        script.gets_proved("REGISTER", "ringfence", PASSWORD, found)
    };
    let contact = ("Contact", "sip:[0-9a-f]+@127.0.0.1");
    let script = Script::registrar()
        .gets_with("REGISTER", &[("!Authorization", ""), ("Expires", "300")])
        .answers("401 Unauthorized", CHALLENGE, false);
    let script = proves(script, &[("CSeq", "2 REGISTER"), contact]);
    let script = script.answers("200 OK", "Expires: 2", false);
    let script = proves(script, &[("CSeq", "3 REGISTER"), ("Expires", "300")]);
    let script = script.answers("423 Interval Too Brief", "Min-Expires: 600", false);
    let script = proves(script, &[("CSeq", "4 REGISTER"), ("Expires", "600")]);
    let script = script.answers("200 OK", "Expires: 1", false);
    proves(script, &[("CSeq", "5 REGISTER")])
        .answers("503 Service Unavailable", "", false)
        .sipp()
}

/// A registrar that knows us until it is asked to forget us.
fn grants_much() -> Script {
    let own = "sip:.442079460001@example.com";
    Script::registrar()
        .gets_with("REGISTER", &[("From", own), ("To", own)])
        .answers("200 OK", "Expires: 600", false)
}

fn forgets(script: Script) -> Sipp {
    script
        .gets_with("REGISTER", &[("Contact", "expires=0"), ("Expires", "0")])
        .answers("200 OK", "", false)
        .sipp()
}

/// How the account's only registration stands, once that is as it should be.
async fn stands(
    db: &Db,
    world: &World,
    account: AccountId,
    is_so: impl Fn(&TrunkRegistered) -> bool,
) -> (TrunkId, TrunkRegistered) {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let (register, stands) = db.trunk_registers(account).await.unwrap().remove(0);
        if is_so(&stands) {
            return (register.trunk, stands);
        }
        assert!(Instant::now() < until, "{stands:?}\n{}", world.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until a line of `/metrics` is there.
async fn counted(world: &World, line: &str) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let asked = reqwest::get(format!("http://{}/metrics", world.http)).await;
        let text = asked.unwrap().text().await.unwrap();
        if text.lines().any(|one| one == line) {
            return;
        }
        assert!(Instant::now() < until, "{line} is not in {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A call from an address that is no registrar's.
async fn a_stranger_is_dropped(world: &World, contact: &str) {
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let invite = format!(
        "INVITE sip:{contact}@{0} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKs\r\n\
         From: <sip:+441632960002@127.0.0.2>;tag=s\r\nTo: <sip:{NUMBER}@{0}>\r\nCall-ID: s\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:s@127.0.0.2>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        world.sip
    );
    stranger.send_to(invite.as_bytes(), world.sip).unwrap();
    let dropped = "ringfence_sip_dropped_total{reason=\"unknown_address\"} 1";
    counted(world, dropped).await;
}

async fn a_trunk_that_wants_it_is_registered_at(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let config = world.config().to_str().unwrap().to_owned();
    let folder = world.folder.path();
    let doctor = || {
        let (_, out, said) = run(&["doctor", "--config", &config], folder);
        out + &said
    };
    let first = grants_little();
    // The first server is killed: nobody is told to forget us.
    let second = grants_much().sipp();
    let desk = Script::target(&[])
        .answers_invite("200 OK", "", true)
        .gets("ACK")
        .gets_hung_up()
        .sipp();
    let arrangement = format!(
        "[[trunk]]\nname = \"Carrier\"\ncountry = \"GB\"\nuser = \"ringfence\"\npassword = \"{PASSWORD}\"\n\
         register = [\"sip:{}\", \"sip:{}\"]\nregister_as = \"sip:+442079460001@example.com\"\nregister_expiry = 300\n\
         [[target]]\nname = \"Desk\"\nuri = \"{}\"\n\
         [[group]]\nname = \"Sales\"\ntargets = [\"Desk\"]\n\
         [[plan]]\nname = \"Main\"\nring = [\"Sales\"]\n\
         [[number]]\ne164 = \"{NUMBER}\"\nplan = \"Main\"\n",
        first.address(),
        second.address(),
        desk.uri()
    );
    std::fs::write(folder.join("arrangement.toml"), arrangement).unwrap();
    let add = ["user", "add", "--email", "owner@example.com"];
    let add = [&add[..], &["--config", &config]].concat();
    assert_eq!(run(&add, folder).0, Some(0));
    let apply = ["apply", "arrangement.toml", "--config", &config];
    let (code, out, said) = run(&apply, folder);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("registers at trunk Carrier"), "{out}");
    let (_, out, _) = run(&apply, folder);
    assert!(out.contains("is as the file says"), "{out}");

    let db = world.db().await;
    let account = db.first_account().await.unwrap().unwrap().id;
    let (first_at, second_at) = (first.address(), second.address());
    let (first, second) = (first.start().await, second.start().await);
    let server = world.serve();
    let second_knows = format!("udp {second_at}");
    let is_at = |stands: &TrunkRegistered, at: &String| {
        stands.until.is_some() && stands.registrar.as_ref() == Some(at)
    };
    let (trunk, now) = stands(&db, &world, account, |now| is_at(now, &second_knows)).await;
    assert_eq!((now.failing_since, now.reason), (None, None));
    first.finish().await.expect("the first registrar's side");
    second.finish().await.expect("the second registrar's side");
    let said = doctor();
    let known = format!("registration at trunk Carrier of main: known at {second_knows}");
    assert!(said.contains(&known), "{said}");
    counted(&world, "ringfence_trunks_registered 1").await;

    // Calls come to our contact, from where the registrars are.
    let contact = trunk.0.simple().to_string();
    let desk = desk.start().await;
    let caller = Script::caller()
        .invites("")
        .hears(200)
        .acknowledges()
        .pauses(200)
        .hangs_up()
        .for_party(NUMBER);
    let run = caller.sipp().remote(world.sip, &contact).run().await;
    run.unwrap_or_else(|error| panic!("the caller's side: {error}\n{}", world.said()));
    desk.finish().await.expect("the target's side");
    let call = only_call(&db, &world, account).await;
    assert_eq!(
        (call.trunk, call.disposition),
        (trunk, Some(Disposition::Answered))
    );
    a_stranger_is_dropped(&world, &contact).await;
    server.kill();

    // The next server asks anew, and says goodbye.
    let again = forgets(grants_much()).at(first_at.ip(), first_at.port());
    let again = again.start().await;
    let server = world.serve();
    let first_knows = format!("udp {first_at}");
    stands(&db, &world, account, |now| is_at(now, &first_knows)).await;
    assert!(server.stop().success(), "{}", world.said());
    again
        .finish()
        .await
        .expect("the registrar's side at the end");
    let (_, now) = stands(&db, &world, account, |now| now.until.is_none()).await;
    assert_eq!(now.failing_since, None);
    assert!(
        doctor().contains("registration at trunk Carrier of main: not registered"),
        "{}",
        doctor()
    );
    assert!(!world.said().contains(PASSWORD), "a password was logged");
    db.close().await;
}
