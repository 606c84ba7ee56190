//! From evidence to a verdict: words are counted, the model weighs what it knows, and rules decide what it cannot.

use url::Url;

use super::evidence::Evidence;
use super::lexicon::{self, Phrase, PhraseKind};
use super::model::{self, Weights};
use super::place::{Place, Source};
use super::signal::Signal;
#[allow(clippy::enum_glob_use, reason = "the rules name most of them")]
use super::signal::SignalKind::*;
use super::text;

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

/// The score: the model's, raised or held down where a rule knows better.
pub(super) fn score(evidence: &Evidence) -> f64 {
    let strength = |kind| evidence.strength(kind);
    let model = Weights::committed().score(&model::features(strength));
    let locks = model::locks(&strength);
    let alarm = model::alarm(&strength);
    let (threat, call) = (strength(ThreatWords), strength(CallWords));
    let facts = &evidence.facts;
    let worded = threat >= 0.5 && (call >= 0.5 || call >= 0.25 && locks >= 4.0);
    let interrupts = alarm >= 0.4
        || [FullScreen, KeyboardLock, DialogLoop, WindowFlood]
            .into_iter()
            .any(|kind| strength(kind) >= 0.5);
    let held = alarm >= 0.8
        || [
            LeaveBlocked,
            KeysBlocked,
            KeyboardLock,
            HistoryFlood,
            DialogLoop,
        ]
        .into_iter()
        .any(|kind| strength(kind) >= 0.9);
    let mut score = model;
    let mut at_least = |floor: f64, holds: bool| {
        if holds {
            score = score.max(floor + (1.0 - floor) * model);
        }
    };
    // Lock, call to action and interruption together.
    at_least(
        0.9,
        worded && interrupts && locks >= 3.0 && locks + alarm >= 3.5,
    );
    let playful = facts.canvas || facts.exit_full_screen;
    let whole = whole(evidence, locks, alarm);
    at_least(whole, whole > 0.0);
    let threatens = threatens(evidence, locks, alarm, held);
    at_least(threatens, threatens > 0.0);
    // A lock page that takes its number from the address or from a server, whatever else it locks.
    at_least(
        0.8,
        threat >= 0.5 && strength(PhoneFromQuery) >= 0.8 && locks + alarm >= 1.5,
    );
    // A frame as large as the window, put into full screen by any click, and held there.
    let shell =
        strength(FrameShell) >= 1.0 && strength(FullScreen) >= 0.9 && strength(GestureTrap) >= 0.9;
    at_least(0.75, shell && held);
    // Every lock and an alarm, whatever the pictures say.
    let pictured = strength(TextInImages) >= 0.6;
    at_least(
        0.75,
        locks >= 5.0
            && (alarm >= 0.9 || alarm >= 0.8 && (threat >= 0.3 || pictured))
            && !facts.canvas,
    );
    at_least(
        0.75,
        pictured
            && strength(FullScreen) >= 0.9
            && (locks >= 4.0 && alarm >= 0.8 || locks >= 3.5 && strength(AudioAutoplay) >= 0.9)
            && held,
    );
    // A whole page that was hidden from readers, and threatens.
    at_least(
        0.8,
        strength(DecodedLayer) >= 0.8 && worded && locks + alarm >= 1.5,
    );
    // A scanner that a page cannot be.
    at_least(
        0.75,
        strength(ScanWords) >= 0.6 && threat >= 0.8 && call >= 0.5 && locks + alarm >= 1.5,
    );
    // A page that cannot be read, in a frame of locks; alone it is for a person to see.
    let unread =
        strength(OpaqueLoader) >= 0.9 && facts.inputs == 0 && evidence.prose.trim().len() < 400;
    at_least(0.75, unread && locks >= 1.5);
    // What a server sends is written over a page that already locks.
    at_least(
        0.72,
        strength(OpaqueLoader) >= 0.5
            && facts.inputs == 0
            && evidence.prose.trim().len() < 400
            && strength(FullScreen) >= 0.9
            && strength(GestureTrap) >= 0.9
            && held,
    );
    at_least(0.55, unread);
    // Games and consoles lock for a reason, and say nothing of threats.
    let number = strength(PhoneInText)
        .max(strength(PhoneFromQuery))
        .max(strength(PhoneFromServer));
    // What a game says of itself asks nobody to call.
    let told = facts.canvas && call < 0.25 && number < 0.5;
    if told || threat < 0.3 && playful {
        // A way out is offered by copied code too, so pictures alone with every lock are no game.
        let silent = !facts.canvas
            && facts.inputs == 0
            && pictured
            && locks >= 3.5
            && strength(AudioAutoplay) >= 0.9;
        let surely = silent
            || whole >= super::SCAM_FROM
            || strength(KeyboardLock) + strength(LeaveBlocked) + strength(KeysBlocked) >= 2.5
                && alarm >= 0.8;
        if !surely {
            score = score.min(super::SUSPICIOUS_FROM - 0.05);
        }
    }
    score
}

