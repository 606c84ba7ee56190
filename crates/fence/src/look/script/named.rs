//! Names that a script takes from texts: from a list by their place, turned around, or out of base64.

use super::super::evidence::Layer;
use super::super::place::Source;
use super::super::signal::SignalKind;
use super::lexer::Kind;
use super::words::Word;
use super::{Marks, Reading, literal};

/// Which names of locks stand in lists of texts.
#[derive(Debug, Default)]
pub(super) struct Named {
    seen: Vec<Word>,
    first: usize,
    /// `keyboard` was written in an encoding.
    keyboard: bool,
}

impl Named {
    fn holds(&self, word: Word) -> bool {
        self.seen.contains(&word)
    }
}

impl Reading<'_, '_> {
    /// A text that stands for a name.
    pub(super) fn named(&mut self, at: usize, end: usize, value: &str) {
        let border = |at: Option<usize>| {
            at.and_then(|at| self.tokens.get(at))
                .is_some_and(|token| token.is(b'[') || token.is(b',') || token.is(b']'))
        };
        if border(at.checked_sub(1)) && border(Some(end)) {
            let word = Word::of(value.as_bytes());
            let named = &mut self.marks.named;
            if word != Word::Other && named.seen.len() < 64 && !named.holds(word) {
                if named.seen.is_empty() {
                    named.first = at;
                }
                named.seen.push(word);
            }
            return;
        }
        let plain = if self.is_turned(end) {
            Some(value.chars().rev().collect())
        } else if self.is_base64(at) {
            literal::base64_decoded(value)
        } else {
            None
        };
        if let Some(plain) = plain.filter(|plain| plain.len() <= 40) {
            self.plain_name(at, end, &plain);
        }
    }

    fn plain_name(&mut self, at: usize, end: usize, plain: &str) {
        match Word::of(plain.as_bytes()) {
            Word::RequestFullScreen => self.full_screen(at, 0.9),
            Word::RequestPointerLock => self.note(SignalKind::PointerLock, 0.9, at),
            Word::Keyboard => self.marks.named.keyboard = true,
            Word::Lock if self.marks.named.keyboard => {
                self.note(SignalKind::KeyboardLock, 0.9, at);
            }
            Word::Other => {}
            _ => self.short(at, end, plain),
        }
    }

    /// `'…'.split('').reverse()`
    fn is_turned(&self, end: usize) -> bool {
        let name = |at: usize, word: Word| {
            self.tokens
                .get(at)
                .is_some_and(|token| token.kind == Kind::Name(word))
        };
        name(end + 1, Word::Split) && name(end + 6, Word::Reverse)
    }

    /// `atob('…')`
    fn is_base64(&self, at: usize) -> bool {
        at > 1 && self.tokens[at - 1].is(b'(') && self.tokens[at - 2].kind == Kind::Name(Word::Atob)
    }

    /// Code that stands in a text: `eval('…')`, `setTimeout('…', 9)`, `setAttribute('onkeydown', '…')`.
    pub(super) fn code_in_text(&mut self, at: usize, end: usize, value: &str) -> bool {
        let Some(caller) = at.checked_sub(2).filter(|_| self.tokens[at - 1].is(b'(')) else {
            return false;
        };
        let code = match self.tokens[caller].kind {
            // A clock calls it again and again.
            Kind::Name(Word::SetInterval) if value.contains(['(', '=']) => {
                format!("setInterval(function(){{{value}}})")
            }
            Kind::Name(Word::Eval | Word::SetTimeout | Word::Function)
                if value.contains(['(', '=']) =>
            {
                value.to_owned()
            }
            Kind::Name(Word::SetAttribute)
                if value.starts_with("on")
                    && value.len() < 24
                    && self.tokens.get(end).is_some_and(|token| token.is(b',')) =>
            {
                let Some(handler) = self
                    .tokens
                    .get(end + 1)
                    .filter(|token| token.kind == Kind::Text)
                else {
                    return false;
                };
                let handler = literal::unescaped(handler.of(self.text));
                format!("document.{value}=function(){{{handler}}}")
            }
            _ => return false,
        };
        self.evidence.layer(Layer {
            text: code,
            source: Source::Decoded("code in a text", Box::new(self.script.source.clone())),
            depth: self.script.depth + 1,
            script: true,
            trust: self.script.trust,
        });
        true
    }

    /// Full screen among names in a list, and with it other locks: a script whose names are taken from the list.
    pub(super) fn names_together(&mut self, marks: &Marks) {
        let named = &marks.named;
        let full = named.holds(Word::RequestFullScreen);
        let keys = named.holds(Word::KeyEvent) || named.holds(Word::OnKey);
        let leave = named.holds(Word::BeforeUnload) || named.holds(Word::OnBeforeUnload);
        let menu = named.holds(Word::ContextMenu) || named.holds(Word::OnContextMenu);
        let keyboard = named.holds(Word::Keyboard) && named.holds(Word::Lock);
        let others = [keys, leave, menu, keyboard];
        if !full || others.iter().filter(|&&holds| holds).count() < 2 {
            return;
        }
        let at = named.first;
        let click = named.holds(Word::ClickEvent) || named.holds(Word::OnClick);
        let sound = named.holds(Word::Play);
        for (kind, strength, holds) in [
            (SignalKind::FullScreen, 0.9, true),
            (SignalKind::GestureTrap, 0.9, click),
            (SignalKind::KeysBlocked, 0.8, keys),
            (SignalKind::LeaveBlocked, 0.9, leave),
            (SignalKind::MenuBlocked, 0.8, menu),
            (SignalKind::KeyboardLock, 0.9, keyboard),
            (SignalKind::AudioFromScript, 0.8, sound),
        ] {
            if holds {
                self.note(kind, strength, at);
            }
        }
    }
}
