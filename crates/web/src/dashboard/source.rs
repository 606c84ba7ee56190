//! A stranger's page as text, with the places of its signals marked. It is never rendered and never run: templates escape
//! it, and characters that would change how text reads are shown as what they are.

use ringfence_model::CaseSignal;

/// Octets of a page that are shown.
const SHOWN_MAX: usize = 128 * 1024;
/// Characters of an excerpt below which a place would be found by chance.
const SURE: usize = 12;
/// Characters of a long excerpt that stand before what was seen, about.
const BEFORE: usize = 40;
/// Octets of a line that is marked as a whole.
const LINE_MAX: usize = 200;
/// Octets of a word by which a line is known.
const WORD: usize = 5;

/// A piece of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// The mark's number, and the signals that were seen here.
    pub(super) mark: Option<(usize, String)>,
}

/// A page's source in pieces.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) pieces: Vec<Piece>,
    /// For each signal the number of its mark; `None` where it does not stand in what is shown.
    pub(super) marks: Vec<Option<usize>>,
    /// Octets that are shown.
    pub(super) shown: u64,
}

/// A page's source with marks where its signals were seen.
pub(super) fn marked(octets: &[u8], signals: &[CaseSignal]) -> Source {
    let octets = &octets[..octets.len().min(SHOWN_MAX)];
    let text: String = String::from_utf8_lossy(octets)
        .chars()
        .map(|character| {
            if misleads(character) {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            }
        })
        .collect();
    let folded = Folded::of(&text);
    let mut places: Vec<(usize, usize, usize)> = signals
        .iter()
        .enumerate()
        .filter_map(|(signal, seen)| {
            let (start, end) = line_of(&text, seen).or_else(|| folded.find(&seen.excerpt))?;
            Some((start, end, signal))
        })
        .collect();
    places.sort_unstable();

    let mut pieces = Vec::new();
    let mut marks = vec![None; signals.len()];
    let (mut at, mut number) = (0, 0);
    let mut rest = places.into_iter().peekable();
    while let Some((start, mut end, first)) = rest.next() {
        // Places that overlap share a mark.
        let mut seen = vec![first];
        while let Some((_, further, signal)) = rest.next_if(|(begin, ..)| *begin < end) {
            end = end.max(further);
            seen.push(signal);
        }
        number += 1;
        for signal in &seen {
            marks[*signal] = Some(number);
        }
        if at < start {
            pieces.push(plain(&text[at..start]));
        }
        let names: Vec<String> = seen
            .iter()
            .map(|signal| signals[*signal].kind.replace('_', " "))
            .collect();
        pieces.push(Piece {
            text: text[start..end].to_owned(),
            mark: Some((number, names.join(", "))),
        });
        at = end;
    }
    if at < text.len() {
        pieces.push(plain(&text[at..]));
    }
    Source {
        pieces,
        marks,
        shown: octets.len() as u64,
    }
}

fn plain(text: &str) -> Piece {
    Piece {
        text: text.to_owned(),
        mark: None,
    }
}

