//! A look at a page: octets in; a verdict, a score and the signals behind them out.
//!
//! Pure and bounded: nothing is fetched, nothing of a page is ever run, and whatever octets come, [`look`] answers
//! within [`READ_MAX`] octets of work per part and never panics. What a page refers to is named by [`references`]; who
//! fetches it hands it back as [`Linked`].

mod evidence;
mod fingerprint;
mod lexicon;
pub(crate) mod markup;
pub mod model;
mod octets;
mod place;
mod reading;
mod references;
mod rules;
mod script;
mod signal;
pub mod structure;
mod style;
mod text;
mod verdict;

pub use fingerprint::{Fingerprint, Fuzzy};
pub use place::{Place, Source};
pub use references::{REFERENCES_MAX, References, references};
pub use rules::{Known, score_of};
pub use signal::{Signal, SignalKind};

use url::Url;

use evidence::Evidence;
use script::Script;
use structure::Structure;

/// Octets of a page, and of each linked resource, that are read; what lies behind is not looked at, and
/// [`Look::incomplete`] says so.
pub const READ_MAX: usize = 4 * 1024 * 1024;

/// The score from which a page is surely a scam.
pub const SCAM_FROM: f64 = 0.7;
/// The score from which a person should look.
pub const SUSPICIOUS_FROM: f64 = 0.5;

/// A page as it was served, and what belongs to it as far as it is at hand.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The body, in its own charset.
    pub octets: &'a [u8],
    /// Where it was found, when known: brands on their own domains, shared hosting and relative addresses need it.
    pub url: Option<&'a Url>,
    /// The `Content-Type` header, when known: it decides the charset.
    pub content_type: Option<&'a str>,
    /// Scripts, frames, styles and media that belong to it.
    pub linked: &'a [Linked<'a>],
    /// The linked resources were asked for: what is not in `linked` does not exist or could not be had.
    pub linked_known: bool,
}

/// A resource that belongs to a page.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'a> {
    /// Its address or file name, as a person should read it.
    pub url: &'a str,
    /// What it is.
    pub kind: LinkedKind,
    /// Its body.
    pub octets: &'a [u8],
    /// Its `Content-Type` header, when known.
    pub content_type: Option<&'a str>,
}

/// What a linked resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkedKind {
    /// JavaScript: read as tokens, never run.
    Script,
    /// A page inside the page: looked at as a page.
    Frame,
    /// A style sheet.
    Style,
    /// Sound, picture or film: only hashed.
    Media,
}

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing that a person would have to look at.
    Clean,
    /// A person should look.
    Suspicious,
    /// Surely a page that locks and alarms its visitor to make him call.
    Scam,
}

impl Verdict {
    /// The verdict of a score.
    pub fn of(score: f64) -> Self {
        match score {
            score if score >= SCAM_FROM => Self::Scam,
            score if score >= SUSPICIOUS_FROM => Self::Suspicious,
            _ => Self::Clean,
        }
    }

    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Suspicious => "suspicious",
            Self::Scam => "scam",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a look at a page found.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// What the page is.
    pub verdict: Verdict,
    /// How sure that is: 0 (ordinary) to 1 (scam).
    pub score: f64,
    /// What counts, heaviest first.
    pub signals: Vec<Signal>,
    /// The page refers to scripts or frames that were not asked for, or is longer than what is read.
    pub incomplete: bool,
    /// Telephone numbers in the text, as they stand there, each once, at most 32.
    pub phones: Vec<String>,
    /// How it is built.
    pub structure: Structure,
    /// The page itself first, then its linked resources.
    pub fingerprints: Vec<Fingerprint>,
}

/// Looks at a page, and at what of it is at hand.
pub fn look(page: &Page<'_>) -> Look {
    let mut evidence = Evidence::new();
    let text = octets::decoded(page.octets, page.content_type);
    reading::page(&text, None, 0, 1.0, &mut evidence);
    for linked in page.linked {
        if linked.kind != LinkedKind::Media {
            belongs(linked, &mut evidence);
        }
    }
    while let Some(layer) = evidence.next_layer() {
        if layer.script {
            let mut script = Script::new(&layer.text, layer.source, 0, layer.depth);
            script.trust = script.trust.min(layer.trust);
            script::read(&script, &mut evidence);
        } else {
            reading::page(
                &layer.text,
                Some(&layer.source),
                layer.depth,
                layer.trust,
                &mut evidence,
            );
        }
    }
    let phones = verdict::words(&mut evidence, page.url);
    verdict::built(&mut evidence);
    let score = rules::score(&evidence);
    let missing = evidence.facts.script_references > 0 || evidence.facts.frames > 0;
    Look {
        verdict: Verdict::of(score),
        score,
        signals: verdict::signals(&evidence),
        incomplete: page.octets.len() > READ_MAX || missing && !page.linked_known,
        phones,
        structure: evidence.structure,
        fingerprints: fingerprint::of_all(page),
    }
}

fn belongs(linked: &Linked<'_>, evidence: &mut Evidence) {
    let text = octets::decoded(linked.octets, linked.content_type);
    let source = Source::Linked(linked.url.chars().take(200).collect());
    match linked.kind {
        LinkedKind::Script => script::read(&Script::new(&text, source, 1, 0), evidence),
        LinkedKind::Frame => reading::page(&text, Some(&source), 0, 1.0, evidence),
        LinkedKind::Style => {
            style::read(&text, &source, 1, LINKED_STYLE_TRUST, evidence);
        }
        LinkedKind::Media => {}
    }
}

/// A rule of a linked sheet may be for a part of the page that is never shown.
const LINKED_STYLE_TRUST: f64 = 0.7;
