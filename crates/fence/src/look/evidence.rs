//! What is gathered while a page is read: sightings of signals, text, and layers that still have to be read.

use super::place::{Place, Source};
use super::signal::SignalKind;
use super::structure::Structure;

/// Octets of text that are kept for words and numbers.
const PROSE_MAX: usize = 256 * 1024;
/// Layers within layers: what is decoded from what was decoded.
pub(super) const DEPTH_MAX: u8 = 4;
/// Octets of all layers together.
const LAYERS_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Layers of a page.
const LAYERS_MAX: usize = 400;

/// Everything seen so far.
#[derive(Debug)]
pub(super) struct Evidence {
    sightings: Vec<Option<Sighting>>,
    /// Visible text and what stands in for it.
    pub prose: String,
    /// The last text was a single letter.
    letters_apart: bool,
    /// Texts of scripts, which may be shown.
    pub spoken: String,
    /// The title.
    pub title: String,
    /// Markup and scripts that were written in scripts or in another encoding.
    layers: Vec<Layer>,
    layers_seen: usize,
    layers_octets: usize,
    /// Counters that say what sort of page it is.
    pub facts: Facts,
    /// How the page is built.
    pub structure: Structure,
}

/// A signal as it was seen.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    pub strength: f64,
    pub count: u32,
    pub place: Place,
}

/// A text to be read like a page or a script.
#[derive(Debug)]
pub(super) struct Layer {
    pub text: String,
    pub source: Source,
    pub depth: u8,
    pub script: bool,
    /// How much of a signal in it counts, as for the script it came from.
    pub trust: f64,
}

/// What sort of page it is.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Facts {
    pub images: u32,
    pub large_images: u32,
    pub links: u32,
    pub call_links: u32,
    pub inputs: u32,
    pub elements: u32,
    /// A drawing surface, in the page or taken by its own scripts: games, consoles, players.
    pub canvas: bool,
    /// A way out of full screen is offered.
    pub exit_full_screen: bool,
    pub password: bool,
    pub whole_frames: u32,
    pub frames: u32,
    /// Octets of scripts that were read.
    pub script_octets: usize,
    /// Scripts that are referred to.
    pub script_references: u32,
    /// Marks a script that reads the page's address.
    pub reads_address: bool,
    /// A script writes into the page.
    pub writes_page: bool,
    /// Parameters read from the address that hold a number.
    pub number_parameter: Option<(f64, Place)>,
    /// Elements that hide the pointer over themselves.
    pub hidden_pointers: u32,
    /// Rules of sheets and of elements that hide the pointer.
    pub pointer_rules: u32,
    /// Sounds without anything to stop them by.
    pub bare_sounds: u32,
    /// Its own scripts stop a sound.
    pub stops_sound: bool,
    /// The page waits for the visitor to write: an exam, a story, a form.
    pub writes_back: bool,
    /// A telephone number stands in a text of a script.
    pub spoken_number: bool,
    /// How strongly the texts of scripts threaten, 0 to 1.
    pub spoken_threat: f64,
    /// Those of the bare sounds that begin again when they end.
    pub bare_loops: u32,
}

impl Evidence {
    pub fn new() -> Self {
        Self {
            sightings: vec![None; SignalKind::ALL.len()],
            prose: String::new(),
            letters_apart: false,
            spoken: String::new(),
            title: String::new(),
            layers: Vec::new(),
            layers_seen: 0,
            layers_octets: 0,
            facts: Facts::default(),
            structure: Structure::default(),
        }
    }

    /// Keeps the strongest sighting of a signal, and how often it was seen.
    pub fn note(&mut self, kind: SignalKind, strength: f64, place: impl FnOnce() -> Place) {
        let slot = &mut self.sightings[kind as usize];
        match slot {
            Some(known) if known.strength >= strength => {
                known.count = known.count.saturating_add(1);
            }
            _ => {
                let count = slot.as_ref().map_or(0, |known| known.count);
                *slot = Some(Sighting {
                    strength: strength.clamp(0.0, 1.0),
                    count: count.saturating_add(1),
                    place: place(),
                });
            }
        }
    }

    /// Counts a signal that was already seen as strongly; says so.
    pub fn seen(&mut self, kind: SignalKind, strength: f64) -> bool {
        match &mut self.sightings[kind as usize] {
            Some(known) if known.strength >= strength => {
                known.count = known.count.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    /// How strongly a signal was seen, 0 if it was not.
    pub fn strength(&self, kind: SignalKind) -> f64 {
        self.sightings[kind as usize]
            .as_ref()
            .map_or(0.0, |sighting| sighting.strength)
    }

    /// Where a signal was seen, if it was.
    pub fn place(&self, kind: SignalKind) -> Option<Place> {
        self.sightings[kind as usize]
            .as_ref()
            .map(|sighting| sighting.place.clone())
    }

    pub fn sightings(&self) -> impl Iterator<Item = (SignalKind, &Sighting)> {
        SignalKind::ALL
            .iter()
            .zip(&self.sightings)
            .filter_map(|(&kind, sighting)| Some((kind, sighting.as_ref()?)))
    }

    /// Adds visible text. Single letters that follow each other are one word that was cut to pieces.
    pub fn shown(&mut self, text: &str) {
        let letter = text.chars().filter(|c| !is_invisible(*c)).take(2).count() == 1;
        if letter && self.letters_apart && self.prose.ends_with(' ') {
            self.prose.pop();
        }
        self.letters_apart = letter;
        append(&mut self.prose, text);
    }

    /// Adds a text of a script.
    pub fn may_be_shown(&mut self, text: &str) {
        append(&mut self.spoken, text);
    }

    /// Adds a layer, unless there are too many of them already.
    pub fn layer(&mut self, layer: Layer) {
        let octets = self.layers_octets.saturating_add(layer.text.len());
        if layer.depth > DEPTH_MAX || self.layers_seen == LAYERS_MAX || octets > LAYERS_OCTETS_MAX {
            return;
        }
        self.layers_octets = octets;
        self.layers_seen += 1;
        self.layers.push(layer);
    }

    /// The next layer to read.
    pub fn next_layer(&mut self) -> Option<Layer> {
        self.layers.pop()
    }
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
    )
}

fn append(text: &mut String, more: &str) {
    let room = PROSE_MAX.saturating_sub(text.len());
    if room == 0 {
        return;
    }
    let mut end = more.len().min(room);
    while !more.is_char_boundary(end) {
        end -= 1;
    }
    text.push_str(&more[..end]);
    text.push(' ');
}
