//! Steps as people write them, who know groups and trunks by their names, and as rows keep them, by identifiers.
//!
//! A step that cannot be read is told, with its place, and a `reject` stands in for it: what leads to it is sound.

use std::collections::BTreeMap;

use ringfence_media::builtin_prompts;
use ringfence_model::{CallerIdShown, PlanDocument, Step, TargetGroupId};
use serde_json::{Map, Value};

use super::PlanPart;
use super::check::Holdings;
use super::shape::Names;

/// The document of a plan with everything that is wrong with how it is written.
pub(super) fn document(part: &PlanPart, names: &Names, problems: &mut Vec<String>) -> PlanDocument {
    let Some(start) = &part.start else {
        return of_groups(part, names, problems);
    };
    let steps = part.steps.iter().map(|(name, written)| {
        let step = read(name, written, names, problems);
        (name.clone(), step.unwrap_or(Step::Reject { code: 480 }))
    });
    PlanDocument {
        steps: steps.collect(),
        start: start.clone(),
    }
}

/// One step; `None` when it cannot be read, and then it is told why.
fn read(name: &str, written: &Value, names: &Names, problems: &mut Vec<String>) -> Option<Step> {
    let before = problems.len();
    let mut value = without_dates(written.clone());
    let Some(kinds) = value.as_object_mut() else {
        problems.push(format!(
            "step {name:?}: expected its kind, such as [steps.{name}.ring], got {written}"
        ));
        return None;
    };
    for (kind, field, what) in [
        ("ring", "group", "group"),
        ("queue", "group", "group"),
        ("forward", "trunk", "trunk"),
    ] {
        let Some(reference) = kinds.get_mut(kind).and_then(|step| step.get_mut(field)) else {
            continue;
        };
        let id = reference.as_str().and_then(|name| match what {
            "group" => names.groups.get(name).map(ToString::to_string),
            _ => names.trunks.get(name).map(ToString::to_string),
        });
        match id {
            Some(id) => *reference = Value::String(id),
            None => problems.push(format!(
                "step {name:?}: `{kind}.{field}` expected the name of a {what}, got {reference}"
            )),
        }
    }
    if problems.len() > before {
        return None;
    }
    match serde_path_to_error::deserialize::<_, Step>(&value) {
        Ok(step) => Some(step),
        Err(error) => {
            let place = error.path().to_string();
            let place = if place == "." {
                String::new()
            } else {
                format!("`{place}`: ")
            };
            problems.push(format!("step {name:?}: {place}{}", error.inner()));
            None
        }
    }
}

/// What a step asks for that calls do not do yet, by kind and field.
pub(super) fn not_carried_out(step: &Step, own: &Holdings) -> Vec<String> {
    let kind = step.kind();
    let mut told = Vec::new();
    if let Step::Queue(queue) = step
        && queue.call_back_key.is_some()
    {
        told.push(format!(
            "`{kind}.call_back_key` cannot be carried out by calls yet; leave it out"
        ));
    }
    let unknown = step.prompts().into_iter().filter(|(_, prompt)| {
        !own.prompts.contains(*prompt) && !builtin_prompts().any(|known| known == *prompt)
    });
    told.extend(unknown.map(|(field, prompt)| {
        format!(
            "`{kind}.{field}` expected the name of a [[prompt]], or one that every installation has such as \
             builtin:en/closed, got {prompt:?}"
        )
    }));
    if let Step::Ring(ring) = step
        && let CallerIdShown::Number(number) = &ring.caller_id
        && !own.numbers.contains(number)
    {
        told.push(format!(
            "`{kind}.caller_id` expected caller, dialled, or one of the account's own numbers, got {number}"
        ));
    }
    told
}

/// The steps of a plan as people write them: identifiers become names again, and one that nobody knows stays.
pub(super) fn written(document: &PlanDocument, names: &Names) -> BTreeMap<String, Value> {
    let name_of = |id: &str| {
        let group = names
            .groups
            .iter()
            .find(|(_, group)| group.to_string() == id);
        let trunk = names
            .trunks
            .iter()
            .find(|(_, trunk)| trunk.to_string() == id);
        group
            .map(|(name, _)| name.clone())
            .or_else(|| trunk.map(|(name, _)| name.clone()))
    };
    let steps = document.steps.iter().filter_map(|(name, step)| {
        let mut value = serde_json::to_value(step).ok()?;
        for (kind, field) in [("ring", "group"), ("queue", "group"), ("forward", "trunk")] {
            if let Some(id) = value.get_mut(kind).and_then(|step| step.get_mut(field))
                && let Some(name) = id.as_str().and_then(name_of)
            {
                *id = Value::String(name);
            }
        }
        Some((name.clone(), value))
    });
    steps.collect()
}

