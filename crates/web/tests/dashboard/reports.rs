//! Reports by choice: on their page, as a file, and what cannot be asked.

use ringfence_model::KeyScope;
use ringfence_testing::{Engine, on_both_engines};
use serde_json::Value;

use crate::browser::Browser;
use crate::world::World;

on_both_engines!(
    a_report_counts_what_the_log_holds,
    a_report_of_days_that_cannot_be_says_so,
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
