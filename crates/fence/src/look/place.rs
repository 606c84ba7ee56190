//! Where in a page a signal was seen, for a person who wants to see it himself.

use std::fmt;

/// Characters of an excerpt.
const EXCERPT_MAX: usize = 120;

/// A place in a page or in what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub source: Source,
    /// The line in that part, from 1; `None` where lines say nothing.
    pub line: Option<u32>,
    /// What stands there, at most 120 characters, on one line.
    pub excerpt: String,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The page's own markup.
    Markup,
    /// Its visible text.
    Text,
    /// Its title.
    Title,
    /// Its address.
    Address,
    /// A script in the page, counted from 1.
    InlineScript(u32),
    /// An attribute that holds script, such as `onclick`.
    Handler(String),
    /// A style in the page.
    InlineStyle,
    /// A linked resource, by its address.
    Linked(String),
    /// What was decoded from another part, and how.
    Decoded(&'static str, Box<Source>),
}

impl Place {
    /// A place with an excerpt from around `at` in `text` (an octet offset).
    pub(crate) fn around(source: Source, line: Option<u32>, text: &str, at: usize) -> Self {
        let mut start = at.min(text.len()).saturating_sub(EXCERPT_MAX / 3);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        Self::new(source, line, &text[start..])
    }

    /// A place whose excerpt is the beginning of `text`.
    pub(crate) fn new(source: Source, line: Option<u32>, text: &str) -> Self {
        let mut excerpt = String::new();
        let words = text.split_whitespace().take(EXCERPT_MAX);
        let mut characters = 0;
        for word in words {
            if !excerpt.is_empty() && characters < EXCERPT_MAX {
                excerpt.push(' ');
                characters += 1;
            }
            for character in word.chars().filter(|c| !c.is_control()) {
                if characters >= EXCERPT_MAX {
                    return Self {
                        source,
                        line,
                        excerpt,
                    };
                }
                excerpt.push(character);
                characters += 1;
            }
        }
        Self {
            source,
            line,
            excerpt,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)?;
        match self.line {
            Some(line) => write!(formatter, ", line {line}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Markup => formatter.write_str("markup"),
            Self::Text => formatter.write_str("text"),
            Self::Title => formatter.write_str("title"),
            Self::Address => formatter.write_str("address"),
            Self::InlineScript(number) => write!(formatter, "inline script {number}"),
            Self::Handler(name) => write!(formatter, "attribute {name}"),
            Self::InlineStyle => formatter.write_str("inline style"),
            Self::Linked(url) => write!(formatter, "linked {url}"),
            Self::Decoded(how, inside) => write!(formatter, "{how} in {inside}"),
        }
    }
}
