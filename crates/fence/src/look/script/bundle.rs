//! A page's own code within a bundle: where full screen, a question on leaving and keys lie closely together.
//!
//! A library can do each of them, but seldom two side by side; a lock does nothing else.

use std::ops::Range;

use super::lexer::{Kind, Token};
use super::words::Word;

/// Tokens in which all three have to stand.
const CLOSE: usize = 400;

/// The first stretch that locks: tokens from the first of the three to the last, with some around; empty if there is none.
pub(super) fn locked(tokens: &[Token], text: &str) -> Range<usize> {
    // Full screen, leaving, keys: where each was seen last.
    let mut last: [Option<usize>; 3] = [None; 3];
    for (at, token) in tokens.iter().enumerate() {
        let which = match token.kind {
            Kind::Name(Word::RequestFullScreen) => 0,
            Kind::Name(Word::OnBeforeUnload) => 1,
            Kind::Name(Word::OnKey) => 2,
            Kind::Text => match token.of(text) {
                "beforeunload" => 1,
                "keydown" | "keyup" | "keypress" => 2,
                _ => continue,
            },
            _ => continue,
        };
        last[which] = Some(at);
        if let [Some(full), Some(leave), Some(keys)] = last {
            let first = full.min(leave).min(keys);
            if at - first <= CLOSE {
                return first.saturating_sub(CLOSE)..(at + CLOSE).min(tokens.len());
            }
        }
    }
    0..0
}
