//! Mail over a real SMTP server: its parts, TLS, logging in, and what is said when something is wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ringfence_outbound::{Mail, MailError, MailServer, MailTls, Mailer};
use ringfence_testing::{MailSecurity, TestMailServer};

fn mail(to: &str) -> Mail {
    Mail {
        id: "0199-abc".into(),
        to: to.into(),
        subject: "Überblick: 7 calls".into(),
        text: "Line one\n.\nLine three, ünïcode\n".into(),
        html: "<p>Line <b>one</b></p>".into(),
        csv: Some(("report.csv".into(), b"a,b\r\n\"x, y\",2\r\n".to_vec())),
    }
}

fn place(server: &TestMailServer, tls: MailTls) -> MailServer {
    let login = (TestMailServer::USER.into(), TestMailServer::PASSWORD.into());
    MailServer {
        host: "localhost".into(),
        port: server.port(),
        tls,
        roots: Some(server.certificate().to_vec()),
        login: Some(login),
        from: "Reports <reports@example.com>".into(),
    }
}

async fn sent(place: &MailServer, to: &str) -> Result<String, MailError> {
    Mailer::new(place).unwrap().send(&mail(to)).await
}

#[tokio::test]
async fn a_mail_comes_with_its_parts_over_tls() {
    for (security, tls) in [
        (MailSecurity::Starttls, MailTls::Starttls),
        (MailSecurity::Implicit, MailTls::Implicit),
    ] {
        let server = TestMailServer::start(security);
        let said = sent(&place(&server, tls), "ann@example.com").await.unwrap();
        assert_eq!(said, "250 2.0.0 kept as 1");
        let kept = server.mails().remove(0);
        assert_eq!(kept["envelope_from"], "reports@example.com");
        assert_eq!(kept["envelope_to"][0], "ann@example.com");
        assert_eq!(
            (&kept["tls"], &kept["authenticated"]),
            (&true.into(), &true.into())
        );
        let headers = &kept["headers"];
        assert_eq!(headers["Subject"], "Überblick: 7 calls");
        assert_eq!(headers["From"], "Reports <reports@example.com>");
        assert_eq!(headers["Message-ID"], "<0199-abc@example.com>");
        assert_eq!(headers["Auto-Submitted"], "auto-generated");
        assert!(headers["Date"].is_string(), "{headers}");
        let parts: Vec<_> = kept["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            parts,
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "text/html",
                "text/csv",
            ]
        );
        let text = kept["parts"][2]["text"].as_str().unwrap();
        assert_eq!(
            text.replace("\r\n", "\n").trim_end(),
            mail("").text.trim_end()
        );
        let file = &kept["parts"][4];
        assert_eq!(file["name"], "report.csv");
        let csv = file["text"].as_str().unwrap().replace("\r\n", "\n");
        assert_eq!(csv, "a,b\n\"x, y\",2\n");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_words() {
    let server = TestMailServer::start(MailSecurity::Starttls);
    let good = place(&server, MailTls::Starttls);
    let refused = sent(&good, "nobody@example.com").await.unwrap_err();
    assert!(matches!(refused, MailError::Refused { .. }), "{refused}");
    assert!(refused.is_final() && refused.to_string().contains("nobody of that name"));
    let later = sent(&good, "later@example.com").await.unwrap_err();
    assert!(matches!(later, MailError::Later { .. }), "{later}");
    assert!(!later.is_final() && later.to_string().contains("not at this hour"));

    let mut wrong = good.clone();
    wrong.login = Some((TestMailServer::USER.into(), "hush".into()));
    let login = sent(&wrong, "ann@example.com").await.unwrap_err();
    assert!(matches!(login, MailError::Login { .. }), "{login}");
    assert!(!login.to_string().contains("hush"), "{login}");

    let mut wrong = good.clone();
    wrong.roots = None;
    let tls = sent(&wrong, "ann@example.com").await.unwrap_err();
    assert!(matches!(tls, MailError::Tls { .. }), "{tls:?}");

    let address = sent(&good, "not an address").await.unwrap_err();
    assert_eq!(address, MailError::To("not an address".into()));
    let mut nobody = good;
    nobody.from = "nobody".into();
    let from = Mailer::new(&nobody).unwrap_err();
    assert_eq!(from, MailError::From("nobody".into()));
    assert_eq!(server.mails().len(), 0);
    let gone = place(&server, MailTls::Starttls);
    drop(server);
    let away = sent(&gone, "ann@example.com").await.unwrap_err();
    assert!(matches!(away, MailError::Away { .. }), "{away}");
    assert!(!away.is_final());
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_to_a_server_without_tls() {
    let server = TestMailServer::start(MailSecurity::Off);
    let refused = sent(&place(&server, MailTls::Starttls), "ann@example.com").await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, MailError::Tls { .. }), "{refused:?}");
    let taken = sent(&place(&server, MailTls::Off), "ann@example.com").await;
    assert_eq!(taken.unwrap(), "250 2.0.0 kept as 1");
    assert_eq!(server.mails()[0]["tls"], false);
}
