//! Pages from files, lists and standard input.

use std::fmt::Write as _;

use crate::{check, check_reading, page};

#[test]
fn a_clean_page_ends_with_0_and_a_scam_with_2() {
    let clean = check(&["--json", &page("plumber.html")]);
    assert_eq!(clean.code, 0, "{} {}", clean.out, clean.err);
    assert_eq!(clean.object()["verdict"], "clean");
    let scam = check(&["--json", &page("lock.html")]);
    assert_eq!(scam.code, 2, "{} {}", scam.out, scam.err);
    let object = scam.object();
    assert_eq!(object["verdict"], "scam");
    assert_eq!(object["page"], page("lock.html"));
    let signals = object["signals"].as_array().unwrap();
    let lock = signals
        .iter()
        .find(|signal| signal["kind"] == "full_screen")
        .unwrap();
    assert!(lock["found"].as_str().unwrap().contains("script"), "{lock}");
    assert!(
        lock["excerpt"]
            .as_str()
            .unwrap()
            .contains("requestFullscreen"),
        "{lock}"
    );
    assert!(
        !lock["why"].as_str().unwrap().is_empty() && lock["weight"].is_number(),
        "{lock}"
    );
    let score = object["score"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&score), "{score}");
}

#[test]
fn what_cannot_be_looked_at_ends_with_3_and_says_why() {
    for arguments in [
        vec!["/nowhere/page.html"],
        vec!["/"],
        vec![],
        vec!["--no-such-option"],
        vec!["--url", "not a url", "-"],
        vec!["--from", "/nowhere/list"],
        vec!["--linked", "lock.js"],
        vec!["a.html", "b.html", "--linked", "lock.js"],
        vec!["-", "-"],
        vec!["http://[::1", "--allow-private"],
    ] {
        let ran = check(&arguments);
        assert_eq!(ran.code, 3, "{arguments:?} {} {}", ran.out, ran.err);
        assert!(
            ran.out.is_empty() && !ran.err.is_empty(),
            "{arguments:?} {}",
            ran.out
        );
    }
    let object = check(&["--json", "/nowhere/page.html"]).object();
    assert!(object["verdict"].is_null());
    assert!(
        object["error"].as_str().unwrap().contains("No such file"),
        "{object}"
    );
}

#[test]
fn help_is_no_failure() {
    let ran = check(&["--help"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("--linked"), "{}", ran.out);
}

#[test]
fn a_page_is_read_from_standard_input() {
    let text = std::fs::read_to_string(page("lock.html")).unwrap();
    let ran = check_reading(&["--json", "--url", "https://www.example.com/", "-"], &text);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert_eq!(ran.object()["url"], "https://www.example.com/");
    assert_eq!(check_reading(&["-"], "").code, 0, "an empty page is clean");
}

#[test]
fn linked_scripts_are_looked_at_with_their_page() {
    let without = check(&["--json", &page("split.html")]);
    let empty = check(&["--json", &page("split.html"), "--linked"]);
    let with = check(&["--json", &page("split.html"), "--linked", &page("lock.js")]);
    assert_eq!(with.code, 2, "{}", with.out);
    let score = |ran: &crate::Ran| ran.object()["score"].as_f64().unwrap();
    assert!(
        score(&with) > score(&without),
        "{} {}",
        with.out,
        without.out
    );
    assert_eq!(empty.out, without.out);
    assert_eq!(without.object()["incomplete"], true);
    let object = with.object();
    let found = object["signals"].as_array().unwrap().iter().any(|signal| {
        signal["kind"] == "full_screen" && signal["found"].as_str().unwrap().contains("lock.js")
    });
    assert!(found, "{object}");
}

#[test]
fn thousands_of_pages_come_out_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let (lock, plumber) = (page("lock.html"), page("plumber.html"));
    let mut list = String::new();
    let mut expected = Vec::new();
    for number in 0..3000 {
        let (line, verdict) = match number % 50 {
            7 => (lock.clone(), Some("scam")),
            8 => ("/nowhere".to_owned(), None),
            _ => (plumber.clone(), Some("clean")),
        };
        writeln!(list, "{line}").unwrap();
        expected.push((line, verdict));
    }
    let path = folder.path().join("list.txt");
    std::fs::write(&path, &list).unwrap();
    for (arguments, input) in [
        (["--json", "--from", path.to_str().unwrap()], ""),
        (["--json", "--from", "-"], &*list),
    ] {
        let ran = check_reading(&arguments, input);
        assert_eq!(ran.code, 2, "the worst of all counts");
        let found: Vec<_> = ran
            .objects()
            .iter()
            .map(|object| {
                (
                    object["page"].as_str().unwrap().to_owned(),
                    object["verdict"].as_str().map(str::to_owned),
                )
            })
            .collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(
                (found.0.as_str(), found.1.as_deref()),
                (expected.0.as_str(), expected.1)
            );
        }
    }
}

#[test]
fn a_list_names_the_scripts_of_each_page() {
    let list = format!(
        "{}\n\n{}\thttps://www.example.com/\t{}\n{}\tno address\n",
        page("plumber.html"),
        page("split.html"),
        page("lock.js"),
        page("plumber.html"),
    );
    let ran = check_reading(&["--json", "--from", "-"], &list);
    let objects = ran.objects();
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[1]["verdict"], "scam");
    assert_eq!(objects[1]["parts"], 1);
    assert!(
        objects[2]["error"]
            .as_str()
            .unwrap()
            .contains("expected a URL"),
        "{}",
        ran.out
    );
}

#[test]
fn of_clean_and_unreadable_the_unreadable_counts() {
    let ran = check(&[page("plumber.html"), "/nowhere".into()]);
    assert_eq!(ran.code, 3);
    assert!(ran.out.starts_with("clean"), "{}", ran.out);
}

#[test]
fn a_person_reads_the_verdict_first_and_what_to_do_last() {
    let ran = check(&["--explain", &page("lock.html")]);
    assert!(ran.out.starts_with("SCAM"), "{}", ran.out);
    assert!(ran.out.contains("full_screen at "), "{}", ran.out);
    assert!(ran.out.trim_end().ends_with("evidence."), "{}", ran.out);
    let object = check(&["--json", "--explain", &page("lock.html")]).object();
    assert_eq!(object["explanation"], ran.out);
}
