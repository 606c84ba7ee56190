//! Functions that are called again and again: by a clock, or by themselves.

use super::super::signal::SignalKind;
use super::Reading;
use super::lexer::{ARROW, Kind};
use super::words::Word;

/// Calls and names of one script that are kept.
const KEPT_MAX: usize = 32;
/// Tokens back to the head of the function around a call.
const HEAD: usize = 90;
/// Tokens in which a function that asks again calls itself.
const AGAIN: usize = 60;

/// What shows dialogs or windows in a function of its own, and which functions a clock calls.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// The token of the function's name, what is done in it, how strongly it counts, and where.
    calls: Vec<(usize, SignalKind, f64, usize)>,
    /// Tokens of names that a clock is given.
    clocked: Vec<usize>,
}

impl Reading<'_, '_> {
    /// A dialog or window that is no flood by itself, but is one when its function is called again and again.
    pub(super) fn may_repeat(&mut self, kind: SignalKind, strength: f64, at: usize) {
        if self.script.trust < 1.0 || self.marks.repeated.calls.len() == KEPT_MAX {
            return;
        }
        let Some(name) = self.function_around(at) else {
            return;
        };
        let own = self.tokens[name].of(self.text);
        // A function that is called in its own body, before another one begins.
        let mut open = 0_i32;
        for token in &self.tokens[name..at] {
            open += i32::from(token.is(b'{')) - i32::from(token.is(b'}'));
        }
        let behind = (at + 1).min(self.tokens.len() - 1);
        let again = self.tokens[behind..(at + AGAIN).min(self.tokens.len())]
            .iter()
            .take_while(|token| {
                open += i32::from(token.is(b'{')) - i32::from(token.is(b'}'));
                open > 0 && token.kind != Kind::Name(Word::Function)
            })
            .zip(&self.tokens[behind + 1..])
            .any(|(token, next)| token.of(self.text) == own && next.is(b'('));
        if again && !self.stands_after_its_end(name, at) {
            self.note(kind, strength, at);
        } else {
            self.marks.repeated.calls.push((name, kind, strength, at));
        }
    }

    /// `setInterval(name, …)`, and `setTimeout(name, …)` in the function of that name.
    pub(super) fn repeats(&mut self, at: usize, word: Word) {
        let named = self.called(at)
            && matches!(
                self.tokens.get(at + 2).map(|token| token.kind),
                Some(Kind::Name(_))
            )
            && self.tokens.get(at + 3).is_some_and(|token| token.is(b','));
        if !named || self.marks.repeated.clocked.len() == KEPT_MAX {
            return;
        }
        let name = self.tokens[at + 2].of(self.text);
        let by_itself = word == Word::SetInterval
            || self
                .function_around(at)
                .is_some_and(|around| self.tokens[around].of(self.text) == name);
        if by_itself {
            self.marks.repeated.clocked.push(at + 2);
        }
    }

    /// At the script's end: which of the calls are made again and again.
    pub(super) fn floods(&mut self, repeated: &Repeated) {
        for &(name, kind, strength, at) in &repeated.calls {
            let name = self.tokens[name].of(self.text);
            let clocked = repeated
                .clocked
                .iter()
                .any(|&known| self.tokens[known].of(self.text) == name);
            if clocked {
                self.note(kind, strength, at);
            }
        }
    }

    /// The name of the function that stands around a token, as its token: `function name(`, `name = function`,
    /// `name = (…) =>`.
    fn function_around(&self, at: usize) -> Option<usize> {
        let from = at.saturating_sub(HEAD);
        let is_name = |index: usize| matches!(self.tokens[index].kind, Kind::Name(_));
        for index in (from..at).rev() {
            let head = self.tokens[index];
            if head.kind == Kind::Name(Word::Function) && is_name(index + 1) {
                return (!self.stands_after_its_end(index + 1, at)).then_some(index + 1);
            }
            let given = head.kind == Kind::Name(Word::Function) || head.is(ARROW);
            if given {
                let assigned = (index.saturating_sub(6)..index)
                    .rev()
                    .find(|&before| self.tokens[before].is(b'='));
                if let Some(name) = assigned.and_then(|sign| sign.checked_sub(1))
                    && is_name(name)
                    && !(name > 0 && self.tokens[name - 1].is(b'.'))
                    && !self.stands_after_its_end(name, at)
                {
                    return Some(name);
                }
            }
        }
        None
    }

    /// The braces between a function's name and a token are closed again: the token stands behind the function.
    fn stands_after_its_end(&self, name: usize, at: usize) -> bool {
        let mut depth = 0_i32;
        let mut opened = false;
        for token in &self.tokens[name..at] {
            if token.is(b'{') {
                depth += 1;
                opened = true;
            } else if token.is(b'}') {
                depth -= 1;
                if opened && depth <= 0 {
                    return true;
                }
            }
        }
        false
    }
}
