//! What documents may say, in both of their forms.

use super::*;
use crate::{CallerIdShown, Record, Strategy};

const GROUP: &str = "00000000-0000-7000-8000-000000000001";

#[test]
fn a_document_of_the_first_version_still_reads() {
    let json = format!(
        r#"{{"start":"a","steps":{{"a":{{"ring":{{"group":"{GROUP}","otherwise":"b"}}}},"b":{{"reject":{{"code":486}}}}}}}}"#
    );
    let plan: PlanDocument = serde_json::from_str(&json).unwrap();
    let group = GROUP.parse().unwrap();
    assert_eq!(plan.steps["a"], Step::ring(group, Some("b".into())));
    assert_eq!(plan.steps["b"], Step::Reject { code: 486 });
    // And what says nothing new is written as it always was.
    assert_eq!(serde_json::to_string(&plan).unwrap(), json);
}

/// Every kind of step with everything that it may say.
const EVERYTHING: &str = r##"
start = "hours"

[steps.hours.schedule]
open = "language"
otherwise = "mailbox"
[steps.hours.schedule.hours]
zone = "Europe/London"
holidays = ["2026-12-25"]
[steps.hours.schedule.hours.week]
mon = ["09:00-12:00", "13:00-17:30"]
sat = ["10:00-24:00"]
[steps.hours.schedule.hours.exceptions]
2026-12-24 = ["09:00-12:00"]
2026-12-26 = []

[steps.language.match]
otherwise = "menu"
[[steps.language.match.cases]]
step = "sales"
[steps.language.match.cases.when]
visitor_language = ["de"]
caller_language = ["de-AT"]
country = ["DE"]
region = ["DE-BE"]
device = ["phone"]
source = ["paid"]
campaign = ["spring"]
tag = ["vip"]
caller = ["+4420*", "withheld"]
returning = true
dialled = ["+442079460001"]
percent = 40

[steps.menu.menu]
prompt = "welcome"
tries = 2
timeout = 7
otherwise = "wait"
keys = { 1 = "sales", "*" = "menu", "#" = "partner" }

[steps.hello.say]
prompt = "hello"
next = "again"

[steps.sales.ring]
group = "00000000-0000-7000-8000-000000000001"
strategy = "round_robin"
timeout = 15
whisper = "from the shop"
accept_key = "1"
caller_id = "dialled"
record = { consent = "we record" }
otherwise = "wait"

[steps.wait.queue]
group = "00000000-0000-7000-8000-000000000001"
strategy = "longest_idle"
longest_wait = 120
length = 5
music = "piano"
position = "your place"
call_back_key = "9"
timeout = 10
whisper = "from the queue"
record = false
otherwise = "mailbox"

[steps.mailbox.voicemail]
prompt = "leave a message"
longest = 60

[steps.partner.forward]
number = "+442079460123"
trunk = "00000000-0000-7000-8000-000000000002"
timeout = 25
otherwise = "closed"

[steps.closed.reject]
code = 480

[steps.again.goto]
step = "menu"
"##;

#[test]
fn one_schema_serves_toml_and_json() {
    let plan: PlanDocument = toml::from_str(EVERYTHING).unwrap();
    assert_eq!(plan.steps.len(), 10);
    let toml = toml::to_string(&plan).unwrap();
    assert_eq!(toml::from_str::<PlanDocument>(&toml).unwrap(), plan);
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<PlanDocument>(&json).unwrap(), plan);

    let Step::Ring(ring) = &plan.steps["sales"] else {
        panic!("{:?} is no ring step", plan.steps["sales"]);
    };
    assert_eq!(ring.strategy, Some(Strategy::RoundRobin));
    assert_eq!(ring.caller_id, CallerIdShown::Dialled);
    let consent = ring.record.as_ref().and_then(Record::consent);
    assert_eq!(consent.map(String::as_str), Some("we record"));
}

#[test]
fn a_field_that_nobody_knows_is_refused_with_its_name() {
    for (from, to) in [
        ("tries = 2", "tires = 2"),
        ("prompt = \"hello\"", "prompt = \"hello\"\nloud = true"),
        ("percent = 40", "per_cent = 40"),
        ("mon = [", "monday = ["),
        ("{ consent = \"we record\" }", "{ consnet = \"we record\" }"),
        ("[steps.closed.reject]", "[steps.closed.refuse]"),
    ] {
        assert!(EVERYTHING.contains(from), "{from}");
        let refused = toml::from_str::<PlanDocument>(&EVERYTHING.replace(from, to));
        assert!(refused.is_err(), "{to} was taken");
    }
}

#[test]
fn every_way_on_and_every_prompt_is_told_with_its_place() {
    let plan: PlanDocument = toml::from_str(EVERYTHING).unwrap();
    let ways: Vec<String> = plan.steps["menu"]
        .leads_to()
        .into_iter()
        .map(|(place, step)| format!("{place} -> {step}"))
        .collect();
    assert_eq!(
        ways,
        [
            "key \"#\" -> partner",
            "key \"*\" -> menu",
            "key \"1\" -> sales",
            "otherwise -> wait"
        ]
    );
    assert_eq!(
        plan.steps["wait"].prompts(),
        [
            ("music", "piano"),
            ("position", "your place"),
            ("whisper", "from the queue")
        ]
    );
}
