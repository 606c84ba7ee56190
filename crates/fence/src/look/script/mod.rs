//! Scripts read as tokens: which locks, alarms and disguises they hold. Nothing is ever run.

mod built;
mod bundle;
mod hosts;
mod keys;
mod layers;
mod lexer;
mod library;
mod literal;
mod named;
mod names;
mod repeated;
mod texts;
mod together;
mod words;

pub(super) use hosts::class_of_host;
pub(super) use literal::{data_page, percent_decoded, revealed};
pub use texts::number_parameter;

use std::ops::Range;

use lexer::{ARROW, Kind, Token, tokens};
use library::is_library;
use words::Word;

use super::evidence::Evidence;
use super::place::{Place, Source};
use super::signal::SignalKind;

/// Tokens of a script beyond which it is taken for a library: written by others, with everything a library can do.
/// Comments and texts are not counted, so a small script is not made large by them.
const LIBRARY_TOKENS: usize = 12_000;
/// How much a lock in a library counts: it may never be called.
const LIBRARY_TRUST: f64 = 0.15;
/// Octets of a script that are read.
const SCRIPT_MAX: usize = 1024 * 1024;
/// Tokens that belong together: a handler's body is seldom longer.
const NEAR: usize = 80;

/// A script, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Script<'a> {
    pub text: &'a str,
    pub source: Source,
    /// The line its first one has in the source; 0 where lines say nothing.
    pub line: u32,
    /// How deep it lies in layers.
    pub depth: u8,
    /// How much what is seen in it counts, 0 to 1.
    pub trust: f64,
}

impl<'a> Script<'a> {
    /// A script as it stands in a page or file; a library counts for less.
    pub fn new(text: &'a str, source: Source, line: u32, depth: u8) -> Self {
        let trust = if is_library(&source, text) {
            LIBRARY_TRUST
        } else {
            1.0
        };
        Self {
            text,
            source,
            line,
            depth,
            trust,
        }
    }

    /// It stands in an attribute, so that its first tokens are not its own.
    fn is_attribute(&self) -> bool {
        matches!(
            self.source,
            Source::Handler(_) | Source::Decoded("attribute", _)
        )
    }
}

/// Reads a script.
pub(super) fn read(script: &Script<'_>, evidence: &mut Evidence) {
    let mut end = script.text.len().min(SCRIPT_MAX);
    while !script.text.is_char_boundary(end) {
        end -= 1;
    }
    let text = &script.text[..end];
    evidence.facts.script_octets += end;
    let tokens = tokens(text);
    // A page's own code may be bundled with much else; under a library's name or licence it is the library's.
    let bundled = tokens.len() > LIBRARY_TOKENS && script.trust > LIBRARY_TRUST;
    let dense = if bundled {
        bundle::locked(&tokens, text)
    } else {
        0..0
    };
    let own_trust = script.trust;
    if script.trust >= 1.0 && !bundled {
        let traits = built::traits(&tokens, text, script.is_attribute());
        evidence.structure.add_all(traits);
    }
    let script = &if bundled {
        Script {
            trust: LIBRARY_TRUST,
            ..script.clone()
        }
    } else {
        script.clone()
    };
    let mut reading = Reading {
        text,
        tokens: &tokens,
        script,
        dense,
        own_trust,
        evidence,
        chain: [Word::Other; 4],
        keys: keys::Keys::default(),
        marks: Marks::default(),
    };
    let mut at = 0;
    while at < tokens.len() {
        at = reading.token(at).max(at + 1);
    }
    reading.finish();
}

/// What of a script says something only at its end.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
struct Marks {
    full_screen: Option<usize>,
    /// The whole page is handed to a function of the page's own: `toggle(document.body)`.
    root_passed: bool,
    gesture: Option<usize>,
    plays: Option<usize>,
    new_audio: bool,
    /// Something is stopped: a sound, or the pictures of a show.
    pauses: bool,
    repeats: bool,
    return_value: bool,
    reads_address: bool,
    writes: bool,
    evaluates: Option<usize>,
    decodes: bool,
    opaque: Option<usize>,
    fetches: bool,
    push_states: u32,
    first_push: usize,
    pops: bool,
    agent: bool,
    leaves: Option<usize>,
    lookup: Option<usize>,
    number_parameter: Option<(f64, usize)>,
    number_words: bool,
    exit_full_screen: bool,
    makes_frame: Option<usize>,
    fills: bool,
    writes_document: bool,
    /// A sound that was kept silent is let out.
    unmutes: Option<usize>,
    named: named::Named,
    repeated: repeated::Repeated,
}

