//! Phrases of threat, call, hold and scan in the languages of lock pages, and brands with their own domains.
//!
//! The phrases are data: `lexicon.tsv`, a line each with language, kind and phrase; a star at the end stands for any
//! ending. Room for another language is a few lines there.

use aho_corasick::{AhoCorasick, MatchKind};
use std::sync::LazyLock;

/// What a phrase is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PhraseKind {
    Threat,
    Call,
    Hold,
    Scan,
    Brand,
    Remote,
}

pub(super) struct Phrase {
    pub kind: PhraseKind,
    pub text: String,
    /// Any ending may follow.
    open: bool,
    /// Letters of a script without blanks between words.
    unparted: bool,
}

struct Lexicon {
    automaton: AhoCorasick,
    phrases: Vec<Phrase>,
}

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let phrases: Vec<Phrase> = include_str!("lexicon.tsv")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (_language, kind, phrase) = (fields.next()?, fields.next()?, fields.next()?);
            let kind = match kind {
                "threat" => PhraseKind::Threat,
                "call" => PhraseKind::Call,
                "hold" => PhraseKind::Hold,
                "scan" => PhraseKind::Scan,
                "brand" => PhraseKind::Brand,
                "remote" => PhraseKind::Remote,
                _ => return None,
            };
            let folded = super::text::folded(phrase.trim_end_matches('*')).text;
            Some(Phrase {
                kind,
                unparted: phrase
                    .chars()
                    .any(|c| ('\u{3040}'..='\u{9fff}').contains(&c)),
                text: folded.trim().to_owned(),
                open: phrase.ends_with('*'),
            })
        })
        .collect();
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .build(phrases.iter().map(|phrase| &phrase.text))
        .expect("a few hundred short phrases fit any automaton");
    Lexicon { automaton, phrases }
});

/// Phrases in a folded text: each once, with the offset of its first place.
pub(super) fn phrases(folded: &str) -> Vec<(&'static Phrase, usize)> {
    let lexicon = &*LEXICON;
    let mut seen = vec![false; lexicon.phrases.len()];
    let mut found = Vec::new();
    let octets = folded.as_bytes();
    for hit in lexicon.automaton.find_overlapping_iter(folded) {
        let index = hit.pattern().as_usize();
        if seen[index] {
            continue;
        }
        let phrase = &lexicon.phrases[index];
        let begins = hit.start() == 0 || octets[hit.start() - 1] == b' ';
        let ends = octets.get(hit.end()).is_none_or(|&octet| octet == b' ');
        if phrase.unparted || begins && (phrase.open || ends) {
            seen[index] = true;
            found.push((phrase, hit.start()));
        }
    }
    found
}

/// Whether a host belongs to the brand of a phrase.
pub(super) fn owns(brand: &str, host: &str) -> bool {
    let first = brand.split(' ').next().unwrap_or(brand);
    let words: &[&str] = match first {
        "windows" | "microsoft" | "defender" | "smartscreen" | "マイクロソフト" | "xbox" => {
            &["microsoft", "windows", "live", "xbox"]
        }
        "apple" | "macos" | "mac" | "icloud" | "applecare" | "safari" => &["apple", "icloud"],
        "norton" | "symantec" => &["norton", "symantec", "nortonlifelock", "gendigital"],
        other => &[other],
    };
    host.split('.')
        .rev()
        .skip(1)
        .take(2)
        .any(|label| words.contains(&label))
}
