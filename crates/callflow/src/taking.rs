//! Picking up, and taking the call: what a callee hears and presses before it is joined with the caller.

use std::time::Duration;

use ringfence_model::{CallEventKind, LegId, LegOutcome, Timestamp};

use crate::call::Call;
use crate::next::Recorded;
use crate::saying::LONGEST_PROMPT;
use crate::state::{PickedUp, State};
use crate::types::{Action, Ear, Played};

/// How long a callee may take to press its key, from the end of what it hears.
const ACCEPT_WITHIN: Duration = Duration::from_secs(10);

impl Call {
    /// A leg that rings answers.
    pub(crate) fn picked_up(&mut self, from: LegId, now: Timestamp) {
        let State::Ringing { legs, manner, .. } = &self.state else {
            return;
        };
        let picked_up = |leg: &crate::state::Ringing| leg.leg == from && leg.picked_up.is_some();
        if legs.iter().any(picked_up) {
            return;
        }
        let (whisper, key) = (manner.whisper.clone(), manner.accept_key);
        if whisper.is_none() && key.is_none() {
            return self.take(from, now);
        }
        let reason = match (&whisper, key) {
            (_, Some(key)) => format!("has to press {key} to take the call"),
            (_, None) => "hears what the call is about".to_owned(),
        };
        self.emit(CallEventKind::PickedUp { leg: from, reason });
        if key.is_none() {
            // It has the call: nobody else is to run for it.
            self.leave_the_others(from);
        }
        let until = now + whisper.as_ref().map_or(ACCEPT_WITHIN, |_| LONGEST_PROMPT);
        let whisper = whisper.map(|sound| self.play(sound, Ear::Leg(from), key.is_some()));
        if let State::Ringing { legs, .. } = &mut self.state
            && let Some(leg) = legs.iter_mut().find(|leg| leg.leg == from)
        {
            leg.until = until;
            leg.picked_up = Some(PickedUp { whisper });
        }
    }

    /// What was played to a leg is over.
    pub(crate) fn whispered(&mut self, number: u32, outcome: Played, now: Timestamp) {
        let State::Ringing { legs, manner, .. } = &mut self.state else {
            return;
        };
        let hears = |picked_up: PickedUp| picked_up.whisper == Some(number);
        let Some(ringing) = legs.iter_mut().find(|leg| leg.picked_up.is_some_and(hears)) else {
            return;
        };
        let leg = ringing.leg;
        let has_a_key = manner.accept_key.is_some();
        ringing.picked_up = Some(PickedUp { whisper: None });
        // The key itself comes next.
        ringing.until = now + ACCEPT_WITHIN;
        if let Played::Failed { reason } = outcome {
            let reason = format!("the callee did not hear its prompt: {reason}");
            self.emit(CallEventKind::SoundFailed { reason });
        }
        if !has_a_key {
            self.take(leg, now);
        }
    }

    /// A leg that is not joined pressed a key.
    pub(crate) fn leg_pressed(&mut self, from: LegId, key: char, now: Timestamp) {
        if let State::Ringing { legs, manner, .. } = &self.state
            && manner.accept_key == Some(key)
            && legs
                .iter()
                .any(|leg| leg.leg == from && leg.picked_up.is_some())
        {
            self.take(from, now);
        }
    }

    /// A leg picked up, and left it at that.
    pub(crate) fn did_not_accept(&mut self, leg: LegId, key: Option<char>) {
        let reason = match key {
            Some(key) => format!(
                "somebody picked up, and did not press {key} within {} s",
                ACCEPT_WITHIN.as_secs()
            ),
            None => "the end of what it heard was never told".to_owned(),
        };
        self.act(Action::Release { leg });
        self.end_leg(leg, LegOutcome::NoAnswer, None, reason);
    }

    /// A leg takes the call.
    fn take(&mut self, from: LegId, now: Timestamp) {
        let record = match &self.state {
            State::Ringing { manner, .. } => manner.record.clone(),
            _ => return,
        };
        let others = match &mut self.state {
            State::Ringing { legs, .. } => std::mem::take(legs),
            _ => Vec::new(),
        };
        match record {
            Recorded::AfterConsent(sound) => self.ask_consent(from, sound, now),
            Recorded::Yes => self.join(from, true, now),
            Recorded::No => self.join(from, false, now),
        }
        for other in others.iter().filter(|ringing| ringing.leg != from) {
            self.answered_elsewhere(other.leg, other.picked_up.is_some());
        }
    }

    fn leave_the_others(&mut self, from: LegId) {
        let State::Ringing { legs, .. } = &mut self.state else {
            return;
        };
        let (has_it, others) = std::mem::take(legs)
            .into_iter()
            .partition(|leg| leg.leg == from);
        *legs = has_it;
        let others: Vec<crate::state::Ringing> = others;
        for other in others {
            self.answered_elsewhere(other.leg, other.picked_up.is_some());
        }
    }

    fn answered_elsewhere(&mut self, leg: LegId, has_picked_up: bool) {
        self.act(Action::Cancel {
            leg,
            elsewhere: true,
        });
        if has_picked_up {
            self.act(Action::Release { leg });
        } else {
            self.given_up.push(leg);
        }
        let reason = "answered elsewhere".to_owned();
        self.end_leg(leg, LegOutcome::Cancelled, None, reason);
    }

    /// Both sides talk.
    pub(crate) fn join(&mut self, leg: LegId, record: bool, now: Timestamp) {
        self.meanwhile.replaced();
        self.state = State::Talking {
            until: now + self.options.max_length,
            held_by_caller: false,
            held_by_callee: false,
        };
        self.emit(CallEventKind::Answered { leg });
        self.act(Action::Bridge { leg, record });
    }
}
