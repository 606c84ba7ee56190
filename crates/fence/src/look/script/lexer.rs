//! JavaScript as tokens: enough to tell names, texts and numbers from comments, never enough to run anything.

use super::words::Word;

/// Tokens of one script that are read.
const TOKENS_MAX: usize = 400_000;
/// Templates within templates.
const TEMPLATES_MAX: usize = 32;

/// A piece of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::look) struct Token {
    pub kind: Kind,
    /// Octet offsets; for texts without their quotes.
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::look) enum Kind {
    /// An identifier or keyword.
    Name(Word),
    /// A number.
    Number,
    /// A string literal or a part of a template.
    Text,
    /// A regular expression.
    Pattern,
    /// An operator: its first octet, but [`EQUAL`], [`UNEQUAL`] and [`ARROW`].
    Sign(u8),
}

/// `==` or `===`.
pub(in crate::look) const EQUAL: u8 = b'q';
/// `!=` or `!==`.
pub(in crate::look) const UNEQUAL: u8 = b'n';
/// `=>`.
pub(in crate::look) const ARROW: u8 = b'a';

impl Token {
    /// What stands there.
    pub fn of(self, script: &str) -> &str {
        script
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    pub fn is(self, sign: u8) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// The tokens of a script of less than 4 GiB; what lies behind the last one that is read is left out.
pub(in crate::look) fn tokens(script: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        octets: script.as_bytes(),
        at: 0,
        tokens: Vec::with_capacity(script.len() / 6),
        templates: Vec::new(),
        braces: 0,
    };
    while lexer.at < lexer.octets.len() && lexer.tokens.len() < TOKENS_MAX {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    octets: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    /// Depth of braces at which each open template goes on.
    templates: Vec<u32>,
    braces: u32,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let start = self.at;
        let octet = self.octets[start];
        match octet {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
            b'/' => self.slash(),
            b'<' if self.octets[start..].starts_with(b"<!--") => self.line_comment(),
            b'"' | b'\'' => self.text(octet),
            b'`' => {
                self.at += 1;
                self.template();
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
            b'\\' => self.name(),
            _ if is_name(octet) => self.name(),
            _ => self.sign(octet),
        }
    }

    fn peek(&self, by: usize) -> Option<u8> {
        self.octets.get(self.at + by).copied()
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.tokens.push(Token {
            kind,
            start: offset(start),
            end: offset(end),
        });
    }

    fn name(&mut self) {
        let start = self.at;
        let mut hash = Word::HASH;
        let mut escaped = false;
        while let Some(octet) = self.peek(0) {
            if octet == b'\\' {
                escaped = true;
            } else if !(is_name(octet)
                || octet.is_ascii_digit()
                || (escaped && matches!(octet, b'{' | b'}')))
            {
                break;
            }
            hash = Word::hashed(hash, octet);
            self.at += 1;
        }
        let name = &self.octets[start..self.at];
        let word = if escaped {
            let text = String::from_utf8_lossy(name);
            Word::of(super::literal::unescaped(&text).as_bytes())
        } else {
            Word::found(hash, name)
        };
        self.push(Kind::Name(word), start, self.at);
    }

    fn number(&mut self) {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|octet| octet.is_ascii_alphanumeric() || octet == b'.' || octet == b'_')
        {
            self.at += 1;
        }
        self.push(Kind::Number, start, self.at);
    }

    fn text(&mut self, quote: u8) {
        let start = self.at + 1;
        self.at = start;
        while let Some(octet) = self.peek(0) {
            match octet {
                b'\\' => self.at += 2,
                b'\n' => break,
                _ if octet == quote => break,
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.octets.len());
        self.push(Kind::Text, start, self.at);
        self.at += 1;
    }

    /// From behind a backtick, or behind the brace that ends an expression in a template.
    fn template(&mut self) {
        let start = self.at;
        while let Some(octet) = self.peek(0) {
            match octet {
                b'\\' => self.at += 2,
                b'`' => break,
                b'$' if self.peek(1) == Some(b'{') && self.templates.len() < TEMPLATES_MAX => {
                    self.push(Kind::Text, start, self.at);
                    self.push(Kind::Sign(b'+'), self.at, self.at);
                    self.at += 2;
                    self.templates.push(self.braces);
                    return;
                }
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.octets.len());
        self.push(Kind::Text, start, self.at);
        self.at += 1;
    }

    fn slash(&mut self) {
        match self.peek(1) {
            Some(b'/') => self.line_comment(),
            Some(b'*') => {
                let from = self.at + 2;
                let rest = &self.octets[from.min(self.octets.len())..];
                self.at = rest
                    .windows(2)
                    .position(|two| two == b"*/")
                    .map_or(self.octets.len(), |end| from + end + 2);
            }
            _ if self.a_value_ended() => self.sign(b'/'),
            _ => self.pattern(),
        }
    }

    fn line_comment(&mut self) {
        self.at = self.octets[self.at..]
            .iter()
            .position(|&octet| octet == b'\n')
            .map_or(self.octets.len(), |end| self.at + end);
    }

    /// A slash behind a value divides; elsewhere it begins a regular expression.
    fn a_value_ended(&self) -> bool {
        self.tokens.last().is_some_and(|token| match token.kind {
            Kind::Name(word) => !word.expects_value(),
            Kind::Number | Kind::Text | Kind::Pattern => true,
            Kind::Sign(sign) => matches!(sign, b')' | b']' | b'}'),
        })
    }

    fn pattern(&mut self) {
        let start = self.at;
        let mut in_class = false;
        let mut at = start + 1;
        while let Some(&octet) = self.octets.get(at) {
            match octet {
                b'\\' => at += 1,
                b'\n' => break,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.push(Kind::Pattern, start + 1, at);
                    self.at = at + 1;
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        self.sign(b'/');
    }

    fn sign(&mut self, octet: u8) {
        let start = self.at;
        let (kind, length) = match (octet, self.peek(1), self.peek(2)) {
            (b'=', Some(b'='), Some(b'=')) => (EQUAL, 3),
            (b'=', Some(b'='), _) => (EQUAL, 2),
            (b'=', Some(b'>'), _) => (ARROW, 2),
            (b'!', Some(b'='), Some(b'=')) => (UNEQUAL, 3),
            (b'!', Some(b'='), _) => (UNEQUAL, 2),
            (b'?', Some(b'.'), _) => (b'.', 2),
            (b'+', Some(b'='), _) => (b'=', 2),
            (b'<' | b'>', Some(b'='), _) | (b'&', Some(b'&'), _) | (b'|', Some(b'|'), _) => {
                (octet, 2)
            }
            _ => (octet, 1),
        };
        match kind {
            b'{' => self.braces = self.braces.saturating_add(1),
            b'}' => {
                if self.templates.last() == Some(&self.braces) {
                    self.templates.pop();
                    self.push(Kind::Sign(b'+'), start, start);
                    self.at += 1;
                    self.template();
                    return;
                }
                self.braces = self.braces.saturating_sub(1);
            }
            _ => {}
        }
        self.at += length;
        self.push(Kind::Sign(kind), start, self.at.min(self.octets.len()));
    }
}

fn is_name(octet: u8) -> bool {
    octet.is_ascii_alphabetic() || matches!(octet, b'_' | b'$' | b'#') || octet >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(script: &str) -> Vec<&str> {
        tokens(script)
            .into_iter()
            .map(|token| token.of(script))
            .collect()
    }

    #[test]
    fn comments_texts_patterns_and_divisions_are_told_apart() {
        assert_eq!(
            read("a/b/c; x = /[/]\"/g.test(y) // z\n/* w */ 'it\\'s' <!-- old"),
            [
                "a", "/", "b", "/", "c", ";", "x", "=", "[/]\"", "g", ".", "test", "(", "y", ")",
                "it\\'s"
            ]
        );
    }

    #[test]
    fn code_in_templates_is_read() {
        assert_eq!(
            read("`a${b({c:`d${e}f`})}g`;h"),
            [
                "a", "", "b", "(", "{", "c", ":", "d", "", "e", "", "f", "}", ")", "", "g", ";",
                "h"
            ]
        );
    }

    #[test]
    fn names_are_known_whatever_their_case_and_escapes() {
        for script in [
            "requestFullScreen",
            "\\u0072equestFullscreen",
            "r\\u{65}questFullscreen",
        ] {
            assert_eq!(tokens(script)[0].kind, Kind::Name(Word::RequestFullScreen));
        }
    }

    #[test]
    fn what_is_never_closed_ends_with_the_script() {
        for script in ["'abc", "`a${", "/* x", "/abc", "\"\\", "`\\", "a\\"] {
            let _ = tokens(script);
        }
    }
}
