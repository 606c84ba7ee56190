//! What was found, as a line, as JSON, or for a person to read.

use std::fmt::Write as _;

use ringfence_platform::fence::look::{Look, Signal, Verdict};
use serde_json::json;

use super::Outcome;

/// Signals that a line names.
const NAMED: usize = 5;

/// A page that was looked at, or not.
pub enum Checked {
    Seen { page: String, seen: Seen },
    Not { page: String, error: String },
}

/// What was seen of a page.
pub struct Seen {
    pub look: Look,
    /// Where it came from, after redirects.
    pub url: Option<String>,
    pub status: Option<u16>,
    /// Scripts, frames and styles that were looked at with it.
    pub parts: usize,
    /// Those that could not be.
    pub left_out: usize,
}

impl Checked {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Not { .. } => Outcome::NotLooked,
            Self::Seen { seen, .. } => match seen.look.verdict {
                Verdict::Clean => Outcome::Clean,
                Verdict::Suspicious => Outcome::Suspicious,
                Verdict::Scam => Outcome::Scam,
            },
        }
    }
}

/// One JSON object and a line's end.
pub fn json(checked: &Checked, explained: bool) -> String {
    let mut object = match checked {
        Checked::Not { page, error } => json!({
            "page": page,
            "verdict": null,
            "score": null,
            "signals": [],
            "error": error,
        }),
        Checked::Seen { page, seen } => json!({
            "page": page,
            "verdict": seen.look.verdict.as_str(),
            "score": rounded(seen.look.score),
            "signals": seen.look.signals.iter().map(signal).collect::<Vec<_>>(),
            "phones": seen.look.phones,
            "url": seen.url,
            "status": seen.status,
            "parts": seen.parts,
            "left_out": seen.left_out,
            "incomplete": seen.look.incomplete || seen.left_out > 0,
        }),
    };
    if explained {
        object["explanation"] = explain(checked).into();
    }
    format!("{object}\n")
}

fn signal(signal: &Signal) -> serde_json::Value {
    json!({
        "kind": signal.kind.as_str(),
        "found": signal.found.to_string(),
        "excerpt": signal.found.excerpt,
        "why": signal.why,
        "weight": rounded(signal.weight),
        "strength": rounded(signal.strength),
        "count": signal.count,
    })
}

/// Four places behind the point say more than is known.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// One line: verdict, score, page, and what counts most.
pub fn line(checked: &Checked) -> String {
    match checked {
        Checked::Not { page, error } => format!("not looked\t-\t{page}\t{error}\n"),
        Checked::Seen { page, seen } => {
            let kinds: Vec<&str> = seen
                .look
                .signals
                .iter()
                .map(|signal| signal.kind.as_str())
                .collect();
            let more = kinds.len().saturating_sub(NAMED);
            let mut named = kinds[..kinds.len().min(NAMED)].join(", ");
            if more > 0 {
                let _ = write!(named, ", and {more} more");
            }
            format!(
                "{}\t{:.3}\t{page}\t{named}\n",
                seen.look.verdict, seen.look.score
            )
        }
    }
}

/// Verdict first, then why, then what to do.
pub fn explain(checked: &Checked) -> String {
    let (page, seen) = match checked {
        Checked::Not { page, error } => return format!("COULD NOT LOOK at {page}\n  {error}\n\n"),
        Checked::Seen { page, seen } => (page, seen),
    };
    let look = &seen.look;
    let (verdict, meaning) = match look.verdict {
        Verdict::Clean => ("CLEAN", "nothing here that a person would have to look at"),
        Verdict::Suspicious => ("SUSPICIOUS", "a person should look at it"),
        Verdict::Scam => ("SCAM", "it locks and alarms its visitors to make them call"),
    };
    let mut text = format!(
        "{verdict}  {page}\n  {meaning}; score {:.3} of 1\n",
        look.score
    );
    if let Some(url) = seen.url.as_deref().filter(|url| url != page) {
        let _ = writeln!(text, "  came from {url}");
    }
    let parts = match seen.parts {
        0 => "on its own".into(),
        1 => "with 1 script, frame or style".into(),
        parts => format!("with {parts} scripts, frames and styles"),
    };
    let _ = write!(text, "  looked at {parts}");
    if seen.left_out > 0 {
        let _ = write!(
            text,
            "; {} could not be had or were over a bound",
            seen.left_out
        );
    } else if look.incomplete {
        text.push_str("; it refers to more that was not at hand, or is longer than what is read");
    }
    text.push('\n');
    if !look.signals.is_empty() {
        text.push_str("\n  why\n");
    }
    for signal in &look.signals {
        let times = if signal.count > 1 {
            format!(" ({} times)", signal.count)
        } else {
            String::new()
        };
        let _ = writeln!(text, "  - {}{times}", signal.why);
        let _ = writeln!(
            text,
            "      {} at {}: {}",
            signal.kind.as_str(),
            signal.found,
            printable(&signal.found.excerpt)
        );
    }
    if !look.phones.is_empty() {
        let _ = writeln!(text, "\n  numbers on the page: {}", look.phones.join(", "));
    }
    let _ = writeln!(text, "\n  what to do\n  {}\n", advice(look.verdict));
    text
}

fn advice(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => {
            "Nothing. What a look cannot see: pages that are another one for other visitors."
        }
        Verdict::Suspicious => {
            "Read the places above. If the page asks for a call and keeps its visitors from leaving, treat it as a scam; \
             if it is a game, a kiosk, an exam or a remote desktop, the signals are what it needs to work."
        }
        Verdict::Scam => {
            "Do not call the number. Give it to nobody but its carrier and the authorities, withhold tracking numbers from \
             the page, block its host, and keep the file: it is the evidence."
        }
    }
}

/// A page's own text must not move the reader's cursor or colour the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
