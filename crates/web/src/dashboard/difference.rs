//! What changed between two texts, line by line.

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

/// The lines that differ, with the line before and after each; by the longest common subsequence.
pub(super) fn difference(before: &str, after: &str) -> Vec<Line> {
    let old: Vec<&str> = before.lines().take(MOST_LINES).collect();
    let new: Vec<&str> = after.lines().take(MOST_LINES).collect();
    // common[i][j]: the lines that old[i..] and new[j..] share.
    let mut common = vec![vec![0_u16; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut lines = Vec::new();
    let mut push = |sign, text: &str| {
        lines.push(Line {
            sign,
            text: text.to_owned(),
        });
    };
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            push(' ', old[i]);
            i += 1;
            j += 1;
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            push('−', old[i]);
            i += 1;
        } else {
            push('+', new[j]);
            j += 1;
        }
    }
    let is_near = |at: usize| {
        let from = at.saturating_sub(1);
        lines[from..(at + 2).min(lines.len())]
            .iter()
            .any(|line| line.sign != ' ')
    };
    (0..lines.len())
        .filter(|&at| is_near(at))
        .map(|at| lines[at].clone())
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
