//! The score: the model weighs what it knows, and rules decide what it cannot.

use super::Verdict;
use super::evidence::Evidence;
use super::model::{self, Weights};
use super::place::{Place, Source};
use super::signal::SignalKind;
#[allow(clippy::enum_glob_use, reason = "the rules name most of them")]
use super::signal::SignalKind::*;
use super::structure::{self, Structure};

/// What is known of a page without its markup, beside its signals.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Known {
    /// It draws.
    pub canvas: bool,
    /// A way out of full screen is offered.
    pub exit_full_screen: bool,
    /// Its own scripts stop a sound.
    pub stops_sound: bool,
    /// It waits for the visitor to write.
    pub writes_back: bool,
    /// Sounds without anything to stop them by.
    pub bare_sounds: u32,
    /// Fields to fill in.
    pub inputs: u32,
    /// Links that call.
    pub call_links: u32,
    /// How it is built.
    pub structure: Structure,
}

/// The score, 0 to 1, of a page of which only signals and facts are known: what was counted elsewhere is judged by the
/// same rules.
pub fn score_of(signals: impl IntoIterator<Item = (SignalKind, f64)>, known: Known) -> f64 {
    let mut evidence = Evidence::new();
    for (kind, strength) in signals {
        evidence.note(kind, strength, || Place::new(Source::Markup, None, ""));
    }
    let facts = &mut evidence.facts;
    facts.canvas = known.canvas;
    facts.exit_full_screen = known.exit_full_screen;
    facts.stops_sound = known.stops_sound;
    facts.writes_back = known.writes_back;
    facts.bare_sounds = known.bare_sounds;
    facts.inputs = known.inputs;
    facts.call_links = known.call_links;
    evidence.structure = known.structure;
    score(&evidence)
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
    let endless = strength(AudioAutoplay) >= 1.0
        || strength(AudioFromScript) >= 0.9
        || strength(Speech) >= 0.9;
    at_least(
        0.75,
        locks >= 5.0
            // A remote desktop lets the sound through that there is, and never again what has ended.
            && (alarm >= 0.9 && (endless || numbered(evidence))
                || alarm >= 0.8 && (threat >= 0.3 || pictured))
            && !facts.canvas,
    );
    at_least(
        0.75,
        pictured
            && strength(FullScreen) >= 0.9
            && (locks >= 4.0 && alarm >= 0.8 || locks >= 3.5 && strength(AudioAutoplay) >= 0.9)
            && held
            // A board in a museum does not ask on leaving, nor sound without end.
            && (alarm >= 0.9
                || threat >= 0.3
                || strength(LeaveBlocked) >= 0.9
                || strength(KeyboardLock) >= 0.9),
    );
    // Full screen and sound may lie in scripts that are not at hand: a question on leaving, dead keys and a hidden pointer
    // stand together on no ordinary page that takes a number from its address or sounds by itself.
    let bare = locks_without_files(evidence);
    at_least(bare, bare > 0.0);
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
    let built = built(evidence);
    at_least(built, built > 0.0);
    if played(evidence, locks, alarm, whole.max(built)) {
        score = score.min(super::SUSPICIOUS_FROM - 0.05);
    }
    score
}