/// Control characters, and those that turn the direction of text or are not seen at all.
fn misleads(character: char) -> bool {
    character.is_control() && !matches!(character, '\n' | '\t' | '\r')
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// The line that a signal names, when it is a short one of the page itself and has a word of the excerpt: excerpts begin
/// before what was seen, and end behind it.
fn line_of(text: &str, signal: &CaseSignal) -> Option<(usize, usize)> {
    let own = !signal.part.starts_with("linked ") && !signal.part.contains(" in ");
    let number = signal.line.filter(|_| own)?.checked_sub(1)?;
    let mut start = 0;
    for line in text.split_inclusive('\n').take(number as usize) {
        start += line.len();
    }
    let line = text[start..].lines().next()?;
    let trimmed = line.trim();
    let lower = trimmed.to_lowercase();
    let shared = signal
        .excerpt
        .split(|character: char| !character.is_alphanumeric())
        .any(|word| word.len() >= WORD && lower.contains(&word.to_lowercase()));
    if trimmed.len() > LINE_MAX || !shared {
        return None;
    }
    start += line.len() - line.trim_start().len();
    Some((start, start + trimmed.len()))
}

/// A text of lower-case letters and digits, anything else being one space, as the detector reads words.
struct Folded {
    text: String,
    /// For each octet of `text` its place in the source, and the end last.
    places: Vec<usize>,
}

impl Folded {
    fn of(source: &str) -> Self {
        let mut text = String::with_capacity(source.len());
        let mut places = Vec::with_capacity(source.len() + 1);
        for (place, character) in source.char_indices() {
            if character.is_alphanumeric() {
                for lower in character.to_lowercase() {
                    text.push(lower);
                    places.extend(std::iter::repeat_n(place, lower.len_utf8()));
                }
            } else if !text.ends_with(' ') {
                text.push(' ');
                places.push(place);
            }
        }
        places.push(source.len());
        Self { text, places }
    }

    /// Where an excerpt stands in the source, or as much of it as is found there, from what was seen onwards first.
    fn find(&self, excerpt: &str) -> Option<(usize, usize)> {
        let excerpt = Self::of(excerpt).text;
        let letters: Vec<char> = excerpt.trim().chars().collect();
        let before = if letters.len() > 2 * BEFORE {
            BEFORE
        } else {
            0
        };
        let parts = [
            (0, letters.len()),
            (before, letters.len()),
            (before, before + 32),
            (before, before + 16),
            (0, letters.len() / 4),
        ];
        for (from, to) in parts {
            let part: String = letters[from..to.min(letters.len())].iter().collect();
            let part = part.trim();
            if part.is_empty() || part.len() < SURE.min(letters.len()) {
                continue;
            }
            if let Some(at) = self.text.find(part) {
                return Some((self.places[at], self.places[at + part.len()]));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(kind: &str, excerpt: &str) -> CaseSignal {
        CaseSignal {
            kind: kind.into(),
            strength: 1.0,
            count: 1,
            weight: 1.0,
            part: "inline script 1".into(),
            line: None,
            excerpt: excerpt.into(),
            why: String::new(),
        }
    }

    #[test]
    fn signals_are_marked_on_their_lines() {
        let page = "<script>\n  el.requestFullscreen();\n\n  navigator.keyboard.lock();\n</script>";
        let at_line = |line, kind, excerpt| CaseSignal {
            line: Some(line),
            ..signal(kind, excerpt)
        };
        let whole = "<script> el.requestFullscreen(); navigator.keyboard.lock(); </script>";
        let source = marked(
            page.as_bytes(),
            &[
                at_line(4, "keyboard_lock", whole),
                at_line(2, "full_screen", whole),
                at_line(900, "speech", "speechSynthesis.speak(words)"),
            ],
        );
        assert_eq!(source.marks, [Some(2), Some(1), None]);
        let all: String = source.pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(all, page);
        let first = &source.pieces[1];
        assert_eq!(first.text, "el.requestFullscreen();");
        assert_eq!(first.mark, Some((1, "full screen".into())));
        assert_eq!(source.shown, page.len() as u64);
    }

    #[test]
    fn words_are_found_without_their_signs_and_tags() {
        let page = "<h1>Warning! Your computer</h1>\n<p>is <b>BLOCKED</b>, call us.</p>";
        let found = |excerpt| marked(page.as_bytes(), &[signal("threat_words", excerpt)]);
        assert_eq!(
            found("warning your computer").pieces[1].text,
            "Warning! Your computer"
        );
        let begun = found("warning your computer is blocked call us");
        assert_eq!(begun.marks, [Some(1)], "tags stand between");
        assert_eq!(found("nothing of this is on it").marks, [None]);
        let elsewhere = CaseSignal {
            part: "linked https://else.test/a.js".into(),
            line: Some(1),
            ..signal("full_screen", "computer.requestFullscreen()")
        };
        assert_eq!(marked(page.as_bytes(), &[elsewhere]).marks, [None]);
    }

    #[test]
    fn places_that_overlap_share_a_mark() {
        let page = "aaaa bbbbbbbbbbbb cccccccccccc dddd";
        let source = marked(
            page.as_bytes(),
            &[
                signal("one", "bbbbbbbbbbbb cccccccccccc"),
                signal("two", "cccccccccccc dddd"),
            ],
        );
        assert_eq!(source.marks, [Some(1), Some(1)]);
        assert_eq!(source.pieces.len(), 2);
        assert_eq!(source.pieces[1].mark, Some((1, "one, two".into())));
    }

    #[test]
    fn what_would_mislead_a_reader_is_shown_as_what_it_is() {
        let source = marked("a\u{202e}b\u{0}c\u{200b}d\té".as_bytes(), &[]);
        assert_eq!(source.pieces[0].text, "a\u{fffd}b\u{fffd}c\u{fffd}d\té");
    }

    #[test]
    fn any_octets_and_any_excerpt_are_taken() {
        let octets: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let source = marked(
            &octets,
            &[signal("a", ""), signal("b", " \u{e9}\u{fffd} x")],
        );
        assert_eq!(source.shown, 128 * 1024);
        assert!(!source.pieces.is_empty());
    }
}