/// The floor of the score of a page by its locks and its sound alone, whatever it says and in whatever language; 0 where
/// they are too few.
///
/// Full screen, a question on the way out, dead keys and a sound that nothing stops stand in each lock page of the corpus;
/// of its 1,093 ordinary pages not one asks for full screen and plays a sound. What is left are games, which draw, and
/// players and boards, which have a button for silence.
fn whole(evidence: &Evidence, locks: f64, alarm: f64) -> f64 {
    let strength = |kind| evidence.strength(kind);
    let facts = &evidence.facts;
    if facts.canvas || facts.stops_sound || alarm < 0.8 {
        return 0.0;
    }
    let full = strength(FullScreen) >= 0.9;
    let asks = strength(LeaveBlocked) >= 0.9;
    let shut = asks || strength(KeysBlocked) >= 0.7 || strength(KeyboardLock) >= 0.9;
    let endless = alarm >= 0.9;
    let floods = strength(DialogLoop) >= 0.9
        || strength(WindowFlood) >= 0.8
        || strength(HistoryFlood) >= 0.9;
    // One word that is wrong, where the sound may be a chime.
    let hinted = strength(ThreatWords) >= 0.15
        || strength(HoldWords) >= 0.3
        || strength(ScanWords) >= 0.3
        || strength(BrandOffDomain) >= 0.5 && strength(CallWords) >= 0.25;
    let grabs = full && strength(GestureTrap) >= 0.9;
    let traps = strength(GestureTrap) >= 0.9 && asks && strength(KeysBlocked) >= 0.7;
    // A page that waits for an answer and names no number is an exam or a story.
    let meant = !facts.writes_back || numbered(evidence);
    let pictured = strength(TextInImages) >= 0.6;
    let enough = if facts.exit_full_screen { 3.3 } else { 2.9 };
    let surely = endless && full && shut && locks >= enough
        || full && floods && hinted && !facts.exit_full_screen
        || endless && asks && floods
        || endless && full && strength(PhoneFromQuery) >= 0.8 && locks >= 1.0
        || full && shut && strength(DecodedLayer) >= 0.8 && locks >= 2.0
        || !facts.exit_full_screen
            && (full && shut && locks >= 3.0 && hinted
                || full
                    && asks
                    && facts.bare_sounds > 0
                    && locks >= 3.3
                    && (grabs || hinted || pictured)
                || endless && grabs && asks && hinted
                || endless
                    && full
                    && shut
                    && (strength(ThreatWords) >= 0.3 || hinted && numbered(evidence))
                || endless && traps && strength(FullScreen) >= 0.6);
    if !meant {
        0.0
    } else if surely {
        0.8
    } else if endless
        && full
        && locks >= 2.0
        && !facts.exit_full_screen
        && (shut || hinted || pictured || numbered(evidence))
    {
        0.55
    } else {
        0.0
    }
}

/// The page asks for a call, or names a number for one.
fn numbered(evidence: &Evidence) -> bool {
    let facts = &evidence.facts;
    [PhoneInText, PhoneFromQuery, PhoneFromServer]
        .into_iter()
        .any(|kind| evidence.strength(kind) >= 0.5)
        || evidence.strength(CallWords) >= 0.25
        || facts.call_links > 0
        || facts.spoken_number
}

