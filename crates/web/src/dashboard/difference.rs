//! What changed between two texts, line by line.

use similar::{ChangeTag, TextDiff};

/// Lines of a text that are compared; what is longer is told as a whole.
const MOST_LINES: usize = 2_000;

/// A line that came, went, or stands beside one that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// `+`, `−`, or a space.
    pub(super) sign: char,
    pub(super) text: String,
}

impl Line {
    pub(super) const fn class(&self) -> &'static str {
        match self.sign {
            '+' => "came",
            '−' => "went",
            _ => "stayed",
        }
    }
}

/// The lines that differ, with the line before and after each.
pub(super) fn difference(before: &str, after: &str) -> Vec<Line> {
    let old: Vec<&str> = before.lines().take(MOST_LINES).collect();
    let new: Vec<&str> = after.lines().take(MOST_LINES).collect();
    let compared = TextDiff::from_slices(&old, &new);
    let groups = compared.grouped_ops(1);
    let changes = groups
        .iter()
        .flatten()
        .flat_map(|op| compared.iter_changes(op));
    changes
        .map(|change| Line {
            sign: match change.tag() {
                ChangeTag::Insert => '+',
                ChangeTag::Delete => '−',
                ChangeTag::Equal => ' ',
            },
            text: change.value().to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_is_told_with_what_stands_beside_it() {
        let told: Vec<String> = difference("a\nb\nc\nd\ne", "a\nb\nC\nd\ne\nf")
            .iter()
            .map(|line| format!("{}{}", line.sign, line.text))
            .collect();
        assert_eq!(told, [" b", "−c", "+C", " d", " e", "+f"]);
        assert_eq!(difference("a\nb", "a\nb"), []);
    }
}
