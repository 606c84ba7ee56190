//! Style sheets: what hides the cursor, forbids selecting, and makes a frame as large as the window.

use super::evidence::Evidence;
use super::place::{Place, Source};
use super::signal::SignalKind;

/// Octets of a sheet that are read.
const STYLE_MAX: usize = 1024 * 1024;
/// Octets of a rule that are looked at.
const RULE_MAX: usize = 2048;

/// Elements that hide the pointer over themselves from which on it is hidden everywhere.
const HIDDEN_POINTERS: u32 = 3;

/// A style sheet.
pub(super) fn read(
    text: &str,
    source: &Source,
    line: u32,
    trust: f64,
    evidence: &mut Evidence,
) -> Frames {
    let mut end = text.len().min(STYLE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lower = text[..end].to_ascii_lowercase();
    let place = |at: usize| {
        let breaks = lower[..at].matches('\n').count();
        let line = (line > 0).then(|| line.saturating_add(u32::try_from(breaks).unwrap_or(0)));
        Place::around(source.clone(), line, text, at)
    };
    let mut hidden = 0;
    for (at, _) in lower.match_indices("cursor") {
        if value(&lower[at + 6..]).is_some_and(hides) {
            hidden += 1;
            let root = selects_root(selector(&lower, at));
            let strength = if root || hidden >= 4 { 1.0 } else { 0.4 };
            evidence.note(SignalKind::CursorHidden, strength * trust, || place(at));
            evidence.facts.pointer_rules += u32::from(trust >= 1.0);
        }
    }
    for (at, _) in lower.match_indices("user-select") {
        if value(&lower[at + 11..]).is_some_and(|value| value.starts_with("none"))
            && selects_root(selector(&lower, at))
        {
            evidence.note(SignalKind::SelectionBlocked, 0.6 * trust, || place(at));
        }
    }
    for (at, _) in lower.match_indices("content").take(400) {
        if let Some(shown) = value(&text[at + 7..]).and_then(quoted) {
            evidence.may_be_shown(shown);
        }
    }
    let mut frames = Frames::default();
    for (at, _) in lower.match_indices("iframe") {
        frames.whole |= rule(&lower, at).is_some_and(fills_window);
    }
    if lower.contains("100%") || lower.contains("100v") {
        for (at, _) in lower
            .match_indices('#')
            .chain(lower.match_indices('.'))
            .take(400)
        {
            if let Some(name) = selected_name(&lower[at + 1..])
                && rule(&lower, at).is_some_and(fills_window)
                && frames.names.len() < 32
            {
                frames.names.push(name.to_owned());
            }
        }
    }
    frames
}

/// Which frames a sheet makes as large as the window.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// All of them.
    pub whole: bool,
    /// What has one of these classes or ids.
    pub names: Vec<String>,
}

/// The style of one element.
pub(super) fn attribute(
    style: &str,
    root: bool,
    place: &dyn Fn() -> Place,
    evidence: &mut Evidence,
) {
    let lower = style.to_ascii_lowercase();
    if let Some((_, after)) = lower.split_once("cursor")
        && value(after).is_some_and(hides)
    {
        // One element may be a film or a board; kits write it on every box.
        evidence.facts.hidden_pointers += 1;
        evidence.facts.pointer_rules += 1;
        let whole = root || evidence.facts.hidden_pointers >= HIDDEN_POINTERS;
        let strength = if whole { 1.0 } else { 0.5 };
        evidence.note(SignalKind::CursorHidden, strength, place);
    }
}

/// Declarations make a box as large as the window.
pub(super) fn fills_window(declarations: &str) -> bool {
    let full = |name: &str| {
        declarations.match_indices(name).any(|(at, _)| {
            value(&declarations[at + name.len()..])
                .is_some_and(|value| value.starts_with("100%") || value.starts_with("100v"))
        })
    };
    (full("width") && full("height"))
        || declarations.contains("inset:0")
        || declarations.contains("inset: 0")
}

/// `none`, or an empty picture with `none` behind it.
fn hides(value: &str) -> bool {
    let end = value
        .bytes()
        .take(200)
        .position(|octet| matches!(octet, b';' | b'}' | b'"'))
        .unwrap_or(value.len().min(200));
    value.get(..end).is_some_and(|value| {
        value.starts_with("none") || value.contains(",none") || value.contains(", none")
    })
}

/// A text in quotes that is long enough to say something.
fn quoted(value: &str) -> Option<&str> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let shown = value[1..].split(quote).next()?;
    (shown.len() > 8).then_some(shown)
}

fn value(after: &str) -> Option<&str> {
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// The declarations of the rule whose selector holds `at`.
fn rule(sheet: &str, at: usize) -> Option<&str> {
    let rest = &sheet[at..];
    let open = rest.bytes().take(200).position(|octet| octet == b'{')?;
    if rest.as_bytes()[..open].contains(&b'}') {
        return None;
    }
    let body = &rest.as_bytes()[open..rest.len().min(open + RULE_MAX)];
    let close = body.iter().position(|&octet| octet == b'}')?;
    rest.get(open + 1..open + close)
}

/// The selector of the rule whose declarations hold `at`.
fn selector(sheet: &str, at: usize) -> &str {
    let from = at.saturating_sub(RULE_MAX);
    let before = &sheet.as_bytes()[from..at];
    let open = before.iter().rposition(|&octet| octet == b'{').unwrap_or(0);
    let start = before[..open]
        .iter()
        .rposition(|&octet| matches!(octet, b'}' | b'>' | b';'))
        .map_or(0, |index| index + 1);
    sheet.get(from + start..from + open).unwrap_or_default()
}

fn selects_root(selector: &str) -> bool {
    selector.split(',').any(|one| {
        matches!(
            one.trim(),
            "*" | "body" | "html" | "html body" | "body *" | "a" | "div" | ":root"
        )
    })
}

fn selected_name(after: &str) -> Option<&str> {
    let end = after
        .bytes()
        .position(|octet| !(octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_'))?;
    let name = &after[..end];
    (!name.is_empty() && !name.as_bytes()[0].is_ascii_digit()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_cursor_counts_more_on_the_whole_page() {
        for (sheet, strength) in [
            ("html, body { margin:0; cursor : none !important }", 1.0),
            (".player.idle{cursor:none}", 0.4),
            ("a{cursor:pointer}", 0.0),
        ] {
            let mut evidence = Evidence::new();
            read(sheet, &Source::InlineStyle, 1, 1.0, &mut evidence);
            assert!(
                (evidence.strength(SignalKind::CursorHidden) - strength).abs() < 1e-9,
                "{sheet}"
            );
        }
    }

    #[test]
    fn frames_as_large_as_the_window_are_named() {
        let frames = read(
            "#f { position: fixed; width: 100vw; height:100% } .g{width:100%}",
            &Source::InlineStyle,
            1,
            1.0,
            &mut Evidence::new(),
        );
        assert_eq!(frames.names, ["f"]);
        assert!(!frames.whole);
    }
}
