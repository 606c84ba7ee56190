//! Texts in a script: names, addresses and markup in quotes, and what several of them are when put together.

use super::super::evidence::Layer;
use super::super::signal::SignalKind;
use super::Reading;
use super::SCRIPT_MAX;
use super::hosts::class_of_host;
use super::lexer::Kind;
use super::literal;
use super::words::Word;
use std::borrow::Cow;

/// Letters and digits in a row that no word has.
const RUN: usize = 64;
/// How much counts what stands in long data with a tag somewhere.
const DATA_TRUST: f64 = 0.9;

impl<'a> Reading<'a, '_> {
    /// A literal, joined with those that are added to it. Comes back with the token behind.
    pub(super) fn literal(&mut self, at: usize) -> usize {
        let mut end = at + 1;
        let mut value: Cow<'a, str> = literal::unescaped(self.tokens[at].of(self.text));
        let escapes = matches!(value, Cow::Owned(_)) && self.tokens[at].of(self.text).len() > 400;
        while self.tokens.get(end).is_some_and(|token| token.is(b'+'))
            && self
                .tokens
                .get(end + 1)
                .is_some_and(|token| token.kind == Kind::Text)
            && value.len() < SCRIPT_MAX
        {
            value
                .to_mut()
                .push_str(&literal::unescaped(self.tokens[end + 1].of(self.text)));
            end += 2;
        }
        let in_brackets = at > 0
            && self.tokens[at - 1].is(b'[')
            && self.tokens.get(end).is_some_and(|token| token.is(b']'));
        if in_brackets {
            let word = Word::of(value.as_bytes());
            if word == Word::Other {
                self.parameter(at, &value);
            }
            self.follow(true, word);
            if word != Word::Other {
                // What follows a name stands behind its bracket.
                self.name(end, word);
            }
            return end + 1;
        }
        self.value(at, end, &value, escapes);
        end
    }

    /// What a text says.
    pub(super) fn value(&mut self, at: usize, end: usize, value: &str, escapes: bool) {
        if value.len() <= 60 {
            self.named(at, end, value);
        }
        if value.len() <= 40 {
            self.short(at, end, value);
        }
        if self.code_in_text(at, end, value) {
            return;
        }
        if value.len() >= 3 && value.contains("//") {
            self.address(at, value);
        }
        if let Some(page) = value
            .strip_prefix("data:text/html")
            .and_then(|_| literal::data_page(value))
        {
            self.decoded(at, "data address", page);
        } else if value.contains('<') && value.len() > 8 && !value.ends_with('<') {
            if value.contains("<iframe") && self.in_loop(at, 40) {
                self.note(SignalKind::WindowFlood, 0.8, at);
            }
            self.markup(at, value, escapes);
        } else if let Some((how, plain)) = literal::revealed(value) {
            self.decoded(at, how, plain);
        } else if literal::opaque(value) {
            self.marks.opaque.get_or_insert(at);
        } else if escapes && value.len() > 200 && value.contains('(') {
            self.decoded(at, "escapes", value.to_owned());
        } else if value.contains(' ') || value.len() >= 3 && !value.is_ascii() {
            self.evidence.may_be_shown(value);
        }
    }

    pub(super) fn short(&mut self, at: usize, end: usize, value: &str) {
        self.marks.fills |= matches!(value, "100%" | "100vw" | "100vh");
        let word = Word::of(value.as_bytes());
        self.keys.text(self.tokens, at, end, value);
        match word {
            Word::BeforeUnload | Word::OnBeforeUnload => self.leave(at),
            Word::ContextMenu if self.blocks(at) => self.note(SignalKind::MenuBlocked, 1.0, at),
            Word::SelectStart if self.blocks(at) => {
                self.note(SignalKind::SelectionBlocked, 0.6, at);
            }
            Word::KeyEvent => {
                let blocks = self.blocks(at);
                self.keys.listened(blocks);
            }
            Word::ClickEvent => self.listens(at),
            Word::PopState => self.marks.pops = true,
            // `createElement('audio', { autoPlay: true })`, as components have it.
            Word::Audio if self.tokens.get(end).is_some_and(|next| next.is(b',')) => {
                let near = &self.tokens[end..(end + 16).min(self.tokens.len())];
                let given = |word| near.iter().any(|token| token.kind == Kind::Name(word));
                if given(Word::AutoPlay) {
                    self.note(SignalKind::AudioAutoplay, 0.9, at);
                }
                if given(Word::Repeat) {
                    self.marks.new_audio = true;
                    self.marks.repeats = true;
                }
            }
            Word::Audio
                if self.tokens[at.saturating_sub(3)..at]
                    .iter()
                    .any(|token| token.kind == Kind::Name(Word::CreateElement)) =>
            {
                self.marks.new_audio = true;
            }
            Word::Frame
                if self.tokens[at.saturating_sub(3)..at]
                    .iter()
                    .any(|token| token.kind == Kind::Name(Word::CreateElement)) =>
            {
                self.marks.makes_frame = Some(at);
            }
            Word::Ended | Word::Repeat | Word::AutoPlay => self.marks.repeats = true,
            Word::Cursor => self.cursor(at),
            Word::Debugger => self.debugger(at),
            // A name in a list of names, as libraries and obfuscated scripts have them.
            Word::RequestFullScreen => {
                self.marks.full_screen.get_or_insert(at);
                self.note(SignalKind::FullScreen, 0.5, at);
            }
            Word::RequestPointerLock => self.note(SignalKind::PointerLock, 0.5, at),
            Word::Other => {
                if at > 1 && (self.tokens[at - 1].is(b'(') || self.tokens[at - 1].is(b'[')) {
                    self.parameter(at, value);
                }
                if let Some(plain) = literal::short_decoded(value) {
                    self.hidden_name(at, &plain);
                }
            }
            _ => {}
        }
        if value.len() > 2
            && number_parameter(value.trim_matches(['#', '.'])).is_some_and(|weight| weight > 0.7)
        {
            self.marks.number_words = true;
        }
    }

    /// A name under which a number may stand in the page's address.
    fn parameter(&mut self, at: usize, name: &str) {
        if let Some(weight) = number_parameter(name)
            && self
                .marks
                .number_parameter
                .is_none_or(|(known, _)| known < weight)
        {
            self.marks.number_parameter = Some((weight, at));
        }
    }

    /// A name that an obfuscator wrote in its own base64.
    fn hidden_name(&mut self, at: usize, plain: &str) {
        let kind = match Word::of(plain.as_bytes()) {
            Word::RequestFullScreen => SignalKind::FullScreen,
            Word::RequestPointerLock => SignalKind::PointerLock,
            Word::BeforeUnload | Word::OnBeforeUnload => SignalKind::LeaveBlocked,
            Word::OnContextMenu | Word::ContextMenu => SignalKind::MenuBlocked,
            Word::PushState => SignalKind::HistoryFlood,
            _ => {
                if plain.contains(' ') {
                    self.evidence.may_be_shown(plain);
                }
                return;
            }
        };
        self.note(kind, 0.8, at);
    }

    fn address(&mut self, at: usize, value: &str) {
        if let Some(class) = class_of_host(value) {
            match class {
                SignalKind::AddressLookup => {
                    self.marks.lookup.get_or_insert(at);
                }
                kind => self.note(kind, 1.0, at),
            }
        }
    }

    fn markup(&mut self, at: usize, value: &str, escapes: bool) {
        if escapes && value.len() > 400 {
            self.note(SignalKind::DecodedLayer, 0.7, at);
        }
        let source = self.script.source.clone();
        // A dictionary has tags too, but begins as no language and no markup does.
        let start = value.as_bytes().get(..RUN);
        let data = start.is_some_and(|start| start.iter().all(u8::is_ascii_alphanumeric));
        self.evidence.layer(Layer {
            text: value.to_owned(),
            source,
            depth: self.script.depth + 1,
            script: false,
            trust: self.script.trust * if data { DATA_TRUST } else { 1.0 },
        });
    }

    pub(super) fn pattern(&mut self, at: usize) {
        let text = self.tokens[at].of(self.text);
        if text.len() < 60
            && let Some(name) = text
                .find(['?', '&'])
                .map(|from| &text[from..])
                .and_then(|rest| rest.split(['=', '(']).next())
            && let Some(weight) =
                number_parameter(name.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        {
            self.marks.number_parameter = Some((weight, at));
            self.marks.reads_address = true;
        }
    }
}

/// How surely a parameter of this name holds a telephone number.
pub fn number_parameter(name: &str) -> Option<f64> {
    let lower = name.to_ascii_lowercase();
    Some(match lower.as_str() {
        "phone" | "ph0ne" | "phn" | "phno" | "phone_number" | "phonenumber" | "phone-number"
        | "telephone" | "tfn" | "anph" | "tollfree" | "toll_free" | "toll" | "helpline"
        | "hotline" | "callnow" | "phonenum" | "phone_no" | "phoneno" | "telefon" | "telefono"
        | "rufnummer" | "numero" | "ph_no" | "support_number" | "pnum" | "phnum" => 1.0,
        "num" | "number" | "tel" | "nmbr" | "ph" | "nbr" | "call" | "numb" | "nummer" | "cnum"
        | "did" => 0.8,
        "n" | "p" | "no" | "nr" | "t" | "x" => 0.4,
        _ if lower.len() < 24 && lower.contains("phone") => 0.8,
        _ => return None,
    })
}
