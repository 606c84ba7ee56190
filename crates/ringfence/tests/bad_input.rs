//! What goes wrong outside of us: each time a clear word, and calls go on where they can.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may stop at once"
)]

mod support;

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition};
use ringfence_softphone::{CallRequest, CallResult, Softphone, SoftphoneConfig};
use ringfence_store::CallFilter;
use ringfence_testing::{Engine, TestDatabase, on_both_engines};
use support::{World, run};

on_both_engines!(
    a_bad_csv_is_told_line_by_line_and_imports_nothing,
    a_full_disk_under_the_recordings_is_told_on_the_call_and_the_call_goes_on,
    malformed_sip_and_number_requests_leave_the_server_serving,
);

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("ringfence.toml"),
        "[sip]\nmax_calls = 10\nlisten_upd = \"0.0.0.0:5060\"\n",
    )
    .unwrap();
    let (code, _, said) = run(&["serve"], folder.path());
    assert_eq!(code, Some(1));
    assert!(
        said.contains("listen_upd") && said.contains('3') && said.contains("listen_udp"),
        "{said}"
    );
    assert!(
        !folder.path().join("ringfence-data").exists(),
        "nothing is made before the configuration is understood"
    );
}

#[test]
fn a_configuration_file_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = run(&["serve", "--config", "nowhere.toml"], folder.path());
    assert_eq!(code, Some(1));
    assert!(said.contains("nowhere.toml"), "{said}");
}

async fn a_bad_csv_is_told_line_by_line_and_imports_nothing(engine: Engine) {
    let world = World::new(engine.database_with_tables().await);
    let rows = world.rows(&[], Duration::from_secs(5), 1).await;
    let file = world.folder.path().join("numbers.csv");
    fs::write(
        &file,
        "e164,label,pool,plan\n+442079460500,Good,Pool,Ring everyone\nhello,Bad,Pool,Ring everyone\n\
         +442079460000,Owned already,Pool,Ring everyone\n+442079460501,Bad pool,Pond,Ring everyone\n",
    )
    .unwrap();
    let config = world.config();
    let import = [
        "number",
        "import",
        file.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    let (code, out, said) = run(&import, world.folder.path());
    assert_eq!(code, Some(1), "{out}{said}");
    let all = out + &said;
    for wanted in ["line 3", "line 4", "line 5", "Pond"] {
        assert!(all.contains(wanted), "{wanted} is not in: {all}");
    }
    let db = world.db().await;
    assert_eq!(
        db.numbers(rows.account).await.unwrap().len(),
        1,
        "nothing was imported"
    );

    fs::write(
        &file,
        "e164,label,pool,plan\n+442079460500,Good,Pool,Ring everyone\n",
    )
    .unwrap();
    let (code, out, said) = run(&import, world.folder.path());
    assert_eq!(code, Some(0), "{out}{said}");
    assert_eq!(db.numbers(rows.account).await.unwrap().len(), 2);
    db.close().await;
}

#[test]
fn a_taken_port_is_named_with_what_to_do() {
    let world = World::new(TestDatabase::sqlite());
    let config = world.config();
    let serve = ["serve", "--config", config.to_str().unwrap()];

    let taken = TcpListener::bind(world.http).unwrap();
    let (code, _, said) = run(&serve, world.folder.path());
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&world.http.port().to_string()) && said.contains("http.listen"),
        "{said}"
    );
    drop(taken);

    let _taken = UdpSocket::bind(world.sip).unwrap();
    let (code, _, said) = run(&serve, world.folder.path());
    assert_eq!(code, Some(1));
    assert!(said.contains(&world.sip.port().to_string()), "{said}");
}

async fn a_full_disk_under_the_recordings_is_told_on_the_call_and_the_call_goes_on(engine: Engine) {
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let world = World::new(engine.database_with_tables().await);
    let rows = world.rows(&[agent.uri()], Duration::from_secs(5), 1).await;
    let disk = SmallDisk::mount(&world.recordings());
    let server = world.serve();

    // Two seconds of stereo at 8 kHz are 64 kB: the disk is full while they talk.
    let result = call(
        &world,
        rows.numbers[0].e164.as_str(),
        Duration::from_secs(4),
    )
    .await;
    assert!(result.answered && result.final_code == 200);
    assert_eq!(
        result.heard.tone_hz,
        Some(880.0),
        "the sound went on: {result:?}"
    );
    server.stop();
    drop(disk);

    let db = world.db().await;
    let logged = db
        .calls(rows.account, &CallFilter::default(), None, 10)
        .await
        .unwrap()
        .calls;
    assert_eq!(logged.len(), 1);
    assert_eq!(logged[0].disposition, Some(Disposition::Answered));
    let events = db.call_events(rows.account, logged[0].id).await.unwrap();
    let told = events
        .iter()
        .any(|event| matches!(&event.kind, CallEventKind::RecordingFailed { .. }));
    assert!(told, "{events:?}");
    db.close().await;
    agent.shutdown().await;
}

async fn malformed_sip_and_number_requests_leave_the_server_serving(engine: Engine) {
    let agent = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let world = World::new(engine.database_with_tables().await);
    let rows = world.rows(&[agent.uri()], Duration::from_secs(5), 1).await;
    let server = world.serve();

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let huge = format!(
        "INVITE sip:x@y SIP/2.0\r\nX: {}\r\n\r\n",
        "a".repeat(60_000)
    );
    let torn: [&[u8]; 5] = [
        b"",
        b"\0\xff\xfe",
        b"INVITE",
        huge.as_bytes(),
        b"INVITE sip:a SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
    ];
    for message in torn {
        socket.send_to(message, world.sip).unwrap();
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    for body in ["", "{", "[]", "{\"site\":7}", &"x".repeat(100_000)] {
        let answer = http
            .post(format!("http://{}/t/number", world.http))
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_client_error(),
            "{} for {} octets",
            answer.status(),
            body.len()
        );
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert!(
            problem.get("title").is_some() || problem.get("reason").is_some(),
            "{problem}"
        );
    }
    let result = call(
        &world,
        rows.numbers[0].e164.as_str(),
        Duration::from_millis(500),
    )
    .await;
    assert!(result.answered, "{result:?}\n{}", world.said());
    assert!(server.stop().success());
    agent.shutdown().await;
}

async fn call(world: &World, to: &str, talk: Duration) -> CallResult {
    let caller = Softphone::start(SoftphoneConfig::default()).await.unwrap();
    let result = caller
        .call(CallRequest {
            server: world.sip,
            to: to.into(),
            from: "+441632960001".into(),
            tone_hz: 440.0,
            talk,
            give_up_after: Some(Duration::from_secs(20)),
            expect: vec![440.0, 880.0],
        })
        .await
        .unwrap();
    caller.shutdown().await;
    result
}

/// A file system of 64 kB on a folder.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder)
            .status()
            .unwrap();
        assert!(
            mounted.success(),
            "this test fills a small disk of its own; run it as root"
        );
        Self(folder.into())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
