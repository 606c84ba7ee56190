//! Reports by choice: on their page, as a file, and what cannot be asked.

use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::Value;

use crate::browser::{Browser, location};
use crate::world::World;

on_both_engines!(
    a_report_counts_what_the_log_holds,
    a_report_of_days_that_cannot_be_says_so,
    a_report_is_saved_opened_renamed_and_removed,
    what_cannot_be_saved_is_said_beside_the_name,
);

async fn a_report_counts_what_the_log_holds(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let made = world.platform.add_api_key(
        world.account.id,
        "Walk",
        KeyScope::Read,
        None,
        ringfence_platform::now(),
    );
    let key = made.await.unwrap().1;
    let asked = async |path: &str| -> Value {
        let answer = ann
            .api(reqwest::Method::GET, path, &key)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    };
    let overview = asked("/v1/reports/overview?period=30d").await;
    let by_source = asked("/v1/reports/calls?by=source").await;
    assert_eq!(by_source["all"]["calls"], overview["now"]["calls"]);
    assert_eq!(by_source["all"]["answered"], overview["now"]["answered"]);
    let calls = |report: &Value| -> Vec<(Value, Value)> {
        let rows = report.as_array().unwrap();
        let mut rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let name = row.get("by").or_else(|| row.get("name")).unwrap();
                (name.clone(), row["calls"].clone())
            })
            .collect();
        rows.sort_by_key(|(name, _)| name.to_string());
        rows
    };
    assert_eq!(calls(&by_source["rows"]), calls(&overview["sources"]));
    let cross = asked("/v1/reports/calls?by=weekday&and=hour").await;
    let sum: u64 = cross["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["calls"].as_u64().unwrap())
        .sum();
    assert_eq!(Value::from(sum), overview["now"]["calls"]);

    let page = ann.page("/reports").await;
    assert!(
        page.contains("Google Ads") && page.contains("Not attributed"),
        "{page}"
    );
    let page = ann.page("/reports?by=weekday&and=hour").await;
    assert!(page.contains("Calls: the darker, the more"), "{page}");
    assert!(page.contains("heat-8") && page.contains("09:00"), "{page}");
    let page = ann
        .page("/reports?by=target&and=disposition&outcome=missed")
        .await;
    assert!(page.contains("Nobody"), "{page}");
    let file = ann.page("/reports.csv?by=source&and=day").await;
    let mut lines = csv::Reader::from_reader(file.as_bytes());
    let in_file: u64 = lines
        .records()
        .map(|line| line.unwrap()[2].parse::<u64>().unwrap())
        .sum();
    assert_eq!(Value::from(in_file), overview["now"]["calls"]);
}

async fn a_report_of_days_that_cannot_be_says_so(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let page = ann.page("/reports?from=2026-03-01&to=2026-02-01").await;
    assert!(
        page.contains("Expected a first day that is not after the last"),
        "{page}"
    );
    let page = ann.page("/reports?from=2001-01-01&to=2001-01-31").await;
    assert!(page.contains("No call fits"), "{page}");
    let nonsense = ann
        .page("/reports?by=colour&and=source&from=soon&source=%00")
        .await;
    assert!(nonsense.contains("Reports"), "{nonsense}");
}

async fn send(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let token = browser.form_token().await;
    let mut form = vec![("form_token", token.as_str())];
    form.extend_from_slice(fields);
    browser.post(path, &form).send().await.unwrap()
}

async fn a_report_is_saved_opened_renamed_and_removed(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let query = "by=source&and=weekday&span=last_7_days";
    let page = ann.page(&format!("/reports?{query}")).await;
    assert!(page.contains("Save this report"), "{page}");
    assert!(page.contains("by=source&#38;and=weekday&#38;span=last_7_days"));
    let fields = [("name", "Sources & weekdays"), ("query", query)];
    let saved = send(&ann, "/reports/saved", &fields).await;
    assert_eq!(saved.status(), 303);
    assert_eq!(
        location(&saved),
        format!("/reports?{query}&done=saved#saved")
    );

    let page = ann.page(&format!("/reports?{query}&done=saved")).await;
    assert!(page.contains("The report is saved"), "{page}");
    assert!(page.contains("Sources &#38; weekdays"), "{page}");
    assert!(page.contains("Source and weekday, last 7 days"), "{page}");
    assert!(page.contains("saved by ann@example.com"), "{page}");
    let opened = ann.page(&format!("/reports?{query}")).await;
    assert!(opened.contains("Calls: the darker, the more"), "{opened}");
    let file = ann.page(&format!("/reports.csv?{query}")).await;
    assert!(file.starts_with("source,weekday,calls"), "{file}");

    let kept = world.platform.saved_reports(world.account.id).await;
    let kept = kept.unwrap().remove(0);
    let place = format!("/reports/saved/{}", kept.id);
    let page = ann.page(&place).await;
    assert!(page.contains("Rename it") && page.contains("Remove for good"));
    let renamed = send(&ann, &place, &[("name", "By weekday")]).await;
    assert_eq!(location(&renamed), format!("{place}?done=renamed"));
    assert!(ann.page(&place).await.contains("By weekday"));
    let removed = send(&ann, &format!("{place}/remove"), &[]).await;
    assert_eq!(location(&removed), "/reports?done=removed");
    let page = ann.page("/reports?done=removed").await;
    assert!(page.contains("was removed") && !page.contains("By weekday"));
    assert_eq!(ann.get(&place).send().await.unwrap().status(), 404);
    let log = ann.page("/audit").await;
    for action in ["report.save", "report.rename", "report.remove"] {
        assert!(log.contains(action), "{action}");
    }
}

async fn what_cannot_be_saved_is_said_beside_the_name(engine: Engine) {
    let world = World::full(engine).await;
    let ann = Browser::signed_in(&world, "ann@example.com").await;
    let query = "by=weekday&and=hour&span=last_week";
    let refused = send(&ann, "/reports/saved", &[("name", " "), ("query", query)]).await;
    assert_eq!(refused.status(), 422);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Expected 1 to 100 characters"), "{page}");
    assert!(
        page.contains("Last week") && page.contains("weekday"),
        "{page}"
    );
    let fields = [("name", "Weekly"), ("query", query)];
    assert_eq!(send(&ann, "/reports/saved", &fields).await.status(), 303);
    let again = send(&ann, "/reports/saved", &fields).await;
    assert_eq!(again.status(), 422);
    let page = again.text().await.unwrap();
    assert!(page.contains("no saved report has yet"), "{page}");
    let fields = [("name", "Other"), ("query", "by=colour")];
    assert_eq!(send(&ann, "/reports/saved", &fields).await.status(), 422);
}
