//! What words, numbers and the address say, added to the evidence; and the signals in the order of their weight.

use url::Url;

use super::evidence::Evidence;
use super::lexicon::{self, Phrase, PhraseKind};
use super::model::{self, Weights};
use super::place::{Place, Source};
use super::signal::Signal;
#[allow(clippy::enum_glob_use, reason = "the rules name most of them")]
use super::signal::SignalKind::*;
use super::structure::Trait;
use super::{rules, text};

/// Hosts where anybody gets a name within minutes.
const SHARED_HOSTS: &[&str] = &[
    "azurewebsites.net",
    "web.core.windows.net",
    "blob.core.windows.net",
    "azurefd.net",
    "azurestaticapps.net",
    "ondigitalocean.app",
    "digitaloceanspaces.com",
    "netlify.app",
    "vercel.app",
    "pages.dev",
    "workers.dev",
    "r2.dev",
    "github.io",
    "gitlab.io",
    "web.app",
    "firebaseapp.com",
    "herokuapp.com",
    "onrender.com",
    "surge.sh",
    "glitch.me",
    "repl.co",
    "replit.app",
    "s3.amazonaws.com",
    "cloudfront.net",
    "amplifyapp.com",
    "000webhostapp.com",
    "weebly.com",
    "wixsite.com",
    "blogspot.com",
    "ngrok.io",
    "ngrok-free.app",
    "trycloudflare.com",
    "fly.dev",
    "deno.dev",
    "my.id",
    "linodeobjects.com",
    "backblazeb2.com",
    "storage.googleapis.com",
    "appspot.com",
    "run.app",
    "b-cdn.net",
    "translate.goog",
    "ipfs.dweb.link",
    "myqcloud.com",
    "aliyuncs.com",
    "infinityfreeapp.com",
    "rf.gd",
    "square.site",
];

/// Adds what words, numbers and the address say.
pub(super) fn words(evidence: &mut Evidence, url: Option<&Url>) -> Vec<String> {
    let shown = format!("{} {}", evidence.title, evidence.prose);
    let folded = text::folded(&shown);
    let spoken = text::folded(&evidence.spoken);
    if let Some(word) = folded.disguised.first().or(spoken.disguised.first()) {
        evidence.note(FoldedWords, 1.0, || Place::new(Source::Text, None, word));
    }
    let found = lexicon::phrases(&folded.text);
    Words::count(&found, &folded.text, 1.0, evidence);
    // What scripts hold may never be shown, so it counts only where the text is silent.
    let said = lexicon::phrases(&spoken.text);
    let octets = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let read = spoken.text.len().max(1);
    let share = SPOKEN_SHARE * octets(SPOKEN_OCTETS.min(read)) / octets(read);
    Words::count(&said, &spoken.text, share, evidence);
    let threats = said
        .iter()
        .filter(|(phrase, _)| phrase.kind == PhraseKind::Threat)
        .count();
    let threats = u32::try_from(threats).unwrap_or(u32::MAX);
    evidence.facts.spoken_threat =
        share * model::word_strength(ThreatWords, threats, is_short(&spoken.text));
    brands(evidence, &found, &folded.text, url);
    evidence.facts.spoken_number = !text::phones(&evidence.spoken).is_empty();
    let phones = text::phones(&shown);
    if let Some(phone) = phones.first() {
        let strength = if phones.iter().any(|phone| text::toll_free(phone)) {
            1.0
        } else {
            0.5
        };
        evidence.note(PhoneInText, strength, || {
            Place::new(Source::Text, None, phone)
        });
    }
    number_of_address(evidence);
    sounds(evidence);
    if let Some(host) = url.and_then(Url::host_str)
        && SHARED_HOSTS.iter().any(|shared| host.ends_with(shared))
    {
        evidence.note(SharedHost, 1.0, || Place::new(Source::Address, None, host));
    }
    images(evidence, &folded.text);
    shell(evidence, &folded.text);
    decoy(evidence, &folded.text);
    phones
}

/// How much the texts of scripts count beside what is surely shown.
const SPOKEN_SHARE: f64 = 0.7;

/// Octets of the texts of scripts beyond which a few phrases are chance: programs, dictionaries.
const SPOKEN_OCTETS: usize = 16 * 1024;

/// A text in which few phrases are many.
fn is_short(folded: &str) -> bool {
    let letters = folded.chars().filter(|c| c.is_alphabetic());
    letters.take(model::SHORT_LETTERS as usize + 1).count() <= model::SHORT_LETTERS as usize
}

