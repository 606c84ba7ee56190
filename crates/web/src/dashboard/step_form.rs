//! One step of a call plan as a form. What is wrong with it is for the plan's check to say, and is told beside the field.

use std::collections::BTreeMap;

use ringfence_model::Strategy;
use ringfence_platform::plan_edit::PlanDraft;
use serde_json::{Map, Value, json};

use super::step_fields::{CONSENT, Holds, read, specs, written};

/// The kinds of steps, each with what it does.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("ring", "Ring a group"),
    ("say", "Play a prompt"),
    ("menu", "Ask for a key"),
    ("schedule", "Go by opening hours"),
    ("match", "Go by what is known of the call"),
    ("queue", "Wait until somebody is free"),
    ("voicemail", "Take a message"),
    ("forward", "Ring a number over a trunk"),
    ("reject", "Refuse the call"),
    ("goto", "Go on at another step"),
];

/// Cases that a form adds to those of the step, to be filled.
const MORE_CASES: usize = 2;

/// Numbers that can be chosen.
const MOST_NUMBERS: usize = 200;
/// How a field is filled in.
pub(super) enum Input {
    /// On a line.
    Line,
    /// On several lines.
    Lines,
    /// By one of these values, each with its word.
    Choice(Vec<(String, String)>),
}

/// A field as the page shows it.
pub(super) struct FieldView {
    /// As the form sends it: `f.hours.week.mon`.
    pub(super) name: String,
    pub(super) word: String,
    pub(super) hint: &'static str,
    pub(super) value: String,
    pub(super) input: Input,
    pub(super) wrong: Option<String>,
}

/// The form.
pub(super) struct StepForm {
    /// The step's name in the text; empty for one that is added.
    pub(super) old: String,
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) meaning: &'static str,
    pub(super) fields: Vec<FieldView>,
    /// What is wrong and belongs to no field.
    pub(super) wrong: Vec<String>,
}

impl StepForm {
    /// The form of a step of a draft, or of one of `kind` that is added; `None` when there is no such step or kind.
    pub(super) fn of(draft: &PlanDraft, old: &str, kind: &str, zone: &str) -> Option<Self> {
        let read = draft.read.as_ref().ok()?;
        let (kind, fields) = if old.is_empty() {
            (kind, json!({}))
        } else {
            let (kind, fields) = read.steps.get(old)?.as_object()?.iter().next()?;
            (kind.as_str(), fields.clone())
        };
        let (kind, meaning) = *KINDS.iter().find(|(known, _)| *known == kind)?;
        let told = draft.findings.iter().filter(|finding| finding.is_problem);
        let told: Vec<&str> = told
            .filter(|finding| finding.step.as_deref() == Some(old))
            .map(|finding| finding.text.as_str())
            .collect();
        let mut wrong = told.clone();
        let mut views = Vec::new();
        for Place {
            path,
            word,
            hint,
            holds,
        } in places(kind, &fields)?
        {
            let mut value = written(at(&fields, &path), holds);
            if path == "hours.zone" && old.is_empty() {
                zone.clone_into(&mut value);
            }
            let mine = |text: &&str| is_about(text, kind, &path);
            let own: Vec<&str> = told.iter().copied().filter(|text| mine(text)).collect();
            wrong.retain(|text| !mine(text));
            views.push(FieldView {
                input: input(holds, draft, &value),
                name: format!("f.{path}"),
                word,
                hint,
                value,
                wrong: (!own.is_empty()).then(|| own.join("; ")),
            });
        }
        Some(Self {
            old: old.to_owned(),
            name: if old.is_empty() {
                unused(kind, &read.steps)
            } else {
                old.to_owned()
            },
            kind,
            meaning,
            fields: views,
            wrong: wrong.into_iter().map(str::to_owned).collect(),
        })
    }

    /// Something is wrong with the step.
    pub(super) fn is_wrong(&self) -> bool {
        !self.wrong.is_empty() || self.fields.iter().any(|field| field.wrong.is_some())
    }
}

/// The step that a form was filled in as, with its name; `None` when there is no such step or kind.
pub(super) fn step(
    draft: &PlanDraft,
    old: Option<&str>,
    kind: &str,
    sent: &BTreeMap<String, String>,
) -> Option<(String, Value)> {
    let steps = &draft.read.as_ref().ok()?.steps;
    let (kind, _) = *KINDS.iter().find(|(known, _)| *known == kind)?;
    // What the form does not show stays.
    let known = old
        .and_then(|old| steps.get(old))
        .and_then(|step| step.get(kind));
    let mut fields = known.cloned().unwrap_or_else(|| json!({}));
    let mut cases = Vec::new();
    for Place { path, holds, .. } in places(kind, &fields)? {
        let text = sent.get(&format!("f.{path}")).map_or("", String::as_str);
        let value = read(&text.replace("\r\n", "\n"), holds);
        match path
            .strip_prefix("cases.")
            .and_then(|rest| rest.split_once('.'))
        {
            Some((_, part)) => cases.push((part.to_owned(), value)),
            None => set(&mut fields, &path, value),
        }
    }
    if kind == "match" {
        set(&mut fields, "cases", Some(paired(&cases)));
    }
    let wanted = sent.get("step.name").map_or("", |name| name.trim());
    let name = match (wanted, old) {
        ("", Some(old)) => old.to_owned(),
        ("", None) => unused(kind, steps),
        (wanted, old) if Some(wanted) == old => wanted.to_owned(),
        (wanted, _) => unused(wanted, steps),
    };
    Some((name, json!({kind: fields})))
}

