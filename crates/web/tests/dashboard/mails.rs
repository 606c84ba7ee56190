//! Reports by mail, over a real SMTP server: when, to whom, what they say, and once.

use std::sync::Arc;
use std::time::Duration;

use ringfence_model::{DeliveryState, Role, Timestamp};
use ringfence_outbound::{MailServer, MailTls, Mailer};
use ringfence_platform::now;
use ringfence_testing::{Engine, MailSecurity, TestMailServer, on_both_engines};
use ringfence_web::report_mail;
use serde_json::Value;

use crate::browser::{Browser, location};
use crate::world::{PASSWORD, World};

on_both_engines!(
    without_a_mail_server_the_page_says_so,
    a_report_is_sent_at_once_to_who_asks,
    a_report_is_sent_when_it_is_due_and_once,
    what_the_mail_server_says_stands_on_the_page,
    strangers_and_too_many_get_nothing,
);

fn mailer(server: &TestMailServer) -> Mailer {
    let login = (TestMailServer::USER.into(), TestMailServer::PASSWORD.into());
    let place = MailServer {
        host: "localhost".into(),
        port: server.port(),
        tls: MailTls::Starttls,
        roots: Some(server.certificate().to_vec()),
        login: Some(login),
        from: "reports@example.com".into(),
    };
    Mailer::new(&place).unwrap()
}

/// A business with a mail server, a saved report, and its page.
async fn with_mail(engine: Engine) -> (World, TestMailServer, String) {
    let server = TestMailServer::start(MailSecurity::Starttls);
    let mut world = World::with_mail(engine, Some(mailer(&server))).await;
    world.furnish().await;
    let query = "by=source&span=last_7_days";
    let saved = world
        .platform
        .save_report(world.account.id, "Sources <weekly>", query, now());
    let place = format!("/reports/saved/{}", saved.await.unwrap().id);
    (world, server, place)
}

async fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let token = browser.form_token().await;
    let mut form = vec![("form_token", token.as_str())];
    form.extend_from_slice(fields);
    browser.post(path, &form).send().await.unwrap()
}

fn part<'a>(mail: &'a Value, kind: &str) -> &'a str {
    let parts = mail["parts"].as_array().unwrap();
    let part = parts.iter().find(|part| part["type"] == kind).unwrap();
    part["text"].as_str().unwrap()
}

async fn without_a_mail_server_the_page_says_so(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let saved = world
        .platform
        .save_report(world.account.id, "Weekly", "", now());
    let place = format!("/reports/saved/{}", saved.await.unwrap().id);
    let page = ann.page(&place).await;
    assert!(page.contains("No mail can be sent"), "{page}");
    assert!(page.contains("[mail]"), "{page}");
    let fields = [("every", "day"), ("hour", "8"), ("to", "ann@example.com")];
    let refused = send(&ann, &format!("{place}/mail"), &fields).await;
    assert_eq!(refused.status(), 422);
    let refused = send(&ann, &format!("{place}/send"), &[]).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Expected a mail server"), "{page}");
}

