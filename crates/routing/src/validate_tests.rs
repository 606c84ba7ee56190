//! What validation tells.

use super::*;
use crate::HoursProblem;
use ringfence_model::{
    AccountId, Target, TargetGroup, TargetGroupMember, TargetId, TargetProfile, Timestamp,
};

const EPOCH: Timestamp = Timestamp::from_micros(0);

fn group(n: u128) -> TargetGroupId {
    TargetGroupId::new(EPOCH, n)
}

fn ring(n: u128, otherwise: Option<&str>) -> Step {
    Step::ring(group(n), otherwise.map(ToOwned::to_owned))
}

fn plan(start: &str, steps: Vec<(&str, Step)>) -> PlanDocument {
    PlanDocument {
        start: start.into(),
        steps: steps.into_iter().map(|(n, s)| (n.into(), s)).collect(),
    }
}

fn from_toml(text: &str) -> PlanDocument {
    toml::from_str(text).expect("it has the form of a plan")
}

/// Groups 1 and 2, each with one target; that of group 2 is a number.
fn known() -> Destinations {
    let account = AccountId::new(EPOCH, 1);
    let mut known = Destinations::default();
    for (n, uri) in [(1, "sip:desk@example.com"), (2, "tel:+442079460123")] {
        let target = TargetId::new(EPOCH, n);
        known.targets.insert(
            target,
            Target {
                id: target,
                account,
                name: format!("Target {n}"),
                uri: uri.into(),
                enabled: true,
            },
        );
        known.groups.insert(
            group(n),
            TargetGroup {
                id: group(n),
                account,
                name: format!("Group {n}"),
                members: vec![TargetGroupMember {
                    target,
                    ring_timeout: std::time::Duration::from_secs(20),
                }],
            },
        );
    }
    known
}

fn problems(plan: &PlanDocument, known: Option<&Destinations>) -> Vec<PlanProblem> {
    validate(plan, known).expect_err("it has mistakes").problems
}

#[test]
fn a_sound_plan_passes_without_a_word() {
    let plan = plan(
        "sales",
        vec![
            ("sales", ring(1, Some("office"))),
            ("office", ring(1, Some("closed"))),
            ("closed", Step::Reject { code: 480 }),
        ],
    );
    assert_eq!(validate(&plan, Some(&known())), Ok(vec![]));
}

