//! The traits of a script: which calls it makes and which events it handles, for [`Structure`]. A pass of its own over
//! tokens that are there already; where a call is made does not matter here.

use super::keys::compared;
use super::lexer::{Kind, Token};
use super::words::Word;
use crate::look::structure::{Structure, Trait};

/// Octets of a text that may name an event or a key.
const SHORT: usize = 48;

/// The traits of a script's tokens; those of an attribute begin with a head that was put before them.
pub(super) fn traits(tokens: &[Token], text: &str, attribute: bool) -> Structure {
    let head = tokens
        .iter()
        .position(|token| token.is(b'{'))
        .filter(|_| attribute)
        .unwrap_or(0);
    let mut built = Built {
        tokens,
        text,
        structure: Structure::default(),
        keys: Structure::default(),
        reads_keys: false,
    };
    for (at, token) in tokens.iter().enumerate().skip(head) {
        match token.kind {
            Kind::Name(word) => built.name(at, word),
            Kind::Text if (token.end - token.start) as usize <= SHORT => built.short(at),
            Kind::Number => built.number(at),
            _ => {}
        }
    }
    if built.reads_keys {
        built.structure.add_all(built.keys);
    }
    built.structure
}

struct Built<'a> {
    tokens: &'a [Token],
    text: &'a str,
    structure: Structure,
    /// Numbers that are keys where the script reads codes of keys.
    keys: Structure,
    reads_keys: bool,
}

impl Built<'_> {
    fn is(&self, at: Option<usize>, sign: u8) -> bool {
        at.and_then(|at| self.tokens.get(at))
            .is_some_and(|token| token.is(sign))
    }

    fn word(&self, at: Option<usize>) -> Word {
        match at
            .and_then(|at| self.tokens.get(at))
            .map(|token| token.kind)
        {
            Some(Kind::Name(word)) => word,
            _ => Word::Other,
        }
    }

    fn value(&self, at: Option<usize>) -> &str {
        at.and_then(|at| self.tokens.get(at))
            .filter(|token| token.kind == Kind::Text)
            .map_or("", |token| token.of(self.text))
    }

    fn name(&mut self, at: usize, word: Word) {
        let name = self.tokens[at].of(self.text);
        self.structure.add_name(name);
        let called = self.is(Some(at + 1), b'(');
        let member = self.is(at.checked_sub(1), b'.');
        let found = match word {
            Word::RequestFullScreen => Trait::FullScreen,
            Word::Keyboard
                if self.is(Some(at + 1), b'.') && self.word(Some(at + 2)) == Word::Lock =>
            {
                Trait::KeyboardLock
            }
            Word::RequestPointerLock => Trait::PointerLock,
            Word::Play if member && called => {
                if at > 1 && self.tokens[at - 2].of(self.text) == "this" {
                    self.structure.add(Trait::PlaysAgain);
                }
                Trait::Plays
            }
            Word::Audio if self.word(at.checked_sub(1)) == Word::New => Trait::AudioMade,
            Word::CreateElement
                if called && self.value(Some(at + 2)).eq_ignore_ascii_case("audio") =>
            {
                Trait::AudioMade
            }
            Word::Alert if called && !self.is_foreign_member(at) => Trait::Dialogs,
            Word::PushState => Trait::HistoryWritten,
            Word::Other if name == "replaceState" => Trait::HistoryWritten,
            Word::Cursor
                if (self.is(Some(at + 1), b'=') || self.is(Some(at + 1), b':'))
                    && self.value(Some(at + 2)).trim_start().starts_with("none") =>
            {
                Trait::CursorInScript
            }
            Word::Speak => Trait::Speaks,
            Word::KeyCode | Word::Key => {
                self.reads_keys = true;
                return;
            }
            _ => {
                self.handler(at, name, called && member);
                return;
            }
        };
        self.structure.add(found);
    }

    /// `onkeydown =`, and `.keydown(` as jQuery has it.
    fn handler(&mut self, at: usize, name: &str, chained: bool) {
        if chained {
            self.structure.add_event(name);
        } else if self.is(Some(at + 1), b'=')
            && let Some(event) = name.strip_prefix("on")
        {
            self.structure.add_event(event);
        }
    }

    /// `box.alert(` is not the browser's, `window.alert(` is.
    fn is_foreign_member(&self, at: usize) -> bool {
        self.is(at.checked_sub(1), b'.') && self.word(at.checked_sub(2)) != Word::Window
    }

    fn short(&mut self, at: usize) {
        let value = self.tokens[at].of(self.text);
        if Word::of(value.as_bytes()) == Word::RequestFullScreen {
            self.structure.add(Trait::FullScreen);
        }
        // `.css('cursor', 'none')`
        if value == "cursor"
            && self.is(Some(at + 1), b',')
            && self.value(Some(at + 2)).trim_start().starts_with("none")
        {
            self.structure.add(Trait::CursorInScript);
        }
        let listened =
            self.is(at.checked_sub(1), b'(') && self.word(at.checked_sub(2)) == Word::AddListener;
        if listened {
            for event in value.split([' ', '.']) {
                let event = event.to_ascii_lowercase();
                self.structure
                    .add_event(event.strip_prefix("on").unwrap_or(&event));
            }
        }
        match value {
            "Escape" | "escape" | "Esc" | "esc" => self.structure.add(Trait::KeyEscape),
            "F11" | "f11" | "F12" | "f12" => self.structure.add(Trait::KeyFunction),
            "Tab" | "tab" => self.structure.add(Trait::KeyTab),
            _ => {}
        }
    }

    fn number(&mut self, at: usize) {
        if compared(self.tokens, at, at + 1)
            && let Ok(code) = self.tokens[at].of(self.text).parse::<u32>()
            && let Some(key) = key_of_code(code)
        {
            self.keys.add(key);
        }
    }
}

/// The key of a code, as far as locks look for it.
fn key_of_code(code: u32) -> Option<Trait> {
    Some(match code {
        9 => Trait::KeyTab,
        16..=18 | 91..=93 => Trait::KeyModifier,
        27 => Trait::KeyEscape,
        112..=123 => Trait::KeyFunction,
        _ => return None,
    })
}
