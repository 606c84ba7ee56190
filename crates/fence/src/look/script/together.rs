//! What the marks of a script say together, at its end.

use super::super::signal::SignalKind;
use super::Reading;

/// Tokens of a script that may do nothing but stop a sound.
const SHORT: usize = 400;

impl Reading<'_, '_> {
    /// What several marks say together.
    pub(super) fn finish(mut self) {
        let marks = std::mem::take(&mut self.marks);
        let own = self.script.trust >= 1.0;
        self.names_together(&marks);
        self.floods(&marks.repeated);
        if let Some((strength, at)) = self.keys.verdict() {
            self.note(SignalKind::KeysBlocked, strength, at);
        }
        if let (Some(at), true) = (marks.gesture, own) {
            self.note(
                SignalKind::GestureTrap,
                if marks.full_screen.is_some() {
                    1.0
                } else {
                    0.5
                },
                at,
            );
        }
        if let (Some(at), true) = (marks.full_screen, marks.root_passed && own) {
            self.note(SignalKind::FullScreen, 0.9, at);
        }
        if let Some(at) = marks.plays {
            let strength = match (marks.new_audio, marks.repeats) {
                (true, true) => 1.0,
                (true, false) => 0.8,
                (false, true) => 0.7,
                (false, false) => 0.4,
            };
            self.note(SignalKind::AudioFromScript, strength, at);
        }
        if let Some(at) = marks.unmutes {
            let strength = match (marks.gesture.is_some() && own, marks.full_screen) {
                (true, Some(_)) => 0.9,
                (true, None) => 0.8,
                _ => 0.4,
            };
            self.note(SignalKind::AudioFromScript, strength, at);
        }
        let floods = marks.push_states >= 5 || marks.push_states > 0 && marks.pops;
        if floods && own {
            let strength = if marks.push_states >= 5 { 0.8 } else { 0.6 };
            self.note(SignalKind::HistoryFlood, strength, marks.first_push);
        }
        if let (Some(at), true) = (marks.leaves, marks.agent && own && self.text.len() < 8192) {
            self.note(SignalKind::AgentRedirect, 0.6, at);
        }
        if let Some(at) = marks.lookup {
            let shown = marks.writes || self.evidence.facts.writes_page;
            self.note(SignalKind::AddressLookup, if shown { 1.0 } else { 0.5 }, at);
        }
        if let (Some(at), Some(_)) = (marks.opaque, marks.evaluates)
            && marks.decodes
        {
            self.note(SignalKind::OpaqueLoader, 1.0, at);
        }
        if let (Some(at), true) = (marks.makes_frame, marks.fills && own) {
            self.evidence.facts.whole_frames += 1;
            self.note(SignalKind::FrameShell, 0.4, at);
        }
        if marks.fetches && marks.writes_document && own && self.tokens.len() < 400 {
            self.note(SignalKind::OpaqueLoader, 0.5, 0);
        }
        if marks.fetches && marks.writes && marks.number_words && own {
            self.note(SignalKind::PhoneFromServer, 0.5, 0);
        }
        if let Some((weight, at)) = marks.number_parameter {
            let place = self.place(at);
            let known = &mut self.evidence.facts.number_parameter;
            if own && known.as_ref().is_none_or(|(before, _)| *before < weight) {
                *known = Some((weight, place));
            }
        }
        // What stops pictures that change is long, and plays nothing.
        let sounds = marks.plays.is_some() || marks.new_audio || self.tokens.len() < SHORT;
        let facts = &mut self.evidence.facts;
        facts.stops_sound |= marks.pauses && own && sounds;
        facts.reads_address |= marks.reads_address && own;
        facts.writes_page |= marks.writes;
        facts.exit_full_screen |= marks.exit_full_screen && own;
    }
}
