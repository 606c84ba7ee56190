//! `ringfence source try`: says what the source rules make of a visit, and why. Reads no rows and asks no network.

use std::fmt::Write as _;

use ringfence_tracking::{
    Explanation, LandingError, SourceRules, VisitFacts, explain, parse_landing,
};
use serde_json::{Value, json};

use crate::cli::SourceTry;

/// Prints the answer.
///
/// # Errors
/// [`LandingError`] when the URL is no page's.
pub fn run(asked: &SourceTry) -> Result<(), LandingError> {
    let landing = parse_landing(&asked.url)?;
    let facts = VisitFacts {
        landing: &landing,
        referrer: asked.referrer.as_deref(),
        own_hosts: &asked.own_host,
    };
    let explanation = explain(&facts, &SourceRules::default());
    if asked.json {
        println!("{}", as_json(&explanation));
    } else {
        print!("{}", text(&explanation));
    }
    Ok(())
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