/// The floor of the score of a page that threatens, by what else it does; 0 where that says too little.
fn threatens(evidence: &Evidence, locks: f64, alarm: f64, held: bool) -> f64 {
    let strength = |kind| evidence.strength(kind);
    let (threat, call) = (strength(ThreatWords), strength(CallWords));
    let playful = evidence.facts.canvas || evidence.facts.exit_full_screen;
    let mut floor: f64 = 0.0;
    let mut rule = |of: f64, holds: bool| {
        if holds {
            floor = floor.max(of);
        }
    };
    // Threats with sound and locks, whatever they ask for: the number may be in a picture or come later.
    let asked = call >= 0.5;
    let numbered = numbered(evidence);
    // A story that threatens waits for what its reader writes, and names no number.
    let told = evidence.facts.writes_back && !numbered;
    rule(
        0.8,
        locks >= 2.3
            && alarm >= 0.7
            && !told
            && !(evidence.facts.stops_sound && threat < 0.6)
            && (threat >= 0.5 && (!playful || asked) || threat >= 0.4 && asked),
    );
    let warned = threat >= 0.6 && numbered;
    let full = strength(FullScreen) >= 0.9;
    let grabs = full && strength(GestureTrap) >= 0.9;
    // Full screen for a part of the page is what a film or a shared screen has.
    let part = strength(FullScreen);
    let own_locks = if (0.3..0.9).contains(&part) {
        locks - part
    } else {
        locks
    };
    rule(0.75, warned && own_locks >= 1.4 && alarm >= 0.8);
    rule(0.75, warned && grabs && (asked && locks >= 2.2 || !playful));
    rule(
        0.75,
        warned && locks >= 2.5 && strength(FullScreen) >= 0.6 && held && !playful,
    );
    rule(
        0.75,
        warned
            && locks >= 2.6
            && full
            && strength(CursorHidden) >= 0.9
            && strength(KeysBlocked) >= 0.7
            && !playful,
    );
    // No ordinary page threatens and shows its dialogs or windows again and again.
    let floods = strength(DialogLoop) >= 0.8 || strength(WindowFlood) >= 0.8;
    rule(0.75, floods && threat >= 0.4 && numbered);
    rule(0.55, floods && threat >= 0.3 && numbered);
    rule(
        0.75,
        warned && strength(HistoryFlood) >= 0.9 && strength(LeaveBlocked) >= 0.9,
    );
    // Threats that the page itself speaks, and something that holds the listener.
    let spoken = strength(Speech) >= 0.9 && evidence.facts.spoken_threat >= 0.3;
    rule(0.75, spoken && numbered && locks >= 0.9);
    // A siren, and more locks than a page of help has.
    rule(
        0.75,
        threat >= 0.8 && alarm >= 0.9 && own_locks >= 1.9 && !playful && !told,
    );
    // Little is locked, but it sounds, threatens and forbids.
    let pressed = strength(HoldWords) >= 0.3 || strength(ScanWords) >= 0.3;
    rule(
        0.72,
        warned
            && own_locks >= 0.8
            && (alarm >= 0.9 && (pressed || threat >= 0.8)
                || alarm >= 0.8 && strength(HoldWords) >= 0.3 && strength(ScanWords) >= 0.3),
    );
    // A sound that starts by itself and never ends, under a threat and a number.
    rule(0.55, warned && strength(AudioAutoplay) >= 1.0);
    floor
}

/// The signals, heaviest first.
pub(super) fn signals(evidence: &Evidence) -> Vec<Signal> {
    let weights = Weights::committed();
    let mut signals: Vec<Signal> = evidence
        .sightings()
        .map(|(kind, sighting)| Signal {
            kind,
            strength: sighting.strength,
            count: sighting.count,
            weight: weights.of(kind) * sighting.strength,
            found: sighting.place.clone(),
            why: kind.why().to_owned(),
        })
        .collect();
    signals.sort_by(|one, other| other.weight.total_cmp(&one.weight));
    signals
}
