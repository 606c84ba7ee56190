//! Pages of the corpus: derived features of real pages, without their markup, read as the detector's own signals.
//!
//! The corpus counts words and calls; the detector sees where they stand. What it cannot know from counts is guessed to
//! the page's disadvantage on both sides, so figures from here are rougher than those from pages.

#[allow(clippy::enum_glob_use, reason = "the file is a table of most of them")]
use ringfence_fence::look::SignalKind::*;
use ringfence_fence::look::model::{SHORT_LETTERS, number_parameter, word_strength};
use ringfence_fence::look::structure::{Structure, Trait};
use ringfence_fence::look::{Known, SignalKind, score_of};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;

type Counts = BTreeMap<String, f64>;

/// A page of the corpus.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Its name in the corpus.
    pub id: String,
    label: String,
    /// What sort of page.
    pub kind: String,
    /// Its language.
    pub lang: String,
    /// Its family or site.
    pub cluster: String,
    text_chars: f64,
    tags: Counts,
    links: Counts,
    forms: Counts,
    attrs: Counts,
    events: Counts,
    script_identifiers: Counts,
    script_strings_words: Counts,
    script_api: Counts,
    keys_checked: Counts,
    query_params_read: Vec<String>,
    text_words: Counts,
    title_words: Counts,
    phone_like_in_text: f64,
    host_classes: Counts,
    brands_in_text: Counts,
    audio: Counts,
    iframes: Counts,
    images: Counts,
    meta: BTreeMap<String, serde_json::Value>,
    css: Counts,
    linked_scripts: Option<LinkedScripts>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinkedScripts {
    events: Counts,
    script_identifiers: Counts,
    script_strings_words: Counts,
    script_api: Counts,
    keys_checked: Counts,
    query_params_read: Vec<String>,
}

