//! `ringfence mail test`: a mail to a real SMTP server, and words for what goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

use ringfence_testing::{MailSecurity, TestMailServer};

/// What `ringfence mail test` says with this `[mail]`, and whether it succeeds.
fn tried(folder: &Path, mail: &str, address: &str) -> (bool, String) {
    let config = folder.join("ringfence.toml");
    std::fs::write(&config, format!("[mail]\n{mail}")).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(["mail", "test", "--config"])
        .arg(&config)
        .arg(address)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn a_test_mail_is_taken_or_the_reason_is_said() {
    let server = TestMailServer::start(MailSecurity::Starttls);
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, format!("{}\n", TestMailServer::PASSWORD)).unwrap();
    let place = format!(
        "host = \"localhost\"\nport = {}\nfrom = \"reports@example.com\"\nuser = \"{}\"\n",
        server.port(),
        TestMailServer::USER,
    );
    let roots = format!("tls_roots = {:?}\n", server.certificate_file());
    let secret = format!("password_file = {password:?}\n");
    let good = format!("{place}{roots}{secret}");
    let (taken, said) = tried(folder.path(), &good, "op@example.com");
    assert!(taken && said.contains("250 2.0.0 kept as 1"), "{said}");
    let kept = server.mails().remove(0);
    assert_eq!(kept["envelope_to"][0], "op@example.com");
    assert_eq!(kept["headers"]["Subject"], "A test of Ringfence");

    for (mail, address, expected) in [
        (
            String::new(),
            "op@example.com",
            "set host and from of [mail]",
        ),
        (place.clone(), "op@example.com", "mail.password: expected"),
        (
            format!("{place}{secret}"),
            "op@example.com",
            "mail.tls_roots",
        ),
        (
            format!("{place}{roots}password = \"hush\"\n"),
            "op@example.com",
            "look at mail.user and mail.password",
        ),
        (good.clone(), "nobody@example.com", "nobody of that name"),
        (good.clone(), "nobody", "expected a mail address"),
        (
            good.replace("from = \"reports@example.com\"", "from = \"x\""),
            "op@example.com",
            "expected an address such as",
        ),
    ] {
        let (taken, said) = tried(folder.path(), &mail, address);
        assert!(!taken && said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("hush"), "{said}");
    }
    assert_eq!(server.mails().len(), 1);
}
