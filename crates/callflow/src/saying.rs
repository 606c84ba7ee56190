//! What the caller alone hears and says: prompts, menus, a message.

use std::time::Duration;

use ringfence_model::{CallEventKind, Disposition, Party, RecordingId, Timestamp};
use ringfence_routing::StepOutcome;

use crate::call::Call;
use crate::next::Next;
use crate::state::State;
use crate::types::{Action, Ear, MessageEnd, Played, Sound};

/// No prompt is longer than ten minutes, with the numbers and pieces beside it; this is for when its end is not told.
pub(crate) const LONGEST_PROMPT: Duration = Duration::from_mins(15);

/// A caller who says nothing for so long has said it all.
const SILENCE: Duration = Duration::from_secs(5);

/// Less than this is no message but a receiver that was put down.
const SHORTEST_MESSAGE: Duration = Duration::from_secs(1);

impl Call {
    /// Begins a step that the caller hears.
    pub(crate) fn play_step(&mut self, next: Next, now: Timestamp) {
        if let Next::Wait {
            music,
            announcement,
            until,
        } = next
        {
            return self.wait(music, announcement, until, now);
        }
        self.meanwhile.replaced();
        let until = now + LONGEST_PROMPT;
        match next {
            Next::Say(sound) => {
                let playing = self.play(sound, Ear::Caller, false);
                self.state = State::Saying { playing, until };
            }
            Next::Menu { sound, timeout } => {
                let playing = self.play(sound, Ear::Caller, true);
                self.state = State::Choosing {
                    playing,
                    timeout,
                    until,
                };
            }
            Next::TakeMessage { greeting, longest } => {
                let playing = self.play(greeting, Ear::Caller, false);
                self.state = State::Greeting {
                    playing,
                    longest,
                    until,
                };
            }
            Next::Ring { .. } | Next::Wait { .. } | Next::Refuse(_) | Next::End { .. } => {}
        }
    }

    pub(crate) fn play(&mut self, sound: Sound, to: Ear, stop_on_key: bool) -> u32 {
        self.playing += 1;
        self.act(Action::Play {
            playing: self.playing,
            sound,
            to,
            stop_on_key,
        });
        self.playing
    }

    pub(crate) fn caller_answered(&mut self, now: Timestamp) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Answering { then, .. } => self.play_step(then, now),
            State::Consenting {
                leg,
                sound,
                playing,
                ..
            } if playing.is_empty() => self.tell_of_recording(leg, sound, now),
            other => self.state = other,
        }
    }

    pub(crate) fn played(&mut self, number: u32, outcome: Played, now: Timestamp) {
        if self.heard_meanwhile(number, &outcome) {
            return;
        }
        match &mut self.state {
            State::Saying { playing, .. } if *playing == number => {
                self.ask(Some(of_prompt(outcome)), now);
            }
            State::Choosing {
                playing,
                timeout,
                until,
            } if *playing == number => match outcome {
                Played::Failed { .. } => self.ask(Some(of_prompt(outcome)), now),
                // The key itself comes next.
                _ => *until = now + *timeout,
            },
            State::Greeting {
                playing, longest, ..
            } if *playing == number => {
                // Who cannot be greeted can leave a message all the same.
                let longest = *longest;
                self.act(Action::TakeMessage {
                    longest,
                    silence: SILENCE,
                });
                self.state = State::Message {
                    until: now + longest + SILENCE + self.options.closing,
                    caller_left: false,
                    ended_by_us: None,
                };
            }
            State::Ringing { .. } => self.whispered(number, outcome, now),
            State::Consenting { .. } => self.told_of_recording(number, outcome, now),
            _ => {}
        }
    }

    pub(crate) fn pressed(&mut self, key: char, now: Timestamp) {
        if matches!(self.state, State::Choosing { .. }) {
            self.ask(Some(StepOutcome::Key(key)), now);
        }
    }

    pub(crate) fn message_taken(
        &mut self,
        recording: Option<RecordingId>,
        lasting: Duration,
        ended: &MessageEnd,
    ) {
        let State::Message {
            caller_left,
            ended_by_us,
            ..
        } = &mut self.state
        else {
            return;
        };
        let (caller_left, by_us) = (*caller_left, ended_by_us.take());
        match (recording, ended) {
            (Some(recording), _) => self.emit(CallEventKind::RecordingFinished { recording }),
            (None, MessageEnd::Failed { reason }) => {
                let reason = reason.clone();
                self.emit(CallEventKind::RecordingFailed { reason });
            }
            (None, _) => {
                let reason = "nothing of the message reached the disk".to_owned();
                self.emit(CallEventKind::RecordingFailed { reason });
            }
        }
        let said = match ended {
            MessageEnd::Silence => lasting.saturating_sub(SILENCE),
            _ => lasting,
        };
        let is_left = recording.is_some() && said >= SHORTEST_MESSAGE;
        let (disposition, mut reason) = if is_left {
            let seconds = lasting.as_secs();
            (
                Disposition::Voicemail,
                format!("the caller left a message of {seconds} s"),
            )
        } else {
            (Disposition::Missed, "the caller left no message".to_owned())
        };
        if let Some(by_us) = by_us {
            reason = format!("{reason}; {by_us}");
        }
        let by = if caller_left {
            Party::Caller
        } else {
            self.emit(CallEventKind::HungUp { by: Party::Server });
            Party::Server
        };
        self.end_unanswered(by, disposition, 480, reason);
    }

    /// What was awaited did not come in its time.
    pub(crate) fn step_timeout(&mut self, now: Timestamp) {
        match &self.state {
            State::Answering { .. } => {
                let reason = "the caller never acknowledged the answer";
                self.end_unanswered(Party::Server, Disposition::Failed, 500, reason.to_owned());
            }
            State::Choosing { .. } => self.ask(Some(StepOutcome::NoKey), now),
            State::Saying { .. } | State::Greeting { .. } => {
                let reason = "the end of the prompt was never told".to_owned();
                self.ask(Some(StepOutcome::Failed { reason }), now);
            }
            State::Message { .. } => {
                let reason = format!(
                    "the message was not closed within {} s",
                    self.options.closing.as_secs()
                );
                self.message_taken(None, Duration::ZERO, &MessageEnd::Failed { reason });
            }
            _ => {}
        }
    }
}

fn of_prompt(outcome: Played) -> StepOutcome {
    match outcome {
        Played::Failed { reason } => StepOutcome::Failed { reason },
        _ => StepOutcome::Done,
    }
}