impl Record {
    /// All pages of the file, one a line.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not a page of the corpus.
    pub fn read(path: &Path) -> anyhow::Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the corpus at {}", path.display()))?;
        text.lines()
            .map(|line| {
                serde_json::from_str(line).context("a line of the corpus is not as its README says")
            })
            .collect()
    }

    /// It is a lock page.
    pub fn scam(&self) -> bool {
        self.label == "tss"
    }

    /// The detector's signals, each with its strength.
    pub fn strengths(&self) -> BTreeMap<SignalKind, f64> {
        let mut found = BTreeMap::new();
        let mut note = |kind, strength: f64| {
            if strength > 0.0 {
                let known = found.entry(kind).or_insert(0.0_f64);
                *known = known.max(strength);
            }
        };
        self.locks(&mut note);
        self.sounds(&mut note);
        self.words(&mut note);
        self.rest(&mut note);
        found
    }

    /// The page as it is found without its own script files.
    #[must_use]
    pub fn alone(&self) -> Self {
        Self {
            linked_scripts: None,
            ..self.clone()
        }
    }

    /// What the rules and the model together say of it, 0 to 1; without `worded`, as if nothing that is said were
    /// understood.
    pub fn score(&self, worded: bool) -> f64 {
        let words = [
            ThreatWords,
            CallWords,
            HoldWords,
            ScanWords,
            BrandOffDomain,
            RemoteTool,
        ];
        let signals = self
            .strengths()
            .into_iter()
            .filter(|(kind, _)| worded || !words.contains(kind));
        score_of(signals, self.known())
    }

    fn known(&self) -> Known {
        let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small counts"
        )]
        let count = |counts: &Counts, name: &str| of(counts, name) as u32;
        Known {
            canvas: self.tags.contains_key("canvas") || self.names("getContext"),
            exit_full_screen: self.api("exit_fullscreen") > 0.0 || self.names("ullscreenElement"),
            stops_sound: self.names(".pause"),
            writes_back: self.tags.contains_key("textarea") || self.attrs.contains_key("autofocus"),
            bare_sounds: if self.attrs.contains_key("controls") {
                0
            } else {
                count(&self.audio, "elements")
            },
            inputs: count(&self.forms, "input"),
            call_links: count(&self.links, "tel"),
            structure: self.structure(),
        }
    }

    /// How it is built, as the detector reads it from a page.
    pub fn structure(&self) -> Structure {
        let mut structure = Structure::default();
        for name in self.of_scripts(&self.script_identifiers, |linked| {
            &linked.script_identifiers
        }) {
            if name == "this.play" {
                structure.add(Trait::PlaysAgain);
            }
            for part in name.split('.') {
                structure.add_name(part);
            }
        }
        for event in self.of_scripts(&self.events, |linked| &linked.events) {
            structure.add_event(event);
        }
        let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or(0.0);
        let hidden = of(&self.css, "cursor_hidden");
        let no_index = self.meta.get("noindex").and_then(serde_json::Value::as_f64);
        for (found, holds) in [
            (Trait::FullScreen, self.api("request_fullscreen") > 0.0),
            (Trait::KeyboardLock, self.api("keyboard_lock") > 0.0),
            (Trait::PointerLock, self.api("pointer_lock") > 0.0),
            (Trait::CursorInScript, self.api("cursor_hidden") > 0.0),
            (Trait::CursorInStyle, hidden >= 1.0),
            (Trait::CursorInManyStyles, hidden >= 4.0),
            (Trait::HistoryWritten, self.api("history_push") > 0.0),
            (Trait::Dialogs, self.api("alert_confirm_prompt") > 0.0),
            (Trait::AudioElement, of(&self.audio, "elements") > 0.0),
            (Trait::AudioStarts, of(&self.audio, "autoplay") > 0.0),
            (Trait::AudioLoops, of(&self.audio, "loop") > 0.0),
            (Trait::AudioMade, self.api("new_audio") > 0.0),
            (Trait::Plays, self.api("play") > 0.0),
            (Trait::Speaks, self.api("speech") > 0.0),
            (
                Trait::LeavingInMarkup,
                self.attrs.contains_key("onbeforeunload"),
            ),
            (Trait::KeyEscape, self.key(&["code:27", "escape", "esc"])),
            (Trait::KeyFunction, self.function_key()),
            (
                Trait::KeyModifier,
                self.key(&[
                    "code:16", "code:17", "code:18", "code:91", "code:92", "code:93",
                ]),
            ),
            (Trait::KeyTab, self.key(&["code:9", "tab"])),
            (Trait::Marquee, self.tags.contains_key("marquee")),
            (Trait::NoIndex, no_index.unwrap_or(0.0) > 0.0),
        ] {
            if holds {
                structure.add(found);
            }
        }
        structure
    }

    fn function_key(&self) -> bool {
        self.of_scripts(&self.keys_checked, |linked| &linked.keys_checked)
            .any(|key| {
                matches!(key, "f11" | "f12")
                    || key
                        .strip_prefix("code:")
                        .and_then(|code| code.parse().ok())
                        .is_some_and(|code: u32| (112..=123).contains(&code))
            })
    }

    /// The names of a bag, those of the page's script files too.
    fn of_scripts<'a>(
        &'a self,
        own: &'a Counts,
        linked: impl Fn(&'a LinkedScripts) -> &'a Counts,
    ) -> impl Iterator<Item = &'a str> {
        own.keys()
            .chain(
                self.linked_scripts
                    .iter()
                    .flat_map(move |scripts| linked(scripts).keys()),
            )
            .map(String::as_str)
    }

    fn api(&self, name: &str) -> f64 {
        self.sum(&self.script_api, |linked| &linked.script_api, name)
    }

    fn event(&self, name: &str) -> f64 {
        self.sum(&self.events, |linked| &linked.events, name)
    }

    fn key(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.sum(&self.keys_checked, |linked| &linked.keys_checked, name) > 0.0)
    }

    fn names(&self, part: &str) -> bool {
        self.script_identifiers
            .keys()
            .chain(
                self.linked_scripts
                    .iter()
                    .flat_map(|linked| linked.script_identifiers.keys()),
            )
            .any(|name| name.contains(part))
    }

    fn sum(&self, own: &Counts, linked: impl Fn(&LinkedScripts) -> &Counts, name: &str) -> f64 {
        let of = |counts: &Counts| counts.get(name).copied().unwrap_or(0.0);
        of(own)
            + self
                .linked_scripts
                .as_ref()
                .map_or(0.0, |scripts| of(linked(scripts)))
    }

    fn locks(&self, note: &mut impl FnMut(SignalKind, f64)) {
        let whole = self.names("documentElement") || self.names("body");
        if self.api("request_fullscreen") > 0.0 {
            note(FullScreen, if whole { 1.0 } else { 0.6 });
            if self.names("document.onclick") || self.names("window.onclick") {
                note(GestureTrap, 1.0);
            }
        }
        note(KeyboardLock, self.api("keyboard_lock").min(1.0));
        note(PointerLock, self.api("pointer_lock").min(1.0));
        let hidden = self.css.get("cursor_hidden").copied().unwrap_or(0.0);
        note(
            CursorHidden,
            if hidden >= 4.0 {
                1.0
            } else {
                (hidden * 0.4).min(0.4)
            },
        );
        note(CursorHidden, self.api("cursor_hidden").min(1.0));
        if self.event("beforeunload") > 0.0 {
            let asks = self.names("returnValue") || self.attrs.contains_key("onbeforeunload");
            note(LeaveBlocked, if asks { 1.0 } else { 0.4 });
        }
        let refuses = self.api("prevent_default") + self.api("return_false") > 0.0;
        if self.event("contextmenu") > 0.0 && refuses {
            note(MenuBlocked, 1.0);
        }
        if self.event("selectstart") > 0.0 && refuses {
            note(SelectionBlocked, 0.6);
        }
        if self.api("history_push") > 0.0 && self.event("popstate") > 0.0 {
            note(HistoryFlood, 0.6);
        }
        let function = self.key(&["code:122", "code:123", "code:116", "f11", "f12"]);
        let modifier = self.key(&["code:17", "code:18", "code:91", "control", "alt", "meta"]);
        let escape = self.key(&["code:27", "escape", "esc"]);
        note(
            KeysBlocked,
            match (function, modifier, escape) {
                (true, true, _) | (true, _, true) | (_, true, true) => 1.0,
                (true, ..) => 0.7,
                (_, true, _) => 0.5,
                (_, _, true) => 0.3,
                _ => 0.0,
            },
        );
    }

    fn sounds(&self, note: &mut impl FnMut(SignalKind, f64)) {
        let of = |name: &str| self.audio.get(name).copied().unwrap_or(0.0);
        if of("autoplay") > 0.0 && of("elements") > 0.0 {
            note(AudioAutoplay, 0.9);
        }
        if self.api("play") > 0.0 {
            let new = self.api("new_audio") > 0.0;
            let repeats = self.event("ended") > 0.0;
            note(
                AudioFromScript,
                match (new, repeats) {
                    (true, true) => 1.0,
                    (true, false) => 0.8,
                    (false, true) => 0.7,
                    (false, false) => 0.4,
                },
            );
        }
        note(Speech, self.api("speech").min(1.0));
    }

    fn words(&self, note: &mut impl FnMut(SignalKind, f64)) {
        let shown: BTreeSet<&str> = self
            .text_words
            .keys()
            .chain(self.title_words.keys())
            .map(String::as_str)
            .collect();
        let spoken: BTreeSet<&str> = self
            .script_strings_words
            .keys()
            .chain(
                self.linked_scripts
                    .iter()
                    .flat_map(|linked| linked.script_strings_words.keys()),
            )
            .map(String::as_str)
            .collect();
        // Blanks and signs are counted too, and what scripts say is not: so it errs towards long.
        let short = self.text_chars <= f64::from(SHORT_LETTERS);
        for (bag, share, short) in [(shown, 1.0, short), (spoken, 0.7, false)] {
            for (kind, word) in [
                (ThreatWords, "threat"),
                (CallWords, "call"),
                (HoldWords, "hold"),
                (ScanWords, "scan"),
            ] {
                note(kind, word_strength(kind, held(&bag, word), short) * share);
            }
            if held(&bag, "remote") > 0 {
                note(RemoteTool, share);
            }
        }
    }

    fn rest(&self, note: &mut impl FnMut(SignalKind, f64)) {
        let of = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or(0.0);
        if !self.brands_in_text.is_empty() {
            note(BrandOffDomain, 0.5);
        }
        if self.phone_like_in_text > 0.0 {
            note(PhoneInText, 0.5);
        }
        if self.api("inner_html") + self.api("document_write") > 0.0 {
            let linked = self
                .linked_scripts
                .iter()
                .flat_map(|scripts| &scripts.query_params_read);
            for name in self.query_params_read.iter().chain(linked) {
                note(PhoneFromQuery, number_parameter(name).unwrap_or(0.0));
            }
        }
        note(
            AddressLookup,
            (self.api("ip_geo") + of(&self.host_classes, "ip_geo")).min(1.0),
        );
        note(ChatWidget, of(&self.host_classes, "chat").min(1.0));
        let no_index = self.meta.get("noindex").and_then(serde_json::Value::as_f64);
        note(NoIndex, no_index.unwrap_or(0.0).min(1.0));
        if of(&self.iframes, "fullsize") > 0.0 {
            note(FrameShell, if self.text_chars < 400.0 { 1.0 } else { 0.4 });
        }
        if self.text_chars < 250.0 && of(&self.images, "img") >= 3.0 {
            note(TextInImages, 0.6);
        }
    }
}

/// Phrases of a kind whose words are all in a bag; Japanese words are pairs of letters there.
fn held(bag: &BTreeSet<&str>, kind: &str) -> u32 {
    let count = include_str!("../../fence/src/look/lexicon.tsv")
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (language, known, phrase) = (fields.next()?, fields.next()?, fields.next()?);
            (known == kind).then_some((language, phrase))
        })
        .filter(|(language, phrase)| {
            if *language == "ja" {
                let letters: Vec<char> = phrase.chars().collect();
                letters
                    .windows(2)
                    .all(|two| bag.contains(String::from_iter(two).as_str()))
            } else {
                phrase
                    .to_lowercase()
                    .split([' ', '-'])
                    .all(|word| match word.strip_suffix('*') {
                        Some(stem) => bag
                            .range(stem..)
                            .next()
                            .is_some_and(|next| next.starts_with(stem)),
                        None => bag.contains(word),
                    })
            }
        })
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
