//! What a call was worth, said on its page: kept, counted, found again, and mistakes beside the field.

use reqwest::StatusCode;
use ringfence_model::{AuditFilter, Lead};
use ringfence_testing::{Engine, on_both_engines};

use crate::browser::{Browser, send};
use crate::world::World;

on_both_engines!(
    what_is_said_of_a_call_is_kept_counted_and_found,
    mistakes_in_what_is_said_are_told_beside_the_field,
);

async fn what_is_said_of_a_call_is_kept_counted_and_found(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let call = world.call.unwrap();
    let here = format!("/calls/{call}");
    assert!(ann.page(&here).await.contains("Nobody said yet"));
    let said = [
        ("lead", "converted"),
        ("value", "1,250.50"),
        ("tags", "VIP, quote"),
        ("note", "Ring back\r\non Monday"),
    ];
    let (status, _) = send(&ann, &format!("{here}/worth"), &said).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let worths = world.platform.worths(world.account.id, &[call]).await;
    let worth = worths.unwrap().remove(&call).unwrap();
    assert_eq!(worth.lead, Some(Lead::Converted));
    assert_eq!(worth.value, Some(125_050));
    assert_eq!(worth.tags, ["quote", "vip"]);
    assert_eq!(worth.note, "Ring back\non Monday");

    let page = ann.page(&here).await;
    for text in [
        "value=\"converted\" checked",
        "value=\"1250.50\"",
        "value=\"quote, vip\"",
        "Ring back\non Monday</textarea>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let log = ann.page("/calls?lead=converted&tag=vip").await;
    assert!(log.contains(&here), "{log}");
    assert!(log.contains("Converted, 1,250.50 GBP"), "{log}");
    assert!(log.contains("that were converted tagged “vip”"), "{log}");
    let none = ann.page("/calls?lead=unqualified").await;
    assert!(none.contains("No call fits"), "{none}");
    let overview = ann.page("/?period=30d").await;
    assert!(overview.contains("1,250.50 GBP"), "{overview}");
    let file = ann.page("/calls.csv?lead=converted").await;
    assert!(
        file.contains("converted,1250.50,GBP,\"quote, vip\""),
        "{file}"
    );

    // Who said it stands in the audit log, and nothing that could be about the caller.
    let all = AuditFilter::default();
    let log = world.platform.audit_log(world.account.id, &all, 1).await;
    let entry = log.unwrap().0.remove(0);
    assert_eq!(entry.action, "worth.change");
    let after = entry.after.unwrap();
    assert!(after.contains("\"converted\"") && after.contains("125050"));
    assert!(
        !after.contains("Monday") && !after.contains("vip"),
        "{after}"
    );

    // The same again is no change; nothing takes it back.
    send(&ann, &format!("{here}/worth"), &said).await;
    let again = world.platform.audit_log(world.account.id, &all, 1).await;
    assert_eq!(again.unwrap().0[0].id, entry.id);
    send(&ann, &format!("{here}/worth"), &[("lead", "")]).await;
    let worths = world.platform.worths(world.account.id, &[call]).await;
    let worth = worths.unwrap().remove(&call).unwrap();
    assert_eq!((worth.lead, worth.value), (None, None));
}

async fn mistakes_in_what_is_said_are_told_beside_the_field(engine: Engine) {
    let world = World::full(engine).await;
    // An analyst may say it as well.
    let ben = Browser::signed_in(&world, "ben@example.com").await;
    let call = world.call.unwrap();
    let worth = format!("/calls/{call}/worth");
    let long = "x".repeat(2_001);
    for (field, text) in [
        ("value", "a lot"),
        ("tags", &"y".repeat(41)),
        ("note", &long),
    ] {
        let said = [("lead", "qualified"), (field, text)];
        let (status, page) = send(&ben, &worth, &said).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(page.contains(&format!("id=\"{field}-wrong\"")), "{page}");
        assert!(page.contains("value=\"qualified\" checked"), "it is kept");
    }
    let (status, _) = send(&ben, &worth, &[("lead", "sold")]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let worths = world.platform.worths(world.account.id, &[call]).await;
    assert_eq!(worths.unwrap().len(), 0);
}