#[test]
fn every_mistake_is_told_at_once_and_names_its_step() {
    let plan = plan(
        "begin",
        vec![
            ("a", ring(1, Some("nowhere"))),
            ("b", ring(3, None)),
            ("c", Step::Reject { code: 200 }),
            ("d", Step::Goto { step: "e".into() }),
            ("e", Step::Goto { step: "d".into() }),
        ],
    );
    let error = validate(&plan, Some(&known())).expect_err("it has mistakes");
    assert_eq!(error.problems.len(), 5, "{error}");
    let text = error.to_string();
    for part in [
        "\"begin\"",
        "step \"a\"",
        "\"nowhere\"",
        "step \"b\"",
        "step \"c\"",
        "got 200",
        "d -> e -> d",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

/// One mistake each, with a part of what is told.
#[test]
fn each_mistake_inside_a_step_is_told_with_its_place() {
    let hours = |body: &str| {
        format!(
            "[steps.a.schedule]\nopen = \"z\"\notherwise = \"z\"\n[steps.a.schedule.hours]\n{body}"
        )
    };
    let case = |when: &str| {
        format!(
            "[steps.a.match]\notherwise = \"z\"\n[[steps.a.match.cases]]\nstep = \"z\"\nwhen = {when}"
        )
    };
    let menu = |body: &str| format!("[steps.a.menu]\nprompt = \"p\"\n{body}");
    let queue = |body: &str| format!("[steps.a.queue]\ngroup = \"{}\"\n{body}", group(1));
    let cases = [
        (hours("zone = \"Mars/Base\""), "Mars/Base"),
        (
            hours("zone = \"UTC\"\nweek.mon = [\"17:00-09:00\"]"),
            "mon: 17:00-09:00 ends before",
        ),
        (
            hours("zone = \"UTC\"\nweek.mon = [\"09:00-12:00\", \"11:00-13:00\"]"),
            "overlap",
        ),
        (
            hours("zone = \"UTC\"\nexceptions.2026-12-24 = [\"09:00-09:00\"]"),
            "2026-12-24: 09:00-09:00",
        ),
        (case("{}"), "case 1 asks nothing"),
        (case("{ visitor_language = [\"de_DE\"] }"), "got \"de_DE\""),
        (case("{ country = [\"Germany\"] }"), "got \"Germany\""),
        (case("{ caller = [\"020*\"] }"), "got \"020*\""),
        (case("{ percent = 0 }"), "`percent` expected 1 to 100"),
        (menu("keys = {}"), "no keys"),
        (menu("keys = { A = \"z\" }"), "got \"A\""),
        (menu("keys = { 12 = \"z\" }"), "got \"12\""),
        (
            menu("keys = { 1 = \"y\" }"),
            "key \"1\" names the step \"y\"",
        ),
        (
            menu("tries = 0\nkeys = { 1 = \"z\" }"),
            "`tries` expected 1 to 10",
        ),
        (queue("length = 0"), "`length` expected 1 to 1000"),
        (
            queue("call_back_key = \"x\""),
            "`call_back_key` expected one of",
        ),
        (
            format!("[steps.a.ring]\ngroup = \"{}\"", group(9)),
            "there is no target group",
        ),
        (
            format!("[steps.a.ring]\ngroup = \"{}\"", group(2)),
            "target \"Target 2\" of group \"Group 2\" is a number without a trunk",
        ),
        (
            format!(
                "[steps.a.forward]\nnumber = \"+442079460123\"\ntrunk = \"{}\"",
                group(5)
            ),
            "there is no trunk",
        ),
        (
            "[steps.a.voicemail]\nlongest = 0".into(),
            "`longest` expected 1 to 3600",
        ),
        (
            "[steps.a.say]\nprompt = \"nobody's\"".into(),
            "names the prompt \"nobody's\"",
        ),
    ];
    let mut known = known();
    known.prompts = Some(["p".to_owned()].into());
    for (step, part) in cases {
        let plan = from_toml(&format!(
            "start = \"a\"\nsteps.z.reject.code = 486\n{step}\n"
        ));
        let told = problems(&plan, Some(&known));
        assert_eq!(told.len(), 1, "{step}: {told:?}");
        let told = told[0].to_string();
        assert!(
            told.contains(part) && told.contains("step \"a\""),
            "{step}: {told}"
        );
    }
}

#[test]
fn a_number_with_a_trunk_of_the_account_passes() {
    let mut known = known();
    let trunk = TrunkId::new(EPOCH, 1);
    known.trunks.insert(trunk);
    let profile = TargetProfile {
        trunk: Some(trunk),
        ..TargetProfile::default()
    };
    known.profiles.insert(TargetId::new(EPOCH, 2), profile);
    let plan = plan("a", vec![("a", ring(2, None))]);
    assert_eq!(validate(&plan, Some(&known)), Ok(vec![]));
}

#[test]
fn shares_of_the_same_question_may_not_come_to_more_than_a_hundred() {
    let shares = |second: &str| {
        from_toml(&format!(
            "start = \"a\"\nsteps.z.reject.code = 486\n[steps.a.match]\notherwise = \"z\"\n\
             cases = [{{ step = \"z\", when = {{ percent = 60 }} }}, {{ step = \"z\", when = {second} }}]"
        ))
    };
    assert_eq!(
        problems(&shares("{ percent = 50 }"), None),
        [PlanProblem::PercentOver {
            step: "a".into(),
            total: 110
        }]
    );
    assert!(validate(&shares("{ percent = 40 }"), None).is_ok());
    let of_others = shares("{ percent = 50, country = [\"DE\"] }");
    assert!(
        validate(&of_others, None).is_ok(),
        "other calls are shared there"
    );
}

#[test]
fn a_round_through_somebody_who_has_a_say_is_a_warning() {
    let plan = plan(
        "a",
        vec![
            ("a", ring(1, Some("b"))),
            ("b", Step::Goto { step: "a".into() }),
        ],
    );
    let warnings = validate(&plan, Some(&known())).expect("it is allowed");
    let path = ["a", "b", "a"].map(ToOwned::to_owned).to_vec();
    assert_eq!(
        warnings,
        [PlanWarning::Round {
            step: "a".into(),
            path
        }]
    );
}

#[test]
fn a_loop_through_one_way_of_several_is_found() {
    let plan = from_toml(
        "start = \"m\"\nsteps.z.reject.code = 486\nsteps.s.say = { prompt = \"p\", next = \"m\" }\n\
         [steps.m.match]\notherwise = \"s\"\ncases = [{ step = \"z\", when = { returning = true } }]",
    );
    let path = ["m", "s", "m"].map(ToOwned::to_owned).to_vec();
    assert_eq!(
        problems(&plan, None),
        [PlanProblem::Loop {
            step: "m".into(),
            path
        }]
    );
}

#[test]
fn steps_that_no_call_comes_to_and_empty_groups_are_warnings() {
    let mut known = known();
    known
        .groups
        .get_mut(&group(1))
        .expect("it is there")
        .members
        .clear();
    let plan = plan(
        "a",
        vec![("a", ring(1, None)), ("b", Step::Goto { step: "a".into() })],
    );
    assert_eq!(
        validate(&plan, Some(&known)),
        Ok(vec![
            PlanWarning::EmptyGroup {
                step: "a".into(),
                group: "Group 1".into()
            },
            PlanWarning::Unreachable("b".into())
        ])
    );
}

#[test]
fn without_an_account_only_the_document_itself_is_judged() {
    let plan = plan("a", vec![("a", ring(77, None))]);
    assert_eq!(validate(&plan, None), Ok(vec![]));
}

#[test]
fn an_empty_plan_and_one_without_end_are_told_so() {
    assert_eq!(problems(&plan("a", vec![]), None), [PlanProblem::NoSteps]);
    let many = (0..=MAX_STEPS_OF_A_PLAN).map(|n| (n.to_string(), Step::Reject { code: 486 }));
    let plan = PlanDocument {
        start: "0".into(),
        steps: many.collect(),
    };
    assert_eq!(problems(&plan, None), [PlanProblem::TooManySteps(201)]);
}

#[test]
fn hours_of_a_step_carry_what_is_wrong_with_them() {
    let problem = PlanProblem::Hours {
        step: "day".into(),
        problem: HoursProblem::UnknownZone("Mars/Base".into()),
    };
    assert_eq!(
        problem.to_string(),
        "step \"day\": expected an IANA time zone such as Europe/London, got \"Mars/Base\""
    );
}
