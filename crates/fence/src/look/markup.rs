//! Markup as browsers tokenize it (html5ever), in order, without a tree: nesting says nothing here, and without it
//! nothing can be nested too deep.

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use std::cell::{Cell, RefCell};

/// Octets given to the tokenizer at once.
const PART: usize = 16 * 1024;
/// Blanks since the last token after which an unfinished tag is ended: the tokenizer compares each attribute of a tag
/// with all before it.
const ATTRIBUTES_MAX: usize = 4096;

/// What markup consists of.
#[derive(Debug)]
pub(crate) enum Markup<'a> {
    /// A start tag.
    Start(Element<'a>),
    /// An end tag.
    End(&'a str),
    /// Characters between tags, whatever they stand in.
    Text(&'a str, u32),
}

/// A start tag.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// In lower case.
    pub name: &'a str,
    /// The line it ends on, from 1.
    pub line: u32,
    attributes: &'a [html5ever::Attribute],
}

impl Element<'_> {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .map(|attribute| (&*attribute.name.local, &*attribute.value))
    }

    /// Where a `meta` refresh leads.
    pub fn refresh(&self) -> Option<&str> {
        let content = self.attribute("content")?;
        if !self
            .attribute("http-equiv")?
            .trim()
            .eq_ignore_ascii_case("refresh")
        {
            return None;
        }
        let address = content.split_once([';', ','])?.1.trim();
        let address = match address.get(..3) {
            Some(url) if url.eq_ignore_ascii_case("url") => {
                address[3..].trim_start().strip_prefix('=')?.trim_start()
            }
            _ => address,
        };
        Some(address.trim_matches(['"', '\'']))
    }
}

/// Takes what is read.
pub(crate) trait Sink {
    /// The next part.
    fn markup(&mut self, part: Markup<'_>);
}

/// Reads a whole text.
pub(crate) fn read(text: &str, sink: &mut impl Sink) {
    let tokenizer = Tokenizer::new(
        Tokens {
            sink: RefCell::new(sink),
            seen: Cell::new(false),
        },
        TokenizerOpts::default(),
    );
    let queue = BufferQueue::default();
    let mut blanks = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(PART);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        if tokenizer.sink.seen.replace(false) {
            blanks = 0;
        }
        blanks += part
            .bytes()
            .filter(|octet| octet.is_ascii_whitespace() || *octet == b'/')
            .count();
        queue.push_back(StrTendril::from_slice(part));
        while !matches!(tokenizer.feed(&queue), html5ever::TokenizerResult::Done) {}
        if blanks > ATTRIBUTES_MAX && !tokenizer.sink.seen.get() {
            queue.push_back(StrTendril::from_slice(">"));
            while !matches!(tokenizer.feed(&queue), html5ever::TokenizerResult::Done) {}
            blanks = 0;
        }
    }
    tokenizer.end();
}

struct Tokens<'a, S> {
    sink: RefCell<&'a mut S>,
    /// A token came since this was last asked.
    seen: Cell<bool>,
}

impl<S: Sink> TokenSink for Tokens<'_, S> {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        let mut sink = self.sink.borrow_mut();
        if !matches!(token, Token::ParseError(_)) {
            self.seen.set(true);
        }
        match token {
            Token::TagToken(tag) => {
                let next = after(&tag);
                match tag.kind {
                    TagKind::StartTag => sink.markup(Markup::Start(Element {
                        name: &tag.name,
                        line,
                        attributes: &tag.attrs,
                    })),
                    TagKind::EndTag => sink.markup(Markup::End(&tag.name)),
                }
                next
            }
            Token::CharacterTokens(text) => {
                sink.markup(Markup::Text(&text, line));
                TokenSinkResult::Continue
            }
            Token::CommentToken(_)
            | Token::NullCharacterToken
            | Token::DoctypeToken(_)
            | Token::EOFToken
            | Token::ParseError(_) => TokenSinkResult::Continue,
        }
    }
}

/// How the tokenizer goes on after a tag, as the tree builder would tell it.
fn after(tag: &Tag) -> TokenSinkResult<()> {
    if tag.kind == TagKind::EndTag {
        return TokenSinkResult::Continue;
    }
    match &*tag.name {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}