struct Reading<'a, 'b> {
    text: &'a str,
    tokens: &'a [Token],
    script: &'a Script<'a>,
    /// Where in a large script the page's own locks lie together, and what counts there.
    dense: Range<usize>,
    own_trust: f64,
    evidence: &'b mut Evidence,
    /// The last names of a dotted path, the newest last.
    chain: [Word; 4],
    keys: keys::Keys,
    marks: Marks,
}

impl Reading<'_, '_> {
    /// Reads the token at `at`; the next one to read comes back.
    fn token(&mut self, at: usize) -> usize {
        let token = self.tokens[at];
        match token.kind {
            Kind::Name(word) => {
                let dotted = at > 0 && self.tokens[at - 1].is(b'.');
                self.follow(dotted, word);
                if word != Word::Other {
                    self.name(at, word);
                }
                at + 1
            }
            Kind::Text => self.literal(at),
            Kind::Pattern => {
                self.pattern(at);
                at + 1
            }
            Kind::Number => {
                self.number(at);
                at + 1
            }
            Kind::Sign(b'[') => match self.tokens.get(at + 1).map(|next| next.kind) {
                Some(Kind::Number) => self.list_of_numbers(at),
                Some(Kind::Text) => self.list_of_texts(at),
                _ => at + 1,
            },
            Kind::Sign(_) => at + 1,
        }
    }

    fn follow(&mut self, dotted: bool, word: Word) {
        if dotted {
            self.chain.rotate_left(1);
            self.chain[3] = word;
        } else {
            self.chain = [Word::Other, Word::Other, Word::Other, word];
        }
    }

    /// A loop that does not end by itself, or a clock, stands closely before.
    fn in_loop(&self, at: usize, within: usize) -> bool {
        let back = at.saturating_sub(within);
        let near = &self.tokens[back..at];
        near.iter()
            .enumerate()
            .rev()
            .any(|(index, token)| match token.kind {
                // Printing again when the print is done is a loop too.
                Kind::Name(Word::SetInterval | Word::AfterPrint) => true,
                Kind::Name(Word::Loop) => near
                    .get(index + 1)
                    .is_some_and(|next| next.is(b'(') || next.is(b'{')),
                _ => false,
            })
    }

    /// What follows refuses an event: `return false`, `preventDefault()` or a return value, closely behind.
    fn blocks(&self, at: usize) -> bool {
        let near = &self.tokens[at..(at + NEAR / 2).min(self.tokens.len())];
        near.iter().enumerate().any(|(by, token)| match token.kind {
            Kind::Name(Word::PreventDefault) => true,
            Kind::Name(Word::Return) => near.get(by + 1).is_some_and(|next| {
                next.kind == Kind::Name(Word::False)
                    || (next.is(b'!')
                        && near
                            .get(by + 2)
                            .is_some_and(|number| number.of(self.text) == "1"))
            }),
            Kind::Name(Word::ReturnValue) => near[by..]
                .get(2)
                .is_some_and(|next| next.kind == Kind::Name(Word::False) || next.is(b'!')),
            Kind::Sign(ARROW) => near
                .get(by + 1)
                .is_some_and(|next| next.kind == Kind::Name(Word::False)),
            _ => false,
        })
    }

    fn assigned(&self, at: usize) -> bool {
        self.tokens
            .get(at + 1)
            .is_some_and(|token| token.is(b'=') || token.is(b':'))
    }

    fn called(&self, at: usize) -> bool {
        self.tokens.get(at + 1).is_some_and(|token| token.is(b'('))
    }

    fn before(&self, at: usize) -> Option<Word> {
        match self.tokens.get(at.checked_sub(1)?)?.kind {
            Kind::Name(word) => Some(word),
            _ => None,
        }
    }

    fn note(&mut self, kind: SignalKind, strength: f64, at: usize) {
        let trust = if self.dense.contains(&at) {
            self.own_trust
        } else {
            self.script.trust
        };
        let strength = strength * trust;
        // A place counts lines from the top: it is looked for only where it is kept.
        if self.evidence.seen(kind, strength) {
            return;
        }
        let place = self.place(at);
        self.evidence.note(kind, strength, || place);
    }

    fn place(&self, at: usize) -> Place {
        let offset = self.tokens.get(at).map_or(0, |token| token.start as usize);
        place(self.script, self.text, offset)
    }

    fn number(&mut self, at: usize) {
        self.keys.number(self.tokens, at, self.text);
    }
}

fn place(script: &Script<'_>, text: &str, offset: usize) -> Place {
    let line = (script.line > 0).then(|| {
        let breaks = text
            .get(..offset)
            .map_or(0, |before| before.matches('\n').count());
        script
            .line
            .saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX))
    });
    Place::around(script.source.clone(), line, text, offset)
}
