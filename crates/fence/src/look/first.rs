//! A first, plain look: lock calls found in the text of scripts, and how many come together.

use super::markup::{Markup, Sink, read};
use super::place::{Place, Source};
use super::signal::{Signal, SignalKind};
use super::{LinkedKind, Look, Page, Verdict, fingerprint, octets, references};

const CALLS: &[(&str, SignalKind)] = &[
    ("requestfullscreen", SignalKind::FullScreen),
    ("keyboard.lock", SignalKind::KeyboardLock),
    ("requestpointerlock", SignalKind::PointerLock),
    ("beforeunload", SignalKind::LeaveBlocked),
    ("contextmenu", SignalKind::MenuBlocked),
    ("new audio(", SignalKind::AudioFromScript),
    ("speechsynthesis.speak", SignalKind::Speech),
];

#[derive(Default)]
struct Reading {
    in_script: bool,
    scripts: u32,
    signals: Vec<Signal>,
}

impl Sink for Reading {
    fn markup(&mut self, part: Markup<'_>) {
        match part {
            Markup::Start(element) => {
                if element.name == "script" {
                    self.in_script = true;
                    self.scripts += 1;
                }
                if element.name == "audio" && element.attribute("autoplay").is_some() {
                    let place = Place::new(Source::Markup, Some(element.line), "<audio autoplay>");
                    self.note(SignalKind::AudioAutoplay, place);
                }
            }
            Markup::End("script") => self.in_script = false,
            Markup::Text(text, line) if self.in_script => {
                self.script(text, Some(line), &Source::InlineScript(self.scripts));
            }
            _ => {}
        }
    }
}

impl Reading {
    fn script(&mut self, text: &str, line: Option<u32>, source: &Source) {
        let lower = text.to_ascii_lowercase();
        for &(call, kind) in CALLS {
            if let Some(at) = lower.find(call) {
                self.note(kind, Place::around(source.clone(), line, text, at));
            }
        }
    }

    fn note(&mut self, kind: SignalKind, found: Place) {
        if let Some(signal) = self.signals.iter_mut().find(|signal| signal.kind == kind) {
            signal.count += 1;
        } else {
            self.signals.push(Signal {
                kind,
                strength: 1.0,
                count: 1,
                weight: 1.0,
                found,
                why: kind.why().to_owned(),
            });
        }
    }
}

pub(super) fn look(page: &Page<'_>) -> Look {
    let mut reading = Reading::default();
    read(
        &octets::decoded(page.octets, page.content_type),
        &mut reading,
    );
    for linked in page.linked {
        let text = octets::decoded(linked.octets, linked.content_type);
        match linked.kind {
            LinkedKind::Script => reading.script(&text, None, &Source::Linked(linked.url.into())),
            LinkedKind::Frame => read(&text, &mut reading),
            LinkedKind::Style | LinkedKind::Media => {}
        }
    }
    let together: f64 = reading.signals.iter().map(|signal| signal.weight).sum();
    let score = 1.0 / (1.0 + (4.5 - together).exp());
    let needs = references(page);
    Look {
        verdict: match score {
            score if score >= 0.6 => Verdict::Scam,
            score if score >= 0.3 => Verdict::Suspicious,
            _ => Verdict::Clean,
        },
        score,
        signals: reading.signals,
        incomplete: !page.linked_known && (!needs.scripts.is_empty() || !needs.frames.is_empty()),
        phones: Vec::new(),
        fingerprints: fingerprint::of_all(page),
    }
}
