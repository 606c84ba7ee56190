use ringfence_model::AccountId;

use super::*;
use crate::arrangement::{Reach, Shape};

const NOW: Timestamp = Timestamp::from_micros(1_764_000_000_000_000);

fn draft(text: &str) -> PlanDraft {
    let account = Account {
        id: AccountId::new(NOW, 1),
        name: "Porter".into(),
        country: "GB".into(),
        time_zone: "Europe/London".into(),
        money: None,
        created_at: NOW,
    };
    let own = Own {
        names: Names::default(),
        shape: Shape::default(),
        reach: Reach::default(),
        agents: Vec::new(),
    };
    let holdings = Holdings::default();
    let (read, findings) = match read(text, "Main") {
        Err(why) => (Err(why), Vec::new()),
        Ok(part) => {
            let (read, findings) = checked(&account, part, &own, &holdings);
            (Ok(read), findings)
        }
    };
    PlanDraft {
        text: text.into(),
        plan: None,
        version: 0,
        read,
        findings,
        own,
        holdings,
    }
}

const SOUND: &str = "name = \"Main\"\nstart = \"menu\"\n\
    [steps.menu.menu]\nprompt = \"builtin:en/closed\"\nkeys = { 1 = \"box\", 2 = \"no\" }\notherwise = \"box\"\n\
    [steps.box.voicemail]\n[steps.no.reject]\ncode = 486\n";

#[test]
fn a_text_is_a_plan_alone_or_the_one_plan_of_a_file() {
    let alone = draft(SOUND);
    assert_eq!(alone.findings, []);
    let read = alone.sound().unwrap();
    assert_eq!((read.name.as_str(), read.document.steps.len()), ("Main", 3));
    let file = SOUND
        .replace("[steps", "[plan.steps")
        .replacen("name", "[[plan]]\nname", 1);
    assert_eq!(draft(&file).read, alone.read);
    let nameless = SOUND.replacen("name = \"Main\"\n", "", 1);
    assert_eq!(draft(&nameless).read, alone.read);
    for (text, told) in [
        ("start = ", "line 1"),
        ("[[plan]]\nname = \"a\"\n[[plan]]\nname = \"b\"", "one plan"),
        (
            "name = \"Main\"\nstart = \"a\"\nstpes = {}",
            "unknown field `stpes`",
        ),
        ("name = 3", "line 1"),
    ] {
        let why = draft(text).read.unwrap_err();
        assert!(why.contains(told), "{text:?}: {why}");
    }
}

#[test]
fn every_mistake_is_told_at_its_step() {
    let broken = SOUND
        .replace("486", "200")
        .replace("2 = \"no\"", "x = \"nowhere\"")
        .replace("closed", "unheard");
    let draft = draft(&broken);
    assert!(draft.sound().is_none());
    let problems = draft.findings.iter().filter(|found| found.is_problem);
    let told: Vec<_> = problems
        .map(|found| (found.step.as_deref().unwrap(), found.text.as_str()))
        .collect();
    for (step, words) in [
        ("no", "got 200"),
        ("menu", "\"nowhere\""),
        ("menu", "`keys`"),
        ("menu", "builtin:en/unheard"),
    ] {
        let found = told
            .iter()
            .any(|(at, text)| *at == step && text.contains(words));
        assert!(found, "{step} {words}: {told:?}");
    }
}

#[test]
fn a_step_is_put_in_renamed_and_taken_out() {
    let old = draft(SOUND);
    let voicemail = json!({"voicemail": {"longest": 60}});
    let text = old.with_step(Some("box"), "letter box", voicemail).unwrap();
    let new = draft(&text);
    let read = new.sound().unwrap();
    assert_eq!(read.steps["menu"]["menu"]["otherwise"], "letter box");
    assert_eq!(read.steps["menu"]["menu"]["keys"]["1"], "letter box");
    assert_eq!(read.steps["letter box"]["voicemail"]["longest"], 60);
    assert!(!read.steps.contains_key("box"));

    let first = new.with_step(Some("menu"), "welcome", read.steps["menu"].clone());
    let first = draft(&first.unwrap());
    assert_eq!(first.sound().unwrap().document.start, "welcome");
    let less = draft(&first.without_step("no").unwrap());
    assert!(less.sound().is_none(), "key 2 leads to it");
    let begun = draft(&first.beginning_at("no").unwrap());
    assert_eq!(begun.sound().unwrap().document.start, "no");
}

#[test]
fn the_short_form_becomes_steps_when_a_step_is_put_in() {
    let short = draft("name = \"Main\"\notherwise_reject = 486");
    let text = short
        .with_step(None, "bye", json!({"reject": {"code": 480}}))
        .unwrap();
    let read = draft(&text).read.unwrap();
    assert_eq!(
        read.steps.keys().collect::<Vec<_>>(),
        ["bye", "reject"],
        "{text}"
    );
}

#[test]
fn a_name_is_there_is_short_and_is_no_other_plans() {
    assert_eq!(name_problem("Main", false), None);
    assert!(name_problem("Main", true).unwrap().text.contains("another"));
    assert!(name_problem(&"x".repeat(101), false).is_some());
    let nameless = draft("name = \" \"\notherwise_reject = 486");
    assert!(nameless.sound().is_none());
}
