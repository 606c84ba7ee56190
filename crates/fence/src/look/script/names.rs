//! Names in a script: which lock, alarm or disguise each one is, by what stands around it.

use super::super::signal::SignalKind;
use super::NEAR;
use super::Reading;
use super::lexer::{ARROW, EQUAL, Kind, Token};
use super::words::Word;

impl Reading<'_, '_> {
    /// A name, or a text that stands for one.
    pub(super) fn name(&mut self, at: usize, word: Word) {
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
                // A sound that a script makes and that starts by itself needs no `play()`.
                if word == Word::AutoPlay && self.marks.new_audio && self.assigned(at) {
                    self.marks.plays.get_or_insert(at);
                }
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
            Word::Muted if self.lets_out(at) => {
                self.marks.unmutes.get_or_insert(at);
            }
            Word::Pause | Word::Muted if at > 0 && self.tokens[at - 1].is(b'.') => {
                self.marks.pauses = true;
            }
            Word::Button if self.right_button(at) => {
                self.note(SignalKind::MenuBlocked, 0.8, at);
            }
            Word::SetInterval | Word::SetTimeout => self.repeats(at, word),
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

    pub(super) fn full_screen(&mut self, at: usize, share: f64) {
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
    pub(super) fn leave(&mut self, at: usize) {
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
                    // `return !0`, as compressed scripts have it.
                    || by < 12 && (next.kind == Kind::Number || next.is(b'!'))
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
        let owner = self.chain[2];
        if !self.called(at) || self.is_method(at, owner) || self.is_defined(at) {
            return;
        }
        let endless = self.in_loop(at, 40);
        if endless {
            self.note(SignalKind::DialogLoop, 1.0, at);
        } else {
            self.may_repeat(SignalKind::DialogLoop, 1.0, at);
        }
    }

    fn window(&mut self, at: usize, word: Word, owner: Word) {
        let meant = match word {
            Word::Print | Word::Open => {
                matches!(owner, Word::Window | Word::Other)
                    && self.called(at)
                    && !self.is_method(at, owner)
                    // Without `window` it may be a function of the script's own.
                    && (owner == Word::Window || self.takes_text_or_nothing(at))
            }
            _ => self.called(at),
        };
        let meant = meant && !self.is_defined(at);
        if meant && self.in_loop(at, 40) {
            self.note(SignalKind::WindowFlood, 0.8, at);
        } else if meant {
            self.may_repeat(SignalKind::WindowFlood, 0.8, at);
        }
    }

    /// `sound.muted = false`: the contrary of stopping it.
    fn lets_out(&self, at: usize) -> bool {
        let is = |by: usize, holds: fn(&Token) -> bool| self.tokens.get(at + by).is_some_and(holds);
        is(1, |token| token.is(b'='))
            && is(2, |token| {
                token.kind == Kind::Name(Word::False) || token.is(b'!')
            })
            && !is(3, |token| matches!(token.kind, Kind::Name(_)))
    }

    /// `if (event.button == 2) return false`, as menus were blocked before there was an event for them.
    fn right_button(&self, at: usize) -> bool {
        let compared = self.tokens.get(at + 1).is_some_and(|token| token.is(EQUAL))
            && self
                .tokens
                .get(at + 2)
                .is_some_and(|token| matches!(token.of(self.text), "2" | "3"));
        compared && self.blocks(at)
    }

    /// `function open(`, `open(…) {`: a function of the page's own that is called like that.
    fn is_defined(&self, at: usize) -> bool {
        if self.before(at) == Some(Word::Function) {
            return true;
        }
        let mut depth = 0_u32;
        for (by, token) in self.tokens[at + 1..].iter().take(NEAR).enumerate() {
            if token.is(b'(') {
                depth += 1;
            } else if token.is(b')') {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return self
                        .tokens
                        .get(at + by + 2)
                        .is_some_and(|next| next.is(b'{'));
                }
            }
        }
        false
    }

    /// `open('…')`, `print()`.
    fn takes_text_or_nothing(&self, at: usize) -> bool {
        self.tokens
            .get(at + 2)
            .is_some_and(|first| first.kind == Kind::Text || first.is(b')'))
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

    pub(super) fn cursor(&mut self, at: usize) {
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

    pub(super) fn debugger(&mut self, at: usize) {
        if self.in_loop(at, 60) || self.tokens[at].kind == Kind::Text {
            self.note(SignalKind::DebuggerTrap, 0.8, at);
        }
    }

    /// A listener to clicks and moves on the whole page.
    pub(super) fn listens(&mut self, at: usize) {
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
        // `addEventListener('click', …)` without an owner is the window's.
        let bare = at > 1
            && self.tokens[at - 2].kind == Kind::Name(Word::AddListener)
            && !(at > 2 && self.tokens[at - 3].is(b'.'));
        if (root || bare) && listener {
            self.marks.gesture.get_or_insert(at);
        }
    }
}
