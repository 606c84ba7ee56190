//! The cases of a `match` step: which one a call takes, and why.

use ringfence_model::{Conditions, MatchStep, Source};

use crate::chance::Chance;
use crate::facts::CallFacts;
use crate::language::in_range;

/// The word with which conditions name a caller without a number.
pub(crate) const WITHHELD: &str = "withheld";

/// The next step, and why it is that one. The lot is drawn once for all cases of the step.
pub(crate) fn decide<'a>(
    step: &'a MatchStep,
    facts: &CallFacts,
    chance: &mut Chance<'_>,
) -> (&'a str, String) {
    let mut lot = None;
    for (index, case) in step.cases.iter().enumerate() {
        let Some(mut because) = holds(&case.when, facts) else {
            continue;
        };
        if let Some(percent) = case.when.percent {
            let lot = *lot.get_or_insert_with(|| chance.below(100));
            let before: u64 = step.cases[..index]
                .iter()
                .filter(|earlier| same_but_percent(&earlier.when, &case.when))
                .filter_map(|earlier| earlier.when.percent)
                .map(u64::from)
                .sum();
            if !(before..before + u64::from(percent)).contains(&lot) {
                continue;
            }
            because.push(format!("by lot, as {percent} % of calls"));
        }
        return (
            &case.step,
            format!("case {} holds: {}", index + 1, because.join(", ")),
        );
    }
    (&step.otherwise, "no case holds".to_owned())
}

/// Whether two cases ask the same but for their share, and so divide one hundred among them.
pub(crate) fn same_but_percent(one: &Conditions, other: &Conditions) -> bool {
    let other = Conditions {
        percent: one.percent,
        ..other.clone()
    };
    *one == other
}

/// What made the conditions hold, the percentage left out; `None` when one does not.
fn holds(when: &Conditions, facts: &CallFacts) -> Option<Vec<String>> {
    let mut because = Vec::new();
    let mut all = true;
    let mut ask =
        |name: &str, wanted: &[String], found: Option<&str>, fits: fn(&str, &str) -> bool| {
            if wanted.is_empty() {
                return;
            }
            match found.filter(|found| wanted.iter().any(|wanted| fits(wanted, found))) {
                Some(found) => because.push(format!("{name} is {found:?}")),
                None => all = false,
            }
        };
    let same: fn(&str, &str) -> bool = |wanted, found| wanted.eq_ignore_ascii_case(found);
    let visitor_language = facts.visitor_languages.first().map(String::as_str);
    ask(
        "the visitor's language",
        &when.visitor_language,
        visitor_language,
        in_range,
    );
    ask(
        "the caller's language",
        &when.caller_language,
        facts.caller_language.as_deref(),
        in_range,
    );
    ask("the country", &when.country, facts.country.as_deref(), same);
    ask("the region", &when.region, facts.region.as_deref(), same);
    ask("the device", &when.device, facts.device.as_deref(), same);
    let source = facts
        .source
        .as_ref()
        .and_then(|source| source_fits(&when.source, source));
    ask("the source", &when.source, source, same);
    let campaign = facts
        .source
        .as_ref()
        .and_then(|source| source.campaign.as_deref());
    ask("the campaign", &when.campaign, campaign, same);
    let tag = facts
        .tags
        .iter()
        .find(|tag| when.tag.iter().any(|wanted| same(wanted, tag)));
    ask("a tag", &when.tag, tag.map(String::as_str), same);
    if !when.caller.is_empty() {
        let caller = facts
            .caller
            .as_ref()
            .map_or(WITHHELD, |caller| caller.as_str());
        match when
            .caller
            .iter()
            .find(|pattern| caller_fits(pattern, caller))
        {
            // The number itself stands with the call; a reason is shown in more places.
            Some(pattern) => because.push(format!("the caller's number is {pattern}")),
            None => all = false,
        }
    }
    if let Some(returning) = when.returning {
        all &= facts.returning == returning;
        because.push(
            if returning {
                "the caller has called before"
            } else {
                "it is the caller's first call"
            }
            .into(),
        );
    }
    if !when.dialled.is_empty() {
        match facts
            .dialled
            .as_ref()
            .filter(|dialled| when.dialled.contains(dialled))
        {
            Some(dialled) => because.push(format!("{} was dialled", dialled.as_str())),
            None => all = false,
        }
    }
    all.then_some(because)
}