/// Cases of which anything was filled in. Each comes as its `when` and its `step`.
fn paired(parts: &[(String, Option<Value>)]) -> Value {
    let cases = parts.chunks(2).filter_map(|parts| {
        let filled = parts.iter().filter_map(|(part, value)| {
            let value = value.clone()?;
            Some((part.clone(), value))
        });
        let mut case: Map<String, Value> = filled.collect();
        if case.is_empty() {
            return None;
        }
        case.entry("when").or_insert_with(|| json!({}));
        Some(Value::Object(case))
    });
    cases.collect::<Vec<_>>().into()
}

/// A place of a step's document that the form shows.
struct Place {
    path: String,
    word: String,
    hint: &'static str,
    holds: Holds,
}

fn places(kind: &str, fields: &Value) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    if kind == "match" {
        let cases = fields.get("cases").and_then(Value::as_array);
        for nth in 0..cases.map_or(0, Vec::len) + MORE_CASES {
            places.push(Place {
                path: format!("cases.{nth}.when"),
                word: format!("Case {}: when", nth + 1),
                hint: "a condition on each line, such as visitor_language = de or caller = withheld; all must hold",
                holds: Holds::When,
            });
            places.push(Place {
                path: format!("cases.{nth}.step"),
                word: format!("Case {}: then", nth + 1),
                hint: "",
                holds: Holds::Step(Some("no such case")),
            });
        }
    }
    places.extend(specs(kind)?.iter().map(|&(path, word, hint, holds)| Place {
        path: path.to_owned(),
        word: word.to_owned(),
        hint,
        holds,
    }));
    Some(places)
}

/// What stands at a place.
fn at<'a>(fields: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(fields, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// Puts a value at a place, or takes away what is there.
fn set(fields: &mut Value, path: &str, value: Option<Value>) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    if !fields.is_object() {
        *fields = json!({});
    }
    let Some(object) = fields.as_object_mut() else {
        return;
    };
    if rest.is_empty() {
        match value {
            Some(value) => object.insert(first.to_owned(), value),
            None => object.remove(first),
        };
    } else if value.is_some() || object.contains_key(first) {
        set(
            object.entry(first).or_insert_with(|| json!({})),
            rest,
            value,
        );
    }
}

/// A name that no step has yet.
fn unused(wanted: &str, steps: &BTreeMap<String, Value>) -> String {
    let names = std::iter::once(wanted.to_owned());
    let mut names = names.chain((2..).map(|nth| format!("{wanted} {nth}")));
    names
        .find(|name| !steps.contains_key(name))
        .unwrap_or_else(|| wanted.to_owned())
}

/// Whether a problem of a step is about one of its fields.
fn is_about(text: &str, kind: &str, path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let (case, key) = match path.split_once('.') {
        Some(("cases", rest)) => (rest.split('.').next(), None),
        Some(("keys", key)) => (None, Some(key)),
        _ => (None, None),
    };
    if let Some(key) = key {
        return text.starts_with(&format!("key {key:?} "));
    }
    if let Some(case) = case.and_then(|nth| nth.parse::<usize>().ok()) {
        let at_step = text.starts_with(&format!("case {} names", case + 1));
        let of_case = text.starts_with(&format!("case {}", case + 1))
            || text.starts_with(&format!("`match.cases[{case}]"));
        return if last == "step" {
            at_step || (of_case && text.contains("`step`"))
        } else {
            of_case && !at_step && !text.contains("`step`")
        };
    }
    let named = text
        .strip_prefix('`')
        .and_then(|rest| rest.split('`').next());
    let named = named.map(|named| {
        let of_kind = named
            .strip_prefix(kind)
            .map(|rest| rest.trim_start_matches('.'));
        of_kind.unwrap_or(named)
    });
    named == Some(path)
        || named.is_some_and(|named| named.starts_with(&format!("{path}[")))
        || text.starts_with(&format!("{path} names the step "))
        || text.contains(&format!("missing field `{last}`"))
}