/// The short form: groups, one after the other, and a last word.
fn of_groups(part: &PlanPart, names: &Names, problems: &mut Vec<String>) -> PlanDocument {
    let last = part.ring.len();
    let step = |index: usize| {
        if index < last {
            format!("ring {}", index + 1)
        } else {
            "reject".to_string()
        }
    };
    let mut steps = BTreeMap::new();
    for (index, name) in part.ring.iter().enumerate() {
        let group: Option<&TargetGroupId> = names.groups.get(name);
        let Some(&group) = group else {
            problems.push(format!("`ring` expected the name of a group, got {name:?}"));
            continue;
        };
        let more = index + 1 < last || part.otherwise_reject.is_some();
        steps.insert(
            step(index),
            Step::ring(group, more.then(|| step(index + 1))),
        );
    }
    if let Some(code) = part
        .otherwise_reject
        .or(part.ring.is_empty().then_some(480))
    {
        steps.insert("reject".into(), Step::Reject { code });
    }
    PlanDocument {
        start: step(0),
        steps,
    }
}

/// TOML has dates of its own, which come as an object of one field; documents have them as texts.
pub(crate) fn without_dates(value: Value) -> Value {
    match value {
        Value::Object(object) => match object.get("$__toml_private_datetime") {
            Some(date) => date.clone(),
            None => Value::Object(
                object
                    .into_iter()
                    .map(|(key, value)| (key, without_dates(value)))
                    .collect::<Map<_, _>>(),
            ),
        },
        Value::Array(values) => Value::Array(values.into_iter().map(without_dates).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Timestamp;

    fn names() -> Names {
        let id = |n| TargetGroupId::new(Timestamp::from_micros(0), n);
        Names {
            groups: [("Sales".into(), id(1)), ("Mobile".into(), id(2))].into(),
            ..Names::default()
        }
    }

    #[test]
    fn a_plan_of_two_groups_goes_from_one_to_the_other_and_then_rejects() {
        let names = names();
        let part = PlanPart {
            name: "Main".into(),
            ring: vec!["Sales".into(), "Mobile".into()],
            otherwise_reject: Some(486),
            ..PlanPart::default()
        };
        let mut problems = Vec::new();
        let document = document(&part, &names, &mut problems);
        assert_eq!((document.start.as_str(), problems.len()), ("ring 1", 0));
        let group = |name: &str| names.groups[name];
        assert_eq!(
            document.steps["ring 1"],
            Step::ring(group("Sales"), Some("ring 2".into()))
        );
        assert_eq!(
            document.steps["ring 2"],
            Step::ring(group("Mobile"), Some("reject".into()))
        );
        assert_eq!(document.steps["reject"], Step::Reject { code: 486 });
    }

    #[test]
    fn steps_name_groups_and_come_back_by_name() {
        let text = "name = \"Main\"\nstart = \"hours\"\n\
            [steps.hours.schedule]\nopen = \"sales\"\notherwise = \"closed\"\n\
            [steps.hours.schedule.hours]\nzone = \"Europe/London\"\nholidays = [2026-12-25]\n\
            week = { mon = [\"09:00-17:00\"] }\n\
            [steps.sales.ring]\ngroup = \"Sales\"\n[steps.closed.reject]\ncode = 480\n";
        let part: PlanPart = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let document = document(&part, &names(), &mut problems);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(
            document.steps["sales"],
            Step::ring(names().groups["Sales"], None)
        );
        assert_eq!(
            written(&document, &names())["sales"]["ring"]["group"],
            "Sales"
        );
    }

    #[test]
    fn every_step_that_cannot_be_read_is_told_with_its_field() {
        let text = "name = \"Main\"\nstart = \"a\"\n\
            [steps.a.ring]\ngroup = \"Nobody\"\n\
            [steps.b.ring]\ngroup = \"Sales\"\ntimeout = \"long\"\n\
            [steps.c.rign]\ngroup = \"Sales\"\n[steps.d.reject]\ncode = 480\n";
        let part: PlanPart = toml::from_str(text).unwrap();
        let mut problems = Vec::new();
        let document = document(&part, &names(), &mut problems);
        for (problem, part) in problems
            .iter()
            .zip(["`ring.group`", "`ring.timeout`", "rign"])
        {
            assert!(problem.contains(part), "{problem}");
        }
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(document.steps["a"], Step::Reject { code: 480 });
    }
}
