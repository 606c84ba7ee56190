//! Scripts read as tokens: which locks, alarms and disguises they hold. Nothing is ever run.

mod hosts;
mod keys;
mod lexer;
mod literal;
mod named;
mod words;

pub(super) use hosts::class_of_host;
pub(super) use literal::{data_page, percent_decoded, revealed};

use lexer::{ARROW, Kind, Token, tokens};
use std::borrow::Cow;
use words::Word;

use super::evidence::{Evidence, Layer};
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
}

/// Libraries are known by their file names and by the licence on top.
fn is_library(source: &Source, text: &str) -> bool {
    const NAMES: &[&str] = &[
        "jquery",
        "bootstrap",
        "popper",
        "modernizr",
        "react",
        "angular",
        "vue",
        "lodash",
        "video",
        "plyr",
        "player",
        "hls",
        "three",
        "phaser",
        "pixi",
        "swiper",
        "slick",
        "owl.",
        "fancybox",
        "lightbox",
        "lightgallery",
        "photoswipe",
        "reveal",
        "impress",
        "screenfull",
        "hammer",
        "howler",
        "tone",
        "tinymce",
        "ckeditor",
        "quill",
        "codemirror",
        "ace.",
        "monaco",
        "leaflet",
        "mapbox",
        "openlayers",
        "d3.",
        "chart",
        "gsap",
        "tweenmax",
        "polyfill",
        "vendor",
        "chunk",
        "runtime",
        "analytics",
        "gtag",
        "recaptcha",
        "uv.",
        "mermaid",
        "mathjax",
    ];
    let licensed = text.len() > 4096 && text.trim_start().starts_with("/*!");
    let named = match source {
        Source::Linked(url) if text.len() > 8192 => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            let file = path
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            NAMES.iter().any(|name| file.starts_with(name))
        }
        _ => false,
    };
    licensed || named
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
    let script = &if tokens.len() > LIBRARY_TOKENS {
        Script {
            trust: script.trust.min(LIBRARY_TRUST),
            ..script.clone()
        }
    } else {
        script.clone()
    };
    let mut reading = Reading {
        text,
        tokens: &tokens,
        script,
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
    named: named::Named,
}

struct Reading<'a, 'b> {
    text: &'a str,
    tokens: &'a [Token],
    script: &'a Script<'a>,
    evidence: &'b mut Evidence,
    /// The last names of a dotted path, the newest last.
    chain: [Word; 4],
    keys: keys::Keys,
    marks: Marks,
}