/// What can be chosen in a field. What stands there already always can.
fn input(holds: Holds, draft: &PlanDraft, value: &str) -> Input {
    let same = |text: &String| (text.clone(), text.clone());
    let none = |word: &str| (String::new(), word.to_owned());
    let mut choices: Vec<(String, String)> = match holds {
        Holds::Text | Holds::Phone | Holds::Number | Holds::List => return Input::Line,
        Holds::Days | Holds::When => return Input::Lines,
        Holds::Step(end) => {
            let steps = draft.read.iter().flat_map(|read| read.steps.keys());
            let end = none(end.unwrap_or("choose a step"));
            std::iter::once(end).chain(steps.map(same)).collect()
        }
        Holds::Group => {
            let groups = draft.own.names.groups.keys().map(same);
            std::iter::once(none("choose a group"))
                .chain(groups)
                .collect()
        }
        Holds::Trunk => {
            let trunks = draft.own.names.trunks.keys().map(same);
            std::iter::once(none("choose a trunk"))
                .chain(trunks)
                .collect()
        }
        Holds::Prompt(without) => {
            let first = none(without.unwrap_or("choose a prompt"));
            let prompts = draft.prompts();
            std::iter::once(first)
                .chain(prompts.iter().map(same))
                .collect()
        }
        Holds::Strategy => {
            let words = Strategy::ALL.iter().map(|word| {
                let word = word.as_str();
                (word.to_owned(), word.replace('_', " "))
            });
            std::iter::once(none("as the group says"))
                .chain(words)
                .collect()
        }
        Holds::CallerId => {
            let mut numbers: Vec<_> = draft.holdings.numbers.iter().collect();
            numbers.sort_by_key(|number| number.as_str());
            let numbers = numbers.into_iter().take(MOST_NUMBERS);
            let dialled = (
                "dialled".to_owned(),
                "the number that was dialled".to_owned(),
            );
            [none("the caller's own"), dialled]
                .into_iter()
                .chain(numbers.map(|number| same(&number.as_str().to_owned())))
                .collect()
        }
        Holds::Record => {
            let prompts = draft.prompts();
            let after = prompts.iter().map(|prompt| {
                let word = format!("yes, once both sides heard {prompt}");
                (format!("{CONSENT}{prompt}"), word)
            });
            [
                none("as the server says"),
                ("true".to_owned(), "yes".to_owned()),
                ("false".to_owned(), "no".to_owned()),
            ]
            .into_iter()
            .chain(after)
            .collect()
        }
    };
    if choices.iter().all(|(known, _)| known != value) {
        choices.push((value.to_owned(), format!("{value} (there is none)")));
    }
    Input::Choice(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_and_taken_out_by_their_place() {
        let mut fields = json!({"open": "a", "hours": {"zone": "Europe/London"}});
        set(&mut fields, "hours.week.mon", Some(json!(["09:00-17:00"])));
        set(&mut fields, "open", None);
        set(&mut fields, "hours.week.tue", None);
        let expected =
            json!({"hours": {"zone": "Europe/London", "week": {"mon": ["09:00-17:00"]}}});
        assert_eq!(fields, expected);
        assert_eq!(at(&fields, "hours.zone"), Some(&json!("Europe/London")));
        assert_eq!(
            at(&json!({"cases": [{"step": "a"}]}), "cases.0.step"),
            Some(&json!("a"))
        );
        assert_eq!(at(&fields, "cases.0.step"), None);
    }

    #[test]
    fn a_problem_stands_beside_its_field() {
        for (text, kind, path) in [
            (
                "`ring.group` expected the name of a group, got \"x\"",
                "ring",
                "group",
            ),
            ("`ring`: missing field `group`", "ring", "group"),
            ("`timeout` expected 1 to 300, got 900", "ring", "timeout"),
            ("`forward.number` +44: no", "forward", "number"),
            ("otherwise names the step \"x\", which", "ring", "otherwise"),
            ("key \"1\" names the step \"x\", which", "menu", "keys.1"),
            (
                "`schedule.hours`: missing field `zone`",
                "schedule",
                "hours.zone",
            ),
            (
                "`schedule.hours.week.mon[0]`: expected hours",
                "schedule",
                "hours.week.mon",
            ),
            ("case 2 names the step \"x\"", "match", "cases.1.step"),
            (
                "case 2: `country` expected two letters",
                "match",
                "cases.1.when",
            ),
        ] {
            assert!(is_about(text, kind, path), "{text} {path}");
        }
        assert!(!is_about(
            "case 2 names the step \"x\"",
            "match",
            "cases.1.when"
        ));
        assert!(!is_about("`timeout` expected 1 to 300", "ring", "group"));
    }

    #[test]
    fn cases_that_nobody_filled_in_are_left_out() {
        let parts = vec![
            ("when".to_owned(), Some(json!({"country": ["DE"]}))),
            ("step".to_owned(), Some(json!("a"))),
            ("when".to_owned(), None),
            ("step".to_owned(), None),
        ];
        assert_eq!(
            paired(&parts),
            json!([{"when": {"country": ["DE"]}, "step": "a"}])
        );
    }
}
