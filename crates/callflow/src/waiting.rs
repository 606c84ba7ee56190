//! Waiting: what a caller hears until somebody is there for it, ringback or music, and what is announced in between.

use ringfence_model::{CallEventKind, Timestamp};
use ringfence_routing::StepOutcome;

use crate::call::Call;
use crate::state::State;
use crate::types::{Ear, Played, Sound};

/// What a caller hears meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Meanwhile {
    /// While others ring, or it waits: its number, and what.
    background: Option<(u32, Sound)>,
    /// What it hears before that goes on, and what goes on then.
    announcing: Option<(u32, Sound)>,
    /// It has waited for somebody, whom it was not put through to.
    pub(crate) has_waited: bool,
    /// What it waits for may have come before it began to.
    looks_again: bool,
}

impl Meanwhile {
    /// The caller hears something else.
    pub(crate) fn replaced(&mut self) {
        self.background = None;
        self.announcing = None;
    }
}

impl Call {
    /// What the caller hears from us while others ring; not begun anew when it hears that already. What is announced is
    /// heard to its end first.
    pub(crate) fn hear_meanwhile(&mut self, sound: &Sound) {
        if let Some((_, then)) = &mut self.meanwhile.announcing {
            then.clone_from(sound);
            return;
        }
        let hears = self.meanwhile.background.as_ref();
        if hears.is_none_or(|(_, heard)| heard != sound) {
            let playing = self.play(sound.clone(), Ear::Caller, false);
            self.meanwhile.background = Some((playing, sound.clone()));
        }
    }

    /// The caller waits.
    pub(crate) fn wait(
        &mut self,
        music: Sound,
        announcement: Option<Sound>,
        until: Timestamp,
        now: Timestamp,
    ) {
        self.meanwhile.has_waited = true;
        // A caller may ring as long again after each wait.
        self.ringing_until = None;
        match announcement {
            Some(announcement) => {
                let playing = self.play(announcement, Ear::Caller, false);
                self.meanwhile.background = None;
                self.meanwhile.announcing = Some((playing, music));
            }
            None => self.hear_meanwhile(&music),
        }
        let at_once = std::mem::take(&mut self.meanwhile.looks_again);
        self.state = State::Waiting {
            until: if at_once { now } else { until },
        };
    }

    /// Somebody may be there for the caller.
    pub(crate) fn look_again(&mut self, now: Timestamp) {
        match self.state {
            State::Waiting { .. } => self.ask(Some(StepOutcome::Done), now),
            State::Answering { .. } => self.meanwhile.looks_again = true,
            _ => {}
        }
    }

    /// Whether it was an announcement, or what is heard meanwhile, that is over.
    pub(crate) fn heard_meanwhile(&mut self, number: u32, outcome: &Played) -> bool {
        let announced = self
            .meanwhile
            .announcing
            .as_ref()
            .is_some_and(|(it, _)| *it == number);
        let is_background = self
            .meanwhile
            .background
            .as_ref()
            .is_some_and(|(it, _)| *it == number);
        let waits = matches!(self.state, State::Waiting { .. } | State::Ringing { .. });
        if waits
            && (announced || is_background)
            && let Played::Failed { reason } = outcome
        {
            let reason = format!("the caller did not hear what it was to hear meanwhile: {reason}");
            self.emit(CallEventKind::SoundFailed { reason });
        }
        if announced && let Some((_, then)) = self.meanwhile.announcing.take() {
            if waits {
                self.hear_meanwhile(&then);
            }
            return true;
        }
        is_background
    }
}