impl<'a> Reading<'a, '_> {
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

    /// A name, or a text that stands for one.
    fn name(&mut self, at: usize, word: Word) {
        let owner = self.chain[2];
        match word {
            Word::RequestFullScreen => self.full_screen(at, 1.0),
            Word::ExitFullScreen | Word::FullScreenElement => self.marks.exit_full_screen = true,
            Word::DocumentElement | Word::Body => self.marks.root_passed |= self.is_passed(at),
            Word::Lock if owner == Word::Keyboard => self.note(SignalKind::KeyboardLock, 1.0, at),
            Word::RequestPointerLock => self.note(SignalKind::PointerLock, 1.0, at),
            Word::OnBeforeUnload => self.leave(at),
            Word::ReturnValue => self.marks.return_value = true,
            Word::KeyCode | Word::Key => self.keys.read(self.tokens, at, self.text),
            Word::CtrlKey => self.keys.combined(),
            Word::OnKey if self.assigned(at) => self.keys.listened(self.blocks(at)),
            Word::OnContextMenu if self.blocks(at) => self.note(SignalKind::MenuBlocked, 1.0, at),
            Word::OnSelectStart if self.blocks(at) => {
                self.note(SignalKind::SelectionBlocked, 1.0, at);
            }
            Word::OnClick
                if self.assigned(at)
                    && matches!(owner, Word::Document | Word::Window | Word::Body) =>
            {
                self.marks.gesture.get_or_insert(at);
            }
            // jQuery's short forms: `$(document).click(…)`.
            Word::ClickEvent if self.chained(at) => self.listens(at),
            Word::KeyEvent if self.chained(at) => self.keys.listened(self.blocks(at)),
            Word::ContextMenu if self.chained(at) && self.blocks(at) => {
                self.note(SignalKind::MenuBlocked, 1.0, at);
            }
            // Without an element, the library takes the whole page.
            Word::Request if owner == Word::ScreenFull && self.called(at) => {
                self.marks.full_screen.get_or_insert(at);
                self.note(SignalKind::FullScreen, 0.9, at);
            }
            Word::KeyBindings => self.keys.listened(self.blocks(at)),
            Word::Howl if self.before(at) == Some(Word::New) => self.sounds(at),
            Word::Oscillator if self.called(at) => self.sounds(at),
            Word::PushState => self.push_state(at),
            Word::OnPopState => self.marks.pops = true,
            Word::Forward if owner == Word::History => self.marks.pops = true,
            Word::Alert => {
                self.dialog(at);
            }
            Word::Print | Word::Open | Word::CreateObjectUrl => self.window(at, word, owner),
            Word::Audio if self.before(at) == Some(Word::New) => self.marks.new_audio = true,
            Word::Play if self.called(at) => {
                self.marks.plays.get_or_insert(at);
            }
            Word::Repeat | Word::AutoPlay | Word::Ended => {
                self.marks.repeats |= self.assigned(at);
            }
            Word::Speak => self.note(SignalKind::Speech, 1.0, at),
            Word::Eval if self.called(at) => self.evaluates(at),
            Word::Function if self.before(at) == Some(Word::New) => self.evaluates(at),
            Word::Write if owner == Word::Document => self.writes(at),
            Word::InnerHtml => self.marks.writes = true,
            Word::SrcDoc => self.evaluates(at),
            Word::Atob | Word::Unescape | Word::FromCharCode | Word::CharCodeAt | Word::Decrypt => {
                self.marks.decodes = true;
                if word == Word::FromCharCode {
                    self.codes_called(at);
                }
            }
            Word::Search | Word::Hash => self.marks.reads_address = true,
            Word::Href | Word::Location => self.location(at),
            Word::Assign if owner == Word::Location && self.called(at) => {
                self.marks.leaves.get_or_insert(at);
            }
            Word::UserAgent | Word::Language => self.marks.agent = true,
            Word::Fetch => self.marks.fetches = true,
            Word::Cursor => self.cursor(at),
            Word::Debugger => self.debugger(at),
            Word::Pause if self.script.trust >= 1.0 && at > 0 && self.tokens[at - 1].is(b'.') => {
                self.evidence.facts.stops_sound = true;
            }
            // Libraries draw too, whatever the page is.
            Word::Canvas => self.evidence.facts.canvas |= self.script.trust >= 1.0,
            _ => {}
        }
    }

    /// The only argument of a plain function: `open(document.body)`, not `observer.observe(document.body)`.
    fn is_passed(&self, at: usize) -> bool {
        let is = |at: Option<usize>, sign: u8| {
            at.and_then(|at| self.tokens.get(at))
                .is_some_and(|token| token.is(sign))
        };
        let function = at.checked_sub(4).map(|at| &self.tokens[at]);
        is(at.checked_sub(1), b'.')
            && is(at.checked_sub(3), b'(')
            && is(Some(at + 1), b')')
            && function.is_some_and(|token| matches!(token.kind, Kind::Name(_)))
            && !is(at.checked_sub(5), b'.')
    }

    /// A call on what another call gave: `$(document).keydown(…)`.
    fn chained(&self, at: usize) -> bool {
        self.called(at) && at > 1 && self.tokens[at - 2].is(b')')
    }

    /// A sound that a script makes by itself.
    fn sounds(&mut self, at: usize) {
        self.marks.new_audio = true;
        self.marks.plays.get_or_insert(at);
    }

    fn full_screen(&mut self, at: usize, share: f64) {
        let near = at.saturating_sub(2 * NEAR)..(at + 2 * NEAR).min(self.tokens.len());
        let whole = self.tokens[near].iter().any(|token| match token.kind {
            Kind::Name(Word::DocumentElement | Word::Body) => true,
            Kind::Text => matches!(token.of(self.text), "html" | "body"),
            _ => false,
        });
        self.marks.full_screen.get_or_insert(at);
        self.note(
            SignalKind::FullScreen,
            share * if whole { 1.0 } else { 0.6 },
            at,
        );
    }

    /// A handler of leaving: one that asks counts, one that only reports hardly does.
    fn leave(&mut self, at: usize) {
        let near = &self.tokens[at..(at + NEAR).min(self.tokens.len())];
        let handler = self.tokens[at].kind == Kind::Name(Word::OnBeforeUnload);
        let asks = near.iter().enumerate().any(|(by, token)| match token.kind {
            Kind::Name(Word::ReturnValue | Word::PreventDefault) => true,
            // `onbeforeunload = function () { return question() }`
            Kind::Name(Word::Return) if handler && by < 12 => {
                near.get(by + 1).is_some_and(|next| {
                    matches!(next.kind, Kind::Name(_) | Kind::Text | Kind::Number)
                        && !matches!(next.of(self.text), "undefined" | "null" | "void")
                })
            }
            Kind::Name(Word::Return) => near.get(by + 1).is_some_and(|next| {
                matches!(next.kind, Kind::Text | Kind::Name(Word::False | Word::True))
            }),
            // `onbeforeunload = () => 1`
            Kind::Sign(ARROW) if by < 8 => near.get(by + 1).is_some_and(|next| {
                matches!(
                    next.kind,
                    Kind::Text | Kind::Number | Kind::Name(Word::False | Word::True)
                )
            }),
            _ => false,
        });
        let nothing = near.get(1).is_some_and(|token| token.is(b'='))
            && near
                .get(2)
                .is_some_and(|token| matches!(token.of(self.text), "null" | "undefined"));
        if !nothing {
            self.note(SignalKind::LeaveBlocked, if asks { 1.0 } else { 0.4 }, at);
        }
    }

    fn push_state(&mut self, at: usize) {
        if self.marks.push_states == 0 {
            self.marks.first_push = at;
        }
        self.marks.push_states += 1;
        if self.in_loop(at, 40) {
            self.note(SignalKind::HistoryFlood, 1.0, at);
        }
    }

    fn dialog(&mut self, at: usize) {
        if !self.called(at) {
            return;
        }
        let endless = self.in_loop(at, 40);
        if endless {
            self.note(SignalKind::DialogLoop, 1.0, at);
        }
    }

    fn window(&mut self, at: usize, word: Word, owner: Word) {
        let meant = match word {
            Word::Print | Word::Open => {
                matches!(owner, Word::Window | Word::Other)
                    && self.called(at)
                    && !self.is_method(at, owner)
            }
            _ => self.called(at),
        };
        if meant && self.in_loop(at, 40) {
            self.note(SignalKind::WindowFlood, 0.8, at);
        }
    }

    /// A method of something unknown: `request.open()`.
    fn is_method(&self, at: usize, owner: Word) -> bool {
        owner == Word::Other && at > 0 && self.tokens[at - 1].is(b'.')
    }

    fn evaluates(&mut self, at: usize) {
        self.marks.evaluates.get_or_insert(at);
        self.packed(at);
    }

    fn writes(&mut self, at: usize) {
        self.marks.writes = true;
        self.marks.writes_document = true;
        self.marks.evaluates.get_or_insert(at);
    }

    fn location(&mut self, at: usize) {
        if self.assigned(at) {
            if matches!(
                self.chain[2],
                Word::Location | Word::Window | Word::Document
            ) || (self.chain[3] == Word::Location && self.chain[2] == Word::Other)
            {
                self.marks.leaves.get_or_insert(at);
            }
        } else if self.chain[2] == Word::Location || self.chain[3] == Word::Location {
            self.marks.reads_address = true;
        }
    }

    fn cursor(&mut self, at: usize) {
        let hides = self.tokens[at + 1..(at + 4).min(self.tokens.len())]
            .iter()
            .any(|token| {
                token.kind == Kind::Text && token.of(self.text).trim_start().starts_with("none")
            });
        if hides {
            let back = at.saturating_sub(12);
            let root = self.tokens[back..at].iter().any(|token| match token.kind {
                Kind::Name(word) => {
                    matches!(word, Word::Body | Word::DocumentElement | Word::Document)
                }
                Kind::Text => matches!(token.of(self.text), "body" | "html" | "*"),
                _ => false,
            });
            self.note(SignalKind::CursorHidden, if root { 1.0 } else { 0.5 }, at);
        }
    }

    fn debugger(&mut self, at: usize) {
        if self.in_loop(at, 60) || self.tokens[at].kind == Kind::Text {
            self.note(SignalKind::DebuggerTrap, 0.8, at);
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
                Kind::Name(Word::SetInterval) => true,
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
        let strength = strength * self.script.trust;
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

    /// A literal, joined with those that are added to it. Comes back with the token behind.
    fn literal(&mut self, at: usize) -> usize {
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
    fn value(&mut self, at: usize, end: usize, value: &str, escapes: bool) {
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

    fn short(&mut self, at: usize, end: usize, value: &str) {
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
                if near
                    .iter()
                    .any(|token| token.kind == Kind::Name(Word::AutoPlay))
                {
                    self.note(SignalKind::AudioAutoplay, 0.9, at);
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

    /// A listener to clicks and moves on the whole page.
    fn listens(&mut self, at: usize) {
        let back = at.saturating_sub(6);
        let near = &self.tokens[back..at];
        let listener = self.tokens[at].kind == Kind::Name(Word::ClickEvent)
            || near
                .iter()
                .any(|token| token.kind == Kind::Name(Word::AddListener));
        let root = near.iter().any(|token| match token.kind {
            Kind::Name(word) => {
                matches!(
                    word,
                    Word::Document | Word::Window | Word::Body | Word::DocumentElement
                )
            }
            Kind::Text => matches!(token.of(self.text), "body" | "html" | "*"),
            _ => false,
        });
        if root && listener {
            self.marks.gesture.get_or_insert(at);
        }
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
        self.evidence.layer(Layer {
            text: value.to_owned(),
            source,
            depth: self.script.depth + 1,
            script: false,
            trust: self.script.trust,
        });
    }

    fn decoded(&mut self, at: usize, how: &'static str, plain: String) {
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

    fn pattern(&mut self, at: usize) {
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

    fn number(&mut self, at: usize) {
        self.keys.number(self.tokens, at, self.text);
    }

    /// `[60, 104, 116, …]`: a page as the codes of its characters.
    fn list_of_numbers(&mut self, at: usize) -> usize {
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
    fn list_of_texts(&mut self, at: usize) -> usize {
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
    fn codes_called(&mut self, at: usize) {
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
    fn packed(&mut self, at: usize) {
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

    /// What several marks say together.
    fn finish(mut self) {
        let marks = std::mem::take(&mut self.marks);
        let own = self.script.trust >= 1.0;
        self.names_together(&marks);
        if let Some((strength, at)) = self.keys.verdict() {
            self.note(SignalKind::KeysBlocked, strength, at);
        }
        if let (Some(at), true) = (marks.gesture, own) {
            self.note(
                SignalKind::GestureTrap,
                if marks.full_screen.is_some() {
                    1.0
                } else {
                    0.5
                },
                at,
            );
        }
        if let (Some(at), true) = (marks.full_screen, marks.root_passed && own) {
            self.note(SignalKind::FullScreen, 0.9, at);
        }
        if let Some(at) = marks.plays {
            let strength = match (marks.new_audio, marks.repeats) {
                (true, true) => 1.0,
                (true, false) => 0.8,
                (false, true) => 0.7,
                (false, false) => 0.4,
            };
            self.note(SignalKind::AudioFromScript, strength, at);
        }
        let floods = marks.push_states >= 5 || marks.push_states > 0 && marks.pops;
        if floods && own {
            let strength = if marks.push_states >= 5 { 0.8 } else { 0.6 };
            self.note(SignalKind::HistoryFlood, strength, marks.first_push);
        }
        if let (Some(at), true) = (marks.leaves, marks.agent && own && self.text.len() < 8192) {
            self.note(SignalKind::AgentRedirect, 0.6, at);
        }
        if let Some(at) = marks.lookup {
            let shown = marks.writes || self.evidence.facts.writes_page;
            self.note(SignalKind::AddressLookup, if shown { 1.0 } else { 0.5 }, at);
        }
        if let (Some(at), Some(_)) = (marks.opaque, marks.evaluates)
            && marks.decodes
        {
            self.note(SignalKind::OpaqueLoader, 1.0, at);
        }
        if let (Some(at), true) = (marks.makes_frame, marks.fills && own) {
            self.evidence.facts.whole_frames += 1;
            self.note(SignalKind::FrameShell, 0.4, at);
        }
        if marks.fetches && marks.writes_document && own && self.tokens.len() < 400 {
            self.note(SignalKind::OpaqueLoader, 0.5, 0);
        }
        if marks.fetches && marks.writes && marks.number_words && own {
            self.note(SignalKind::PhoneFromServer, 0.5, 0);
        }
        if let Some((weight, at)) = marks.number_parameter {
            let place = self.place(at);
            let known = &mut self.evidence.facts.number_parameter;
            if own && known.as_ref().is_none_or(|(before, _)| *before < weight) {
                *known = Some((weight, place));
            }
        }
        let facts = &mut self.evidence.facts;
        facts.reads_address |= marks.reads_address && own;
        facts.writes_page |= marks.writes;
        facts.exit_full_screen |= marks.exit_full_screen && own;
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

fn number(digits: &str) -> Option<u32> {
    match digits.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

fn character(code: u32) -> Option<char> {
    char::from_u32(code).filter(|character| !character.is_control() || character.is_whitespace())
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
