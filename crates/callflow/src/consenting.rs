//! Consent: both sides hear that they will be recorded, before they are.

use ringfence_model::{CallEventKind, Disposition, LegId, LegOutcome, Party, Timestamp};

use crate::call::{ANSWERING_FOR, Call};
use crate::saying::LONGEST_PROMPT;
use crate::state::State;
use crate::types::{Action, Ear, Played, Sound};

impl Call {
    /// A leg has taken the call. A caller that nobody answered yet is answered by us, for what it is to hear.
    pub(crate) fn ask_consent(&mut self, leg: LegId, sound: Sound, now: Timestamp) {
        if self.caller_is_up {
            return self.tell_of_recording(leg, sound, now);
        }
        self.caller_is_up = true;
        self.act(Action::AnswerCaller);
        self.state = State::Consenting {
            leg,
            sound,
            playing: Vec::new(),
            failed: None,
            until: now + ANSWERING_FOR,
        };
    }

    pub(crate) fn tell_of_recording(&mut self, leg: LegId, sound: Sound, now: Timestamp) {
        self.meanwhile.replaced();
        let ears = [Ear::Caller, Ear::Leg(leg)];
        let playing = ears.map(|ear| self.play(sound.clone(), ear, false));
        self.state = State::Consenting {
            leg,
            sound,
            playing: playing.to_vec(),
            failed: None,
            until: now + LONGEST_PROMPT,
        };
    }

    /// One of them has heard it, or has not: then nothing is recorded.
    pub(crate) fn told_of_recording(&mut self, number: u32, outcome: Played, now: Timestamp) {
        let State::Consenting {
            leg,
            playing,
            failed,
            ..
        } = &mut self.state
        else {
            return;
        };
        let Some(position) = playing.iter().position(|one| *one == number) else {
            return;
        };
        playing.swap_remove(position);
        if let Played::Failed { reason } = outcome {
            *failed = Some(reason);
        }
        if playing.is_empty() {
            let (leg, failed) = (*leg, failed.take());
            self.join_after_consent(leg, failed, now);
        }
    }

    pub(crate) fn consent_timeout(&mut self, now: Timestamp) {
        let State::Consenting { leg, playing, .. } = &self.state else {
            return;
        };
        let leg = *leg;
        if playing.is_empty() {
            let reason = "the caller never acknowledged the answer".to_owned();
            self.act(Action::Release { leg });
            self.end_leg(leg, LegOutcome::Cancelled, None, reason.clone());
            self.end_unanswered(Party::Server, Disposition::Failed, 500, reason);
        } else {
            let reason = "the end of the prompt was never told".to_owned();
            self.join_after_consent(leg, Some(reason), now);
        }
    }

    fn join_after_consent(&mut self, leg: LegId, failed: Option<String>, now: Timestamp) {
        let is_told = failed.is_none();
        if let Some(reason) = failed {
            let reason =
                format!("nothing is recorded, for not both sides heard that it would be: {reason}");
            self.emit(CallEventKind::SoundFailed { reason });
        }
        self.join(leg, is_told, now);
    }
}
