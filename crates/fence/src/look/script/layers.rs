//! What a script hides in numbers and pieces: character codes, lists of texts, packed scripts.

use super::super::evidence::Layer;
use super::super::place::Source;
use super::super::signal::SignalKind;
use super::Reading;
use super::SCRIPT_MAX;
use super::lexer::Kind;
use super::literal;
use super::words::Word;

impl Reading<'_, '_> {
    pub(super) fn decoded(&mut self, at: usize, how: &'static str, plain: String) {
        let script = !plain.trim_start().starts_with('<');
        let whole = plain.len() > 600 && (plain.contains('<') || plain.contains("document"));
        self.note(SignalKind::DecodedLayer, if whole { 1.0 } else { 0.4 }, at);
        self.evidence.layer(Layer {
            text: plain,
            source: Source::Decoded(how, Box::new(self.script.source.clone())),
            depth: self.script.depth + 1,
            script,
            trust: self.script.trust,
        });
    }

    /// `[60, 104, 116, …]`: a page as the codes of its characters.
    pub(super) fn list_of_numbers(&mut self, at: usize) -> usize {
        let mut codes = Vec::new();
        let mut end = at + 1;
        while let Some(token) = self.tokens.get(end) {
            match token.kind {
                Kind::Number => match number(token.of(self.text)) {
                    Some(code) => codes.push(code),
                    None => return end + 1,
                },
                Kind::Sign(b',') => {}
                _ => break,
            }
            end += 1;
        }
        if codes.len() >= 40 {
            let plain: Option<String> = codes.iter().map(|&code| character(code)).collect();
            if let Some(plain) = plain.filter(|plain| plain.contains(['<', '('])) {
                self.decoded(at, "character codes", plain);
            } else if let Some(plain) = literal::unmoved(&codes) {
                self.decoded(at, "moved character codes", plain);
            }
        }
        end
    }

    /// `['PGh0', 'bWw+', …].join('')`: a text in many pieces.
    pub(super) fn list_of_texts(&mut self, at: usize) -> usize {
        let pieces = self.tokens[at + 1..]
            .iter()
            .take_while(|token| token.kind == Kind::Text || token.is(b','))
            .count();
        let end = at + 1 + pieces;
        let joined = self.tokens.get(end).is_some_and(|token| token.is(b']'))
            && self.tokens.get(end + 1).is_some_and(|token| token.is(b'.'))
            && self
                .tokens
                .get(end + 2)
                .is_some_and(|token| token.of(self.text) == "join");
        if !joined || pieces < 9 {
            return at + 1;
        }
        let mut whole = String::new();
        for token in &self.tokens[at + 1..end] {
            if token.kind == Kind::Text && whole.len() < SCRIPT_MAX {
                whole.push_str(&literal::unescaped(token.of(self.text)));
            }
        }
        self.value(at, end, &whole, false);
        end
    }

    /// `String.fromCharCode(60, 104, …)`.
    pub(super) fn codes_called(&mut self, at: usize) {
        let codes: String = self.tokens[(at + 2).min(self.tokens.len())..]
            .iter()
            .take_while(|token| token.kind == Kind::Number || token.is(b','))
            .filter(|token| token.kind == Kind::Number)
            .map_while(|token| number(token.of(self.text)).and_then(character))
            .collect();
        if codes.len() >= 24 {
            self.decoded(at, "character codes", codes);
        }
    }

    /// `eval(function(p,a,c,k,e,d){…}('payload',62,9,'a|b|c'.split('|'),0,{}))`.
    pub(super) fn packed(&mut self, at: usize) {
        let near = &self.tokens[at..(at + 400).min(self.tokens.len())];
        let Some(split) = near.windows(4).position(|four| {
            four[0].kind == Kind::Text
                && four[1].is(b'.')
                && four[2].kind == Kind::Name(Word::Split)
                && four[3].is(b'(')
        }) else {
            return;
        };
        let (Some(payload), Some(base)) = (
            split.checked_sub(6).and_then(|index| near.get(index)),
            split.checked_sub(4).and_then(|index| near.get(index)),
        ) else {
            return;
        };
        if payload.kind != Kind::Text || base.kind != Kind::Number {
            return;
        }
        let plain = base.of(self.text).parse().ok().and_then(|base| {
            literal::unpacked(
                &literal::unescaped(payload.of(self.text)),
                base,
                near[split].of(self.text),
            )
        });
        if let Some(plain) = plain {
            self.note(SignalKind::DecodedLayer, 0.3, at);
            self.evidence.layer(Layer {
                text: plain,
                source: Source::Decoded("packed script", Box::new(self.script.source.clone())),
                depth: self.script.depth + 1,
                script: true,
                trust: self.script.trust,
            });
        }
    }
}

pub(super) fn number(digits: &str) -> Option<u32> {
    match digits.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

fn character(code: u32) -> Option<char> {
    char::from_u32(code).filter(|character| !character.is_control() || character.is_whitespace())
}
