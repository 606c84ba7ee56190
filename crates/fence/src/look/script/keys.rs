//! Which keys a script looks for, and whether it keeps them from the browser.

use super::lexer::{EQUAL, Kind, Token};
use super::words::Word;

/// The keys that a lock catches, in families.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The script reads key codes or names.
    reads: Option<usize>,
    escape: u32,
    /// F11, F12 and their like.
    function: u32,
    /// Ctrl, Alt, Meta as keys of their own.
    modifier: u32,
    /// Letters that inspect or save a page, with Ctrl.
    letter: u32,
    combined: bool,
    /// A handler of keys refuses them.
    blocks: bool,
    listens: bool,
}

impl Keys {
    pub fn read(&mut self, tokens: &[Token], at: usize, text: &str) {
        self.reads.get_or_insert(at);
        // `keyCode == 123`, and the other way round through `number`.
        let _ = (tokens, text);
    }

    pub fn combined(&mut self) {
        self.combined = true;
    }

    pub fn listened(&mut self, blocks: bool) {
        self.listens = true;
        self.blocks |= blocks;
    }

    /// A number that is compared, or a case.
    pub fn number(&mut self, tokens: &[Token], at: usize, text: &str) {
        if compared(tokens, at, at + 1)
            && let Ok(code) = tokens[at].of(text).parse::<u32>()
        {
            match code {
                27 => self.escape += 1,
                112..=123 => self.function += 1,
                17 | 18 | 91..=93 => self.modifier += 1,
                73 | 74 | 80 | 83 | 85 | 67 | 87 => self.letter += 1,
                _ => {}
            }
        }
    }

    /// A text that is compared, or a case, or one of a list.
    pub fn text(&mut self, tokens: &[Token], at: usize, end: usize, value: &str) {
        if value.len() > 8 || !(compared(tokens, at, end) || listed(tokens, at, end)) {
            return;
        }
        match value.to_ascii_lowercase().as_str() {
            "escape" | "esc" => self.escape += 1,
            "f11" | "f12" | "f5" | "f1" | "f4" => self.function += 1,
            "control" | "alt" | "meta" | "os" => self.modifier += 1,
            "u" | "i" | "j" | "s" | "p" | "c" | "w" | "keyu" | "keyi" | "keyj" | "keys" => {
                self.letter += 1;
            }
            _ => {}
        }
    }

    /// How surely keys are kept from the visitor, and where they are read.
    pub fn verdict(&self) -> Option<(f64, usize)> {
        let at = self.reads.or(self.listens.then_some(0))?;
        let letters = u32::from(self.letter > 0 && self.combined);
        let families = u32::from(self.escape > 0)
            + u32::from(self.function > 0)
            + u32::from(self.modifier > 0)
            + letters;
        let strength = match families {
            0 if self.blocks && self.reads.is_none() => 0.8,
            0 => return None,
            1 if self.function > 0 => 0.7,
            1 if self.modifier > 0 => 0.5,
            1 => 0.3,
            _ if self.function > 0 || self.modifier > 0 && self.escape > 0 => 1.0,
            _ => 0.6,
        };
        Some((strength, at))
    }
}

pub(super) fn compared(tokens: &[Token], start: usize, end: usize) -> bool {
    let equal = |token: Option<&Token>| token.is_some_and(|token| token.is(EQUAL));
    let before = start.checked_sub(1).and_then(|index| tokens.get(index));
    equal(before)
        || equal(tokens.get(end))
        || before.is_some_and(|token| token.kind == Kind::Name(Word::Yields))
}

fn listed(tokens: &[Token], start: usize, end: usize) -> bool {
    let border = |token: Option<&Token>| {
        token.is_some_and(|token| token.is(b'[') || token.is(b']') || token.is(b','))
    };
    border(start.checked_sub(1).and_then(|index| tokens.get(index))) && border(tokens.get(end))
}
