//! `ringfence source try`: says what the source rules make of a visit, and why. Reads no rows and asks no network.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use ringfence_platform::arrangement::{RulePart, SitePart, read_arrangement};
use ringfence_tracking::{
    ChoiceExplanation, ChoiceFacts, Explanation, SourceRules, VisitFacts, explain, explain_choice,
    parse_landing,
};
use serde_json::{Value, json};

use crate::cli::SourceTry;

/// Prints the answer.
///
/// # Errors
/// When the URL is no page's, or the arrangement cannot be read or has no such site.
pub fn run(asked: &SourceTry) -> anyhow::Result<()> {
    let landing = parse_landing(&asked.url)?;
    let facts = VisitFacts {
        landing: &landing,
        referrer: asked.referrer.as_deref(),
        own_hosts: &asked.own_host,
    };
    let explanation = explain(&facts, &SourceRules::default());
    let site = asked
        .arrangement
        .as_deref()
        .map(|file| site_of(file, asked.site.as_deref()))
        .transpose()?;
    let wishes: Vec<_> = site
        .iter()
        .flat_map(|site| &site.rule)
        .map(RulePart::wish)
        .collect();
    let choice = explain_choice(
        wishes.iter(),
        &ChoiceFacts {
            source: &explanation.source,
            language: asked.language.as_deref(),
            country: asked.country.as_deref(),
        },
    );
    let shown_by = site.as_ref().map(|site| (site, &choice));
    if asked.json {
        let mut answer = as_json(&explanation);
        if let Some((site, choice)) = shown_by {
            answer["shown"] = choice_as_json(site, choice);
        }
        println!("{answer}");
    } else {
        print!("{}", text(&explanation));
        if let Some((site, choice)) = shown_by {
            print!("{}", choice_text(site, choice));
        }
    }
    Ok(())
}

/// The site of that name in an arrangement, or its only one.
fn site_of(file: &Path, name: Option<&str>) -> anyhow::Result<SitePart> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("expected a file that can be read at {}", file.display()))?;
    let arrangement = read_arrangement(&text, file)?;
    let problems = arrangement.problems();
    if !problems.is_empty() {
        bail!(
            "the arrangement is not in order:\n  {}",
            problems.join("\n  ")
        );
    }
    let names: Vec<&str> = arrangement
        .site
        .iter()
        .map(|site| site.name.as_str())
        .collect();
    let names = names.join(", ");
    let mut sites = arrangement
        .site
        .iter()
        .filter(|site| name.is_none_or(|name| name == site.name));
    match (sites.next(), sites.next()) {
        (Some(site), None) => Ok(site.clone()),
        (None, _) => bail!("expected `--site` to name a site of the file, which has: {names}"),
        _ => bail!("expected `--site` with the name of one of the file's sites: {names}"),
    }
}

/// What the visit is shown, in words.
fn outcome(site: &SitePart, choice: &ChoiceExplanation<'_>) -> String {
    let (pool, number) = match choice.chosen {
        Some(place) => (&site.rule[place].pool, &site.rule[place].number),
        None => (&site.pool, &None),
    };
    match (pool, number) {
        (_, Some(number)) => format!("the fixed number {number}"),
        (Some(pool), None) => format!("a number of the pool {pool:?}"),
        (None, None) => "no number: the site has no pool for it".into(),
    }
}

fn choice_text(site: &SitePart, choice: &ChoiceExplanation<'_>) -> String {
    let outcome = outcome(site, choice);
    let mut text = format!("{outcome}\n");
    for (place, why) in &choice.passed {
        let _ = writeln!(text, "  rule {}: {}", place + 1, shown(&why.to_string()));
    }
    let _ = match choice.chosen {
        Some(place) => writeln!(text, "  rule {}: fits -> {outcome}", place + 1),
        None if site.rule.is_empty() => {
            writeln!(text, "  the site has no rules: its own pool -> {outcome}")
        }
        None => writeln!(text, "  no rule fits: the site's own pool -> {outcome}"),
    };
    text
}

fn choice_as_json(site: &SitePart, choice: &ChoiceExplanation<'_>) -> Value {
    let rule = choice.chosen.map(|place| &site.rule[place]);
    let passed: Vec<Value> = choice
        .passed
        .iter()
        .map(|(place, why)| json!({"rule": place + 1, "found": why.to_string()}))
        .collect();
    json!({
        "site": site.name,
        "rule": choice.chosen.map(|place| place + 1),
        "pool": rule.map_or(site.pool.as_ref(), |rule| rule.pool.as_ref()),
        "number": rule.and_then(|rule| rule.number.as_ref()),
        "passed": passed,
    })
}

fn text(explanation: &Explanation<'_>) -> String {
    let source = &explanation.source;
    let name = shown(&source.name);
    let mut text = format!("{name} ({})\n", source.kind.as_str());
    let last = explanation.found.len().saturating_sub(1);
    for (place, (rule, finding)) in explanation.found.iter().enumerate() {
        let decided = if explanation.matched && place == last {
            format!(" -> {name}, {}", source.kind.as_str())
        } else {
            String::new()
        };
        // A string takes all that is written to it.
        let _ = writeln!(text, "  {}: {finding}{decided}", rule.words());
    }
    if !explanation.matched {
        text.push_str("  no rule matched: typed, bookmarked, or without a trace -> direct\n");
    }
    for (word, value) in [("campaign", &source.campaign), ("keyword", &source.keyword)] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {word}: {}", shown(value));
        }
    }
    text
}

/// Without control characters, so that nothing in a stranger's URL moves the terminal's cursor.
fn shown(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn as_json(explanation: &Explanation<'_>) -> Value {
    let found: Vec<Value> = explanation
        .found
        .iter()
        .map(|(rule, finding)| json!({"rule": rule, "found": finding.to_string()}))
        .collect();
    let decided = explanation
        .found
        .last()
        .filter(|_| explanation.matched)
        .map(|(rule, _)| rule);
    json!({
        "source": explanation.source,
        "decided_by": decided,
        "rules": found,
    })
}