async fn a_report_is_sent_at_once_to_who_asks(engine: Engine) {
    let (world, server, place) = with_mail(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let page = ann.page(&place).await;
    assert!(page.contains("Send it to me now"), "{page}");
    let sent = send(&ann, &format!("{place}/send"), &[]).await;
    assert_eq!(location(&sent), format!("{place}?done=sent#mail"));
    let platform = &world.platform;
    platform.send_due_mails(report_mail, now()).await.unwrap();

    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!(mail["envelope_to"][0], "ann@example.com");
    assert_eq!(
        (&mail["tls"], &mail["authenticated"]),
        (&true.into(), &true.into())
    );
    let subject = mail["headers"]["Subject"].as_str().unwrap();
    assert!(subject.starts_with("Sources <weekly>: "), "{subject}");
    let text = part(mail, "text/plain");
    assert!(text.contains("Source, last 7 days"), "{text}");
    assert!(text.contains("Google Ads"), "{text}");
    assert!(
        text.contains(&world.url("/reports?by=source&from=")),
        "{text}"
    );
    let html = part(mail, "text/html");
    assert!(html.contains("Sources &#60;weekly&#62;"), "{html}");
    assert!(
        html.contains("Google Ads") && html.contains(&place),
        "{html}"
    );
    let csv = part(mail, "text/csv");
    let file = ann.page("/reports.csv?by=source&span=last_7_days").await;
    assert_eq!(csv.replace("\r\n", "\n"), file.replace("\r\n", "\n"));
    let page = ann.page(&format!("{place}?done=sent")).await;
    assert!(page.contains("250 2.0.0 kept as 1"), "{page}");
    platform.send_due_mails(report_mail, now()).await.unwrap();
    assert_eq!(server.mails().len(), 1, "once");
}

async fn a_report_is_sent_when_it_is_due_and_once(engine: Engine) {
    let (world, server, place) = with_mail(engine).await;
    let platform = &world.platform;
    let agent = platform.add_user(
        world.account.id,
        "gus@example.com",
        "Gus",
        Role::Agent,
        PASSWORD,
        now(),
    );
    agent.await.unwrap();
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let path = format!("{place}/mail");
    let fields = [
        ("every", "week"),
        ("weekday", "4"),
        ("hour", "7"),
        ("to", "ann@example.com\r\nGus@example.com\r\n"),
    ];
    let saved = send(&ann, &path, &fields).await;
    assert_eq!(location(&saved), format!("{place}?done=mailed#mail"));
    let page = ann.page(&place).await;
    assert!(
        page.contains("Friday") && page.contains("gus@example.com"),
        "{page}"
    );
    let report = place.rsplit('/').next().unwrap().parse().unwrap();
    let due = platform.report_mail(world.account.id, report).await;
    let due = due.unwrap().unwrap();
    let zoned = due.next_at.to_jiff().in_tz("Europe/London").unwrap();
    assert_eq!(
        (zoned.weekday().to_monday_zero_offset(), zoned.hour()),
        (4, 7)
    );

    let before = due.next_at - Duration::from_secs(1);
    platform.send_due_mails(report_mail, before).await.unwrap();
    assert_eq!(server.mails().len(), 0, "not yet");
    // Two servers over the same rows look at the same time.
    let other = Arc::clone(platform);
    let (one, two) = tokio::join!(
        platform.send_due_mails(report_mail, due.next_at),
        other.send_due_mails(report_mail, due.next_at),
    );
    one.unwrap();
    two.unwrap();
    let mails = server.mails();
    let mut to: Vec<&str> = mails
        .iter()
        .map(|mail| mail["envelope_to"][0].as_str().unwrap())
        .collect();
    to.sort_unstable();
    assert_eq!(to, ["ann@example.com", "gus@example.com"]);
    let of_gus = mails
        .iter()
        .find(|mail| mail["envelope_to"][0] == "gus@example.com");
    let kinds = of_gus.unwrap()["parts"].as_array().unwrap();
    assert!(
        kinds.iter().all(|part| part["type"] != "text/csv"),
        "an agent downloads no reports"
    );

    // Five weeks without a server: one mail each, and the next a week later.
    let late = due.next_at + Duration::from_hours(5 * 7 * 24 + 1);
    platform.send_due_mails(report_mail, late).await.unwrap();
    assert_eq!(server.mails().len(), 4);
    let next = platform.report_mail(world.account.id, report).await;
    let next = next.unwrap().unwrap().next_at;
    assert!(
        next > late && next.since(late) <= Duration::from_hours(7 * 24),
        "{next}"
    );

    let off = send(&ann, &path, &[("every", "")]).await;
    assert_eq!(location(&off), format!("{place}?done=unsent#mail"));
    let later = next + Duration::from_hours(24);
    platform.send_due_mails(report_mail, later).await.unwrap();
    assert_eq!(server.mails().len(), 4, "no more");
    let log = ann.page("/audit").await;
    assert!(log.contains("report.mail"), "{log}");
}

async fn what_the_mail_server_says_stands_on_the_page(engine: Engine) {
    let (world, server, place) = with_mail(engine).await;
    let (platform, account) = (&world.platform, world.account.id);
    for name in ["nobody", "later"] {
        let email = format!("{name}@example.com");
        let user = platform.add_user(account, &email, name, Role::Analyst, PASSWORD, now());
        user.await.unwrap();
    }
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let fields = [
        ("every", "day"),
        ("hour", "7"),
        ("to", "nobody@example.com, later@example.com"),
    ];
    let saved = send(&ann, &format!("{place}/mail"), &fields).await;
    assert_eq!(saved.status(), 303);
    let report = place.rsplit('/').next().unwrap().parse().unwrap();
    let due = platform
        .report_mail(account, report)
        .await
        .unwrap()
        .unwrap();
    let sent = async |now: Timestamp| platform.send_due_mails(report_mail, now).await.unwrap();
    sent(due.next_at).await;
    let page = ann.page(&place).await;
    assert!(
        page.contains("nobody of that name") && page.contains("Given up"),
        "{page}"
    );
    assert!(
        page.contains("not at this hour") && page.contains("Waiting"),
        "{page}"
    );
    server.open();
    sent(due.next_at + Duration::from_mins(1)).await;
    let log = platform.mails_of_report(account, report).await.unwrap();
    let mut states: Vec<_> = log
        .iter()
        .map(|(mail, to)| (to.as_str(), mail.state, mail.attempts))
        .collect();
    states.sort_unstable();
    assert_eq!(
        states,
        [
            ("later@example.com", DeliveryState::Delivered, 2),
            ("nobody@example.com", DeliveryState::Failed, 1),
        ]
    );
    assert_eq!(server.mails().len(), 1);
}

async fn strangers_and_too_many_get_nothing(engine: Engine) {
    let (world, _server, place) = with_mail(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let path = format!("{place}/mail");
    let many: Vec<String> = (0..11).map(|nth| format!("u{nth}@example.com")).collect();
    let many = many.join(" ");
    for (to, hour, said) in [
        ("eve@else.test", "8", "eve@else.test"),
        ("", "8", "Expected at least one address"),
        (many.as_str(), "8", "at most 10 addresses"),
        ("ann@example.com", "24", "an hour from 0 to 23"),
    ] {
        let fields = [
            ("every", "day"),
            ("hour", hour),
            ("weekday", "0"),
            ("to", to),
        ];
        let refused = send(&ann, &path, &fields).await;
        assert_eq!(refused.status(), 422, "{to}");
        let page = refused.text().await.unwrap();
        assert!(page.contains(said), "{said}: {page}");
    }
    let report = place.rsplit('/').next().unwrap().parse().unwrap();
    let kept = world.platform.report_mail(world.account.id, report).await;
    assert_eq!(kept.unwrap(), None);
}