/// Games and consoles lock for a reason, and say nothing of threats.
fn played(evidence: &Evidence, locks: f64, alarm: f64, whole: f64) -> bool {
    let strength = |kind| evidence.strength(kind);
    let facts = &evidence.facts;
    let number = strength(PhoneInText)
        .max(strength(PhoneFromQuery))
        .max(strength(PhoneFromServer));
    // What a game says of itself asks nobody to call.
    let told = facts.canvas && strength(CallWords) < 0.25 && number < 0.5;
    if !(told || strength(ThreatWords) < 0.3 && (facts.canvas || facts.exit_full_screen)) {
        return false;
    }
    // A way out is offered by copied code too, so pictures alone with every lock are no game.
    let silent = !facts.canvas
        && facts.inputs == 0
        && strength(TextInImages) >= 0.6
        && locks >= 3.5
        && strength(AudioAutoplay) >= 0.9;
    let surely = silent
        || whole >= super::SCAM_FROM
        || strength(KeyboardLock) + strength(LeaveBlocked) + strength(KeysBlocked) >= 2.5
            && alarm >= 0.8;
    !surely
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
    let full = strength(FullScreen) >= 0.9;
    let asks = strength(LeaveBlocked) >= 0.9;
    // What stops a sound may be copied code too, where the page starts one that never ends and locks everything.
    let stops =
        facts.stops_sound && !(strength(AudioAutoplay) >= 1.0 && full && asks && locks >= 4.0);
    if facts.canvas || stops || alarm < 0.8 {
        return 0.0;
    }
    let shut = asks || strength(KeysBlocked) >= 0.7 || strength(KeyboardLock) >= 0.9;
    let endless = alarm >= 0.9;
    // A voice that calls a number out in a hall says it once.
    let droning = strength(AudioAutoplay).max(strength(AudioFromScript)) >= 0.9;
    let floods = strength(DialogLoop) >= 0.9
        || strength(WindowFlood) >= 0.8
        || strength(HistoryFlood) >= 0.9;
    // One word that is wrong, where the sound may be a chime.
    let hinted = strength(ThreatWords) >= 0.15
        // An exam forbids to leave too.
        || strength(HoldWords) >= 0.3 && facts.inputs == 0
        || strength(ScanWords) >= 0.3
        || strength(BrandOffDomain) >= 0.5 && strength(CallWords) >= 0.25;
    let grabs = full && strength(GestureTrap) >= 0.9;
    let traps = strength(GestureTrap) >= 0.9 && asks && strength(KeysBlocked) >= 0.7;
    // A page that waits for an answer and names no number is an exam or a story, unless it locks everything under a
    // sound without end: a false chat has a field too.
    let threat = strength(ThreatWords);
    let named = numbered(evidence);
    let plainly = endless && full && asks && locks >= if threat >= 0.3 { 3.4 } else { 4.3 };
    let meant = !facts.writes_back || named || plainly;
    let pictured = strength(TextInImages) >= 0.6;
    // Held by a teacher or in a hall, a screen may chime once, and names neither a threat nor a number.
    let sure = endless
        || pictured
        || threat >= 0.3
        || strength(KeyboardLock) >= 0.9
        || strength(CallWords) >= 0.25
        || strength(PhoneInText) >= 1.0
        || strength(PhoneFromQuery) >= 0.5;
    let enough = if facts.exit_full_screen { 3.3 } else { 2.9 };
    let surely = endless && full && shut && locks >= enough
        || full && floods && hinted && !facts.exit_full_screen
        || endless && shut && floods
        // A frame as large as the window, its scripts missing.
        || endless && shut && strength(FrameShell) >= 1.0
        || endless && full && strength(PhoneFromQuery) >= 0.8 && locks >= 1.0
        || full && shut && strength(DecodedLayer) >= 0.8 && locks >= 2.0
        || !facts.exit_full_screen
            && (full && shut && locks >= 3.0 && hinted && sure
                || full
                    && asks
                    && facts.bare_sounds > 0
                    && locks >= 3.3
                    && (grabs || hinted || pictured)
                    && sure
                || endless && grabs && asks && hinted
                || endless && full && shut && (threat >= 0.3 || hinted && named)
                || endless && traps && strength(FullScreen) >= 0.6);
    // Each a little less plain than it might be, but all of them, under a sound without end.
    let faintly = endless
        && !facts.exit_full_screen
        && strength(FullScreen) >= 0.5
        && strength(LeaveBlocked) >= 0.4
        && strength(KeysBlocked) >= 0.3
        && (strength(CursorHidden) >= 0.9
            && (named || pictured || hinted || strength(GestureTrap) >= 0.9)
            || threat >= 0.3 && named);
    if !meant {
        0.0
    } else if surely || faintly {
        0.8
    } else if full
        && !facts.exit_full_screen
        && (endless
            && locks >= 2.0
            && (shut || hinted || pictured || named && (droning || threat >= 0.15))
            || asks && facts.bare_sounds > 0 && locks >= 3.3 && (grabs || hinted))
    {
        0.55
    } else {
        0.0
    }
}

