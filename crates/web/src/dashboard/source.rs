//! A stranger's page as text, with the places of its signals marked. It is never rendered and never run: templates escape
//! it, and characters that would change how text reads are shown as what they are.

use ringfence_model::CaseSignal;

/// Octets of a page that are shown.
const SHOWN_MAX: usize = 128 * 1024;
/// Characters of an excerpt below which a place would be found by chance.
const SURE: usize = 12;

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
            let (start, end) = folded.find(&seen.excerpt)?;
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

/// A text in which any white space is one space, as excerpts are written.
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
            if character.is_whitespace() {
                if text.ends_with(' ') {
                    continue;
                }
                text.push(' ');
                places.push(place);
            } else {
                text.push(character);
                places.extend((0..character.len_utf8()).map(|octet| place + octet));
            }
        }
        places.push(source.len());
        Self { text, places }
    }

    /// Where an excerpt stands in the source, or as much of its beginning as is found there.
    fn find(&self, excerpt: &str) -> Option<(usize, usize)> {
        let words: Vec<&str> = excerpt.split_whitespace().collect();
        let excerpt = words.join(" ");
        let length = excerpt.chars().count();
        for wanted in [length, length / 2, length / 4] {
            if wanted < SURE.min(length) || wanted == 0 {
                return None;
            }
            let end = excerpt
                .char_indices()
                .nth(wanted)
                .map_or(excerpt.len(), |(end, _)| end);
            let part = excerpt[..end].trim_end();
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
            line: Some(1),
            excerpt: excerpt.into(),
            why: String::new(),
        }
    }

    #[test]
    fn signals_are_marked_where_they_stand_whatever_the_white_space() {
        let page = "<script>\n  el.requestFullscreen();\n\n  navigator.keyboard.lock();\n</script>";
        let source = marked(
            page.as_bytes(),
            &[
                signal("keyboard_lock", "navigator.keyboard.lock(); </script>"),
                signal("full_screen", "<script> el.requestFullscreen();"),
                signal("speech", "speechSynthesis.speak(words)"),
            ],
        );
        assert_eq!(source.marks, [Some(2), Some(1), None]);
        let whole: String = source.pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(whole, page);
        let first = &source.pieces[0];
        assert_eq!(first.text, "<script>\n  el.requestFullscreen();");
        assert_eq!(first.mark, Some((1, "full screen".into())));
        assert_eq!(source.shown, page.len() as u64);
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