/// Phrases with the offsets of their first places.
type Found = [(&'static Phrase, usize)];

struct Words;

impl Words {
    fn count(found: &Found, folded: &str, share: f64, evidence: &mut Evidence) {
        let mut counts = [0_u32; 4];
        let mut first = [None; 4];
        let mut tool = None;
        for &(phrase, at) in found {
            let index = match phrase.kind {
                PhraseKind::Threat => 0,
                PhraseKind::Call => 1,
                PhraseKind::Hold => 2,
                PhraseKind::Scan => 3,
                PhraseKind::Remote => {
                    tool.get_or_insert(at);
                    continue;
                }
                PhraseKind::Brand => continue,
            };
            counts[index] += 1;
            first[index].get_or_insert(at);
        }
        let short = is_short(folded);
        for (index, kind) in [ThreatWords, CallWords, HoldWords, ScanWords]
            .into_iter()
            .enumerate()
        {
            if let Some(at) = first[index] {
                let strength = model::word_strength(kind, counts[index], short) * share;
                evidence.note(kind, strength, || {
                    Place::around(Source::Text, None, folded, at)
                });
            }
        }
        if let Some(at) = tool {
            evidence.note(RemoteTool, share, || {
                Place::around(Source::Text, None, folded, at)
            });
        }
    }
}

/// A brand that speaks on a domain of somebody else; without an address nobody knows.
fn brands(evidence: &mut Evidence, found: &Found, folded: &str, url: Option<&Url>) {
    let host = url.and_then(Url::host_str).unwrap_or_default();
    let brand = found
        .iter()
        .find(|(phrase, _)| phrase.kind == PhraseKind::Brand && !lexicon::owns(&phrase.text, host));
    if let Some(&(_, at)) = brand {
        let strength = if host.is_empty() { 0.5 } else { 1.0 };
        evidence.note(BrandOffDomain, strength, || {
            Place::around(Source::Text, None, folded, at)
        });
    }
}

fn number_of_address(evidence: &mut Evidence) {
    let facts = &evidence.facts;
    if let Some((weight, place)) = facts.number_parameter.clone()
        && facts.reads_address
        && facts.writes_page
    {
        evidence.note(PhoneFromQuery, weight, || place);
    }
}

/// A script that starts a sound which stands in the page without anything to stop it by.
fn sounds(evidence: &mut Evidence) {
    if evidence.facts.bare_sounds > 0
        && evidence.strength(AudioFromScript) >= 0.4
        && let Some(place) = evidence.place(AudioFromScript)
    {
        let strength = if evidence.facts.bare_loops > 0 {
            1.0
        } else {
            0.8
        };
        evidence.note(AudioFromScript, strength, || place);
    }
}

/// Pictures and next to no text.
fn images(evidence: &mut Evidence, folded: &str) {
    let letters = folded
        .chars()
        .filter(|c| c.is_alphabetic())
        .take(400)
        .count();
    let facts = &evidence.facts;
    if letters < 200 && facts.images > 0 && (facts.large_images > 0 || facts.images >= 3) {
        let strength = if facts.large_images > 0 { 1.0 } else { 0.6 };
        evidence.note(TextInImages, strength, || {
            Place::new(Source::Markup, None, "pictures and next to no text")
        });
    }
}

/// A frame as large as the window, on a page that says nothing itself.
fn shell(evidence: &mut Evidence, folded: &str) {
    if evidence.facts.whole_frames > 0 {
        let letters = folded
            .chars()
            .filter(|c| c.is_alphabetic())
            .take(800)
            .count();
        let alone = letters < 300 && evidence.facts.elements < 120;
        if let Some(place) = evidence.place(FrameShell)
            && alone
        {
            evidence.note(FrameShell, 1.0, || place);
        }
    }
}

/// A title that speaks of something else: no word of it stands in a text full of threats.
fn decoy(evidence: &mut Evidence, folded: &str) {
    if evidence.strength(ThreatWords) < 0.6 || evidence.title.trim().is_empty() {
        return;
    }
    let title = text::folded(&evidence.title).text;
    // The title stands before the rest.
    let prose = folded.get(title.len()..).unwrap_or_default();
    let mut words = title
        .split(' ')
        .filter(|word| word.chars().count() > 3)
        .peekable();
    let speaks = words.peek().is_some();
    if speaks && !words.any(|word| prose.contains(word)) && lexicon::phrases(&title).is_empty() {
        let title = evidence.title.clone();
        evidence.note(DecoyTitle, 1.0, || Place::new(Source::Title, None, &title));
    }
}

/// What was counted over the whole page, and whether it is built like the lock pages that are known.
pub(super) fn built(evidence: &mut Evidence) {
    let rules = evidence.facts.pointer_rules;
    for (found, holds) in [
        (Trait::CursorInStyle, rules > 0),
        (Trait::CursorInManyStyles, rules >= MANY_POINTER_RULES),
        (Trait::NoIndex, evidence.strength(NoIndex) >= 1.0),
    ] {
        if holds {
            evidence.structure.add(found);
        }
    }
    if rules::built(evidence) > 0.0 {
        let structure = evidence.structure;
        let strongest: Vec<&str> = structure
            .strongest(STRONGEST)
            .into_iter()
            .map(Trait::shown)
            .collect();
        evidence.note(KnownBuild, structure.score(), || {
            Place::new(Source::Markup, None, &strongest.join(", "))
        });
    }
}

/// Rules that hide the pointer from which on they are many: one may be a film's.
const MANY_POINTER_RULES: u32 = 4;

/// Traits that an operator is told.
const STRONGEST: usize = 3;

/// The signals, heaviest first.
pub(super) fn signals(evidence: &Evidence) -> Vec<Signal> {
    let weights = Weights::committed();
    let mut signals: Vec<Signal> = evidence
        .sightings()
        .map(|(kind, sighting)| Signal {
            kind,
            strength: sighting.strength,
            count: sighting.count,
            weight: match kind {
                // A model of its own.
                KnownBuild => evidence.structure.weight(),
                _ => weights.of(kind) * sighting.strength,
            },
            found: sighting.place.clone(),
            why: match kind {
                // Which of its parts, in the words of the place.
                KnownBuild => format!("{} The strongest: {}.", kind.why(), sighting.place.excerpt),
                _ => kind.why().to_owned(),
            },
        })
        .collect();
    signals.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    signals
}