/// The floor of the score by what stands in the page itself where its files are missing; 0 where that says too little.
fn locks_without_files(evidence: &Evidence) -> f64 {
    let strength = |kind| evidence.strength(kind);
    let facts = &evidence.facts;
    let shut = strength(LeaveBlocked) >= 0.9 && strength(CursorHidden) >= 0.9;
    if !shut || facts.canvas || facts.writes_back {
        return 0.0;
    }
    let keys = strength(KeysBlocked) >= 0.7;
    let worded = strength(ThreatWords) >= 0.6 && strength(CallWords) >= 0.5 && numbered(evidence);
    let sounds = strength(AudioAutoplay) >= 0.9
        && !facts.stops_sound
        && !facts.exit_full_screen
        && (numbered(evidence)
            || strength(ThreatWords) >= 0.3
            || strength(MenuBlocked) >= 0.8
            || strength(KeyboardLock) >= 0.9);
    let keyboard = strength(KeyboardLock) >= 0.9 && strength(MenuBlocked) >= 0.8;
    if strength(PhoneFromQuery) >= 0.8 || worded || keys && sounds {
        0.75
    } else if keys && keyboard && !facts.exit_full_screen {
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

/// The floor of the score of a page that is built like the lock pages that are known; 0 where it is not, where it draws,
/// or where it waits for an answer and names no number.
pub(super) fn built(evidence: &Evidence) -> f64 {
    let facts = &evidence.facts;
    if facts.canvas || facts.writes_back && !numbered(evidence) {
        return 0.0;
    }
    match structure::verdict(evidence.structure.score()) {
        Verdict::Scam => 0.75,
        Verdict::Suspicious => 0.55,
        Verdict::Clean => 0.0,
    }
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
    let pressed = strength(HoldWords) >= 0.3 || strength(ScanWords) >= 0.3;
    let hides = strength(NoIndex) >= 1.0;
    // A bank asks on leaving, takes the back key and blocks the menu, and a chat rings once.
    let holds = alarm >= 0.9
        || [
            FullScreen,
            CursorHidden,
            KeyboardLock,
            DialogLoop,
            WindowFlood,
        ]
        .into_iter()
        .any(|kind| strength(kind) >= 0.6)
        || strength(KeysBlocked) >= 0.7
        || strength(HistoryFlood) >= 0.8
        || strength(PhoneFromQuery) >= 0.8;
    // A story that threatens waits for what its reader writes, and names no number.
    let told = evidence.facts.writes_back && !numbered;
    rule(
        0.8,
        locks >= 2.3
            && alarm >= 0.7
            && !told
            && holds
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
    rule(
        0.75,
        warned && own_locks >= 1.4 && alarm >= 0.8 && (holds || pressed || hides),
    );
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
    rule(
        0.72,
        warned
            && own_locks >= 0.8
            && (alarm >= 0.9 && (pressed || threat >= 0.8)
                || alarm >= 0.8 && strength(HoldWords) >= 0.3 && strength(ScanWords) >= 0.3),
    );
    // A sound that starts by itself and never ends, under a threat and a number.
    let looped = strength(AudioAutoplay) >= 1.0;
    rule(0.55, warned && looped);
    rule(
        0.72,
        warned && looped && asked && threat >= 0.75 && (pressed || hides),
    );
    // Words and a number, and a question on leaving where there is nothing to fill in.
    rule(
        0.55,
        warned
            && asked
            && threat >= 0.75
            && (hides || strength(HoldWords) >= 0.3 && strength(ScanWords) >= 0.3)
            && strength(LeaveBlocked) >= 1.0
            && evidence.facts.inputs == 0,
    );
    floor
}