/// The source's kind or name, whichever is wanted.
fn source_fits<'a>(wanted: &[String], source: &'a Source) -> Option<&'a str> {
    [source.kind.as_str(), source.name.as_str()]
        .into_iter()
        .find(|word| {
            wanted
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(word))
        })
}

fn caller_fits(pattern: &str, caller: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => caller.starts_with(start),
        None => caller == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::{Case, SourceKind};

    type Set = fn(&mut Conditions, Vec<String>);

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    fn facts() -> CallFacts {
        CallFacts {
            caller: "+442079460123".parse().ok(),
            dialled: "+442079460001".parse().ok(),
            visitor_languages: words(&["de-AT", "en"]),
            caller_language: Some("de".into()),
            country: Some("AT".into()),
            region: Some("AT-9".into()),
            device: Some("phone".into()),
            source: Some(Source {
                kind: SourceKind::Paid,
                name: "Google Ads".into(),
                campaign: Some("Spring".into()),
                keyword: None,
            }),
            tags: words(&["vip"]),
            returning: true,
            last_target: None,
        }
    }

    #[test]
    fn each_condition_holds_for_what_it_asks_and_not_for_another() {
        let list = |word: &str| vec![word.to_owned()];
        let cases: [(Set, &str, &str); 9] = [
            (|c, v| c.visitor_language = v, "de", "en"),
            (|c, v| c.caller_language = v, "DE", "de-AT"),
            (|c, v| c.country = v, "at", "DE"),
            (|c, v| c.region = v, "AT-9", "AT-8"),
            (|c, v| c.device = v, "phone", "desktop"),
            (|c, v| c.source = v, "google ads", "Google"),
            (|c, v| c.campaign = v, "spring", "autumn"),
            (|c, v| c.tag = v, "VIP", "vi"),
            (|c, v| c.caller = v, "+4420*", "withheld"),
        ];
        for (set, right, wrong) in cases {
            let mut when = Conditions::default();
            set(&mut when, list(right));
            assert!(holds(&when, &facts()).is_some(), "{when:?}");
            assert_eq!(
                holds(&when, &CallFacts::default()),
                None,
                "nothing is known: {when:?}"
            );
            set(&mut when, list(wrong));
            assert_eq!(holds(&when, &facts()), None, "{when:?}");
            set(&mut when, vec![wrong.to_owned(), right.to_owned()]);
            assert!(
                holds(&when, &facts()).is_some(),
                "any of the list will do: {when:?}"
            );
        }
    }

    #[test]
    fn all_conditions_of_a_case_must_hold() {
        let mut when = Conditions {
            country: words(&["AT"]),
            returning: Some(true),
            dialled: vec!["+442079460001".parse().unwrap()],
            source: words(&["paid"]),
            ..Conditions::default()
        };
        let because = holds(&when, &facts()).expect("all hold").join(", ");
        assert_eq!(
            because,
            "the country is \"AT\", the source is \"paid\", the caller has called before, +442079460001 was dialled"
        );
        when.returning = Some(false);
        assert_eq!(holds(&when, &facts()), None);
    }

    #[test]
    fn a_withheld_number_can_be_asked_for() {
        let when = Conditions {
            caller: words(&[WITHHELD]),
            ..Conditions::default()
        };
        let withheld = CallFacts {
            caller: None,
            ..facts()
        };
        assert!(holds(&when, &withheld).is_some());
        assert_eq!(holds(&when, &facts()), None);
    }

    #[test]
    fn shares_of_one_step_divide_the_hundred() {
        let share = |percent, step: &str| Case {
            step: step.into(),
            when: Conditions {
                percent: Some(percent),
                ..Conditions::default()
            },
        };
        let step = MatchStep {
            otherwise: "rest".into(),
            cases: vec![share(30, "a"), share(20, "b")],
        };
        let mut taken = std::collections::BTreeMap::new();
        for lot in 0..100u64 {
            // The middle of the range of bits that becomes this lot.
            let bits = u64::try_from(((u128::from(lot) * 2 + 1) << 63) / 100).unwrap();
            let mut bits = || bits;
            let (next, _) = decide(&step, &facts(), &mut Chance::new(&mut bits));
            *taken.entry(next.to_owned()).or_insert(0) += 1;
        }
        assert_eq!(
            taken,
            [("a".into(), 30), ("b".into(), 20), ("rest".into(), 50)].into()
        );
    }
}
