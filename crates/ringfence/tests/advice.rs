//! What the program answers from what is asked alone: `pool size`, `source try`. No server, no rows.

use std::process::Command;

use serde_json::Value;

#[test]
fn two_hundred_visits_an_hour_are_answered_with_128_numbers_and_a_curve() {
    let said = ask("pool size --visits-per-hour 200 --visit 3m --hold 30m --blocking 1%");
    for wanted in [
        "110 erlangs",
        "128 numbers are enough",
        "<- enough",
        "<- visits an hour / 20, visitors at once",
        "The popular formula, visits an hour / 20, says 10: 91 % of the visits would go without",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    assert!(!said.contains("you are here"), "{said}");
    // Most of all visits go without at ten numbers, hardly one at 128.
    let bar = |numbers: &str| {
        let row = said
            .lines()
            .find(|line| line.trim_start().starts_with(numbers) && line.contains("<-"))
            .unwrap_or_else(|| panic!("no row for {numbers}:\n{said}"));
        row.matches('█').count()
    };
    assert_eq!((bar("10 "), bar("128 ")), (36, 0));
    // The times of the example are those that are taken when none are named.
    assert_eq!(said, ask("pool size --visits-per-hour 200"));
}

#[test]
fn a_pool_that_is_there_is_shown_its_place_on_the_curve() {
    let said = ask("pool size --visits-per-hour 200 --numbers 40");
    for wanted in [
        "<- you are here",
        "88 more are needed",
        "of 200 visits an hour",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let said = ask("pool size --visits-per-hour 200 --numbers 200");
    assert!(said.contains("72 more than needed"), "{said}");
    let said = ask("pool size --visits-per-hour 200 --numbers 128");
    for wanted in ["<- enough, you are here", "just enough"] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
}

#[test]
fn json_carries_the_answer_the_place_and_a_falling_curve() {
    let said = ask("pool size --visits-per-hour 200 --numbers 40 --json");
    let answer: Value = serde_json::from_str(&said).expect("one JSON object");
    let number = |pointer: &str| answer.pointer(pointer).and_then(Value::as_f64);
    assert_eq!(answer["numbers"], 128);
    assert!(number("/offered_load_erlangs").is_some_and(|load| (load - 110.0).abs() < 1e-9));
    assert!(number("/share_without_own_number").is_some_and(|share| share <= 0.01));
    assert_eq!(answer["here"]["numbers"], 40);
    let popular = &answer["popular_formulas"]["visits_per_hour_by_20"];
    assert_eq!(popular["numbers"], 10);
    let curve: Vec<(u64, f64)> = answer["curve"]
        .as_array()
        .expect("a curve")
        .iter()
        .map(|point| {
            let numbers = point["numbers"].as_u64().expect("a count");
            (
                numbers,
                point["share_without_own_number"].as_f64().expect("a share"),
            )
        })
        .collect();
    assert!(curve.len() > 10, "{curve:?}");
    assert!(
        curve
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1),
        "{curve:?}"
    );
}

#[test]
fn a_demand_that_is_none_is_refused_with_what_was_expected() {
    for (wrong, wanted) in [
        ("", "--visits-per-hour"),
        ("--visits-per-hour many", "expected a count above 0"),
        ("--visits-per-hour 0", "expected a count above 0"),
        ("--visits-per-hour=-3", "expected a count above 0"),
        ("--visits-per-hour nan", "expected a count above 0"),
        ("--visits-per-hour 200 --visit 3", "expected a time such as"),
        (
            "--visits-per-hour 200 --hold=-3m",
            "expected a time such as",
        ),
        ("--visits-per-hour 200 --blocking 1", "such as 1%"),
        ("--visits-per-hour 200 --blocking 0%", "such as 1%"),
        ("--visits-per-hour 200 --blocking 100%", "such as 1%"),
        ("--visits-per-hour 200 --numbers ten", "ten"),
        ("--visits-per-hour 200 --visit 0s --hold 0s", "takes time"),
        (
            "--visits-per-hour 1e300 --visit 9h",
            "at most 500000 erlangs",
        ),
    ] {
        let (code, out, said) = run(&format!("pool size {wrong}"));
        assert_ne!(code, Some(0), "{wrong}");
        assert!(out.is_empty(), "{wrong}: {out}");
        assert!(
            said.contains(wanted),
            "{wrong}: {wanted:?} is not in: {said}"
        );
    }
}

#[test]
fn a_visit_is_told_its_source_and_the_reason() {
    let said = ask("source try --url https://www.example.com/?gclid=abc&utm_campaign=boilers");
    for wanted in [
        "Google Ads (paid)",
        "click id: gclid is present: a mark of Google Ads -> Google Ads, paid",
        "campaign: boilers",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let said = ask("source try --url https://www.example.com/ --referrer https://chatgpt.com/");
    for wanted in [
        "ChatGPT (assistant)",
        "click id: no click id is present",
        "referrer: the referrer chatgpt.com is ChatGPT -> ChatGPT, assistant",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let said = ask("source try --url https://www.example.com/");
    assert!(
        said.starts_with("Direct (direct)") && said.contains("no rule matched"),
        "{said}"
    );
    // A referrer of another host of the site says nothing.
    let own = "--referrer https://shop.example.com/ --own-host shop.example.com";
    let said = ask(&format!("source try --url https://www.example.com/ {own}"));
    assert!(said.contains("the site itself"), "{said}");
}

#[test]
fn the_pool_or_the_number_that_a_visit_is_shown_is_told_with_its_reasons() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("arrangement.toml");
    let text = "[[plan]]\nname = \"Main\"\n[[pool]]\nname = \"Web\"\n[[pool]]\nname = \"German\"\n\
        [[number]]\ne164 = \"+442079460990\"\nplan = \"Main\"\n\
        [[site]]\nname = \"Example\"\npool = \"Web\"\n\
        [[site.rule]]\nlanguage = [\"de\"]\npool = \"German\"\n\
        [[site.rule]]\ncampaign = \"radio\"\nnumber = \"+442079460990\"\n";
    std::fs::write(&file, text).expect("the file is written");
    let try_it = |more: &str| {
        let file = file.display();
        ask(&format!(
            "source try --arrangement {file} --url https://www.example.com/{more}"
        ))
    };
    let said = try_it("?utm_campaign=Radio --language de-AT");
    for wanted in [
        "the fixed number +442079460990\n",
        "rule 2: fits -> the fixed number +442079460990",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let said = try_it(" --language de-AT");
    for wanted in [
        "rule 2: wants campaign radio, the visit has none",
        "rule 1: fits -> a number of the pool \"German\"",
    ] {
        assert!(said.contains(wanted), "{wanted:?} is not in:\n{said}");
    }
    let said = try_it(" --language fr --json");
    let answer: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(answer["shown"]["pool"], "Web", "{said}");
    assert_eq!(answer["shown"]["rule"], Value::Null, "{said}");
    assert_eq!(
        answer["shown"]["passed"][1]["found"],
        "wants language de, the visit has fr"
    );
}

#[test]
fn json_carries_the_source_and_what_each_rule_found() {
    let said = ask("source try --json --url https://www.example.com/?utm_source=flyer");
    let answer: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(answer["source"]["kind"], "campaign");
    assert_eq!(answer["source"]["name"], "flyer");
    assert_eq!(answer["decided_by"], "utm");
    assert_eq!(answer["rules"][0]["rule"], "click_id");
    assert_eq!(answer["rules"][1]["found"], "utm_source is \"flyer\"");
    let said = ask("source try --json --url https://www.example.com/");
    let answer: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(answer["source"]["kind"], "direct");
    assert!(answer["decided_by"].is_null(), "{said}");
}

#[test]
fn a_url_that_is_no_pages_is_refused_and_no_cursor_is_moved() {
    for wrong in [
        "--url example.com",
        "--url ftp://example.com/",
        "--url javascript:alert(1)",
    ] {
        let (code, out, said) = run(&format!("source try {wrong}"));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{wrong}");
        assert!(
            said.contains("expected the page's URL, such as https://"),
            "{said}"
        );
    }
    let (code, _, said) = run("source try");
    assert!(code == Some(2) && said.contains("--url"), "{said}");
    let said = ask("source try --url https://www.example.com/?utm_source=%1B[2Jx");
    assert!(!said.contains('\u{1b}'), "{said:?}");
}

fn ask(line: &str) -> String {
    let (code, out, said) = run(line);
    assert_eq!(code, Some(0), "{line}: {said}");
    assert!(said.is_empty(), "{said}");
    out
}

fn run(line: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(line.split_ascii_whitespace())
        .output()
        .expect("the program runs");
    let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
