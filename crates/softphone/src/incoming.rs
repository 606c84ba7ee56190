//! Calls that come in: ring, and then whatever the behaviour says.

use std::future::pending;
use std::time::Duration;

use parking_lot::Mutex;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::StatusCode;
use rsipstack::transaction::transaction::Transaction;
use tokio::time::sleep;

use crate::line::{Line, acknowledge, answer_change, sdp_headers, sip};
use crate::sdp::Theirs;
use crate::sound::Sound;
use crate::{Answer, Behaviour, Counters, SoftphoneError, Then, sdp};

/// The tone of early media when the behaviour names none, in Hz: that of ringing in much of the world.
const RINGING_TONE: f64 = 440.0;

/// Stays with a call to its end.
pub async fn take(
    line: &Line,
    mut invite: Transaction,
    behaviour: Behaviour,
    expect: &[f64],
    counters: &Mutex<Counters>,
) -> Result<(), SoftphoneError> {
    counters.lock().offered += 1;
    let offer = sdp::read(&invite.original.body);
    if offer.is_none() && !invite.original.body.is_empty() {
        counters.lock().refused += 1;
        return invite
            .reply(StatusCode::NotAcceptableHere)
            .await
            .map_err(sip);
    }
    let (sender, states) = line.layer.new_dialog_state_channel();
    let dialog = line
        .layer
        .get_or_create_server_invite(&invite, sender, None, Some(line.contact()))
        .map_err(sip)?;
    let mut driven = dialog.clone();
    tokio::spawn(async move {
        if let Err(error) = driven.handle(&mut invite).await {
            tracing::debug!(%error, "an INVITE ended early");
        }
    });
    let tone_hz = match &behaviour.then {
        Then::Answer(answer) => answer.tone_hz,
        _ => RINGING_TONE,
    };
    let sound = Sound::open(line.local.ip(), tone_hz, expect)
        .await
        .map_err(|source| SoftphoneError::Bind {
            address: line.local,
            source,
        });
    let sound = match sound {
        Ok(sound) => sound,
        Err(error) => {
            let _ = dialog.reject(Some(StatusCode::ServerInternalError), None);
            line.layer.remove_dialog(&dialog.id());
            return Err(error);
        }
    };
    let mut call = Incoming {
        line,
        dialog,
        states,
        sound,
        offer,
        counters,
    };
    let result = call.ring(&behaviour).await;
    line.layer.remove_dialog(&call.dialog.id());
    result
}

struct Incoming<'a> {
    line: &'a Line,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    sound: Sound,
    offer: Option<Theirs>,
    counters: &'a Mutex<Counters>,
}

impl Incoming<'_> {
    async fn ring(&mut self, behaviour: &Behaviour) -> Result<(), SoftphoneError> {
        if behaviour.early_media
            && let Some(offer) = self.offer
        {
            let answer = self.sound.answer(&offer);
            self.sound.speak_to(&offer);
            self.dialog
                .ringing(Some(sdp_headers()), Some(answer))
                .map_err(sip)?;
        } else if !behaviour.ring.is_zero() {
            self.dialog.ringing(None, None).map_err(sip)?;
        }
        let ring = match behaviour.then {
            Then::Silent => None,
            _ => Some(behaviour.ring),
        };
        let line = self.line;
        tokio::select! {
            biased;
            () = self.given_up() => {
                self.counters.lock().cancelled += 1;
                return Ok(());
            }
            () = line.leaving.cancelled() => return self.refuse(480),
            () = after(ring) => {}
        }
        match &behaviour.then {
            Then::Answer(answer) => self.talk(*answer).await,
            Then::Busy => self.refuse(486),
            Then::Refuse(code) => self.refuse((*code).clamp(300, 699)),
            Then::Silent => Ok(()),
        }
    }

    /// Waits until the caller gives up.
    async fn given_up(&mut self) {
        loop {
            match self.states.recv().await {
                Some(DialogState::Terminated(..)) | None => return,
                Some(_) => {}
            }
        }
    }

    fn refuse(&self, code: u16) -> Result<(), SoftphoneError> {
        self.counters.lock().refused += 1;
        self.dialog
            .reject(Some(StatusCode::from(code)), None)
            .map_err(sip)
    }

    async fn talk(&mut self, answer: Answer) -> Result<(), SoftphoneError> {
        let body = match self.offer {
            Some(offer) => {
                self.sound.speak_to(&offer);
                self.sound.answer(&offer)
            }
            None => self.sound.offer("sendrecv"),
        };
        self.sound.answered();
        self.dialog
            .accept(Some(sdp_headers()), Some(body))
            .map_err(sip)?;
        let mut acknowledged = false;
        let hang_up = after(answer.hang_up_after);
        tokio::pin!(hang_up);
        loop {
            tokio::select! {
                biased;
                state = self.states.recv() => match state {
                    Some(DialogState::Confirmed(..)) => {
                        if !acknowledged {
                            acknowledged = true;
                            self.confirmed();
                        }
                    }
                    Some(DialogState::Updated(_, request, handle)) => {
                        answer_change(&request, &handle, &mut self.sound).await;
                    }
                    Some(DialogState::Options(_, _, handle) | DialogState::Info(_, _, handle)) => {
                        acknowledge(&handle).await;
                    }
                    Some(DialogState::Terminated(_, reason)) => {
                        match reason {
                            TerminatedReason::UacCancel if !acknowledged => {
                                self.counters.lock().cancelled += 1;
                            }
                            // The ACK was lost, and the BYE was faster than its repetition.
                            TerminatedReason::UacBye if !acknowledged => {
                                acknowledged = true;
                                self.confirmed();
                            }
                            _ => {}
                        }
                        break;
                    }
                    None => break,
                    Some(_) => {}
                },
                () = &mut hang_up, if acknowledged => {
                    self.sound.fall_silent();
                    self.line.hang_up(&self.dialog).await;
                    break;
                }
                () = self.line.leaving.cancelled() => {
                    self.line.hang_up(&self.dialog).await;
                    break;
                }
            }
        }
        if acknowledged {
            let (_, heard) = self.sound.heard();
            let mut counters = self.counters.lock();
            counters.active -= 1;
            counters.ended += 1;
            counters.last_heard = Some(heard);
        }
        Ok(())
    }

    fn confirmed(&self) {
        if self.offer.is_none() {
            // We offered; the answer came with the ACK (RFC 3264 §4).
            let answer = self
                .dialog
                .last_remote_ack()
                .and_then(|ack| sdp::read(&ack.body));
            if let Some(theirs) = answer {
                self.sound.speak_to(&theirs);
            }
        }
        let mut counters = self.counters.lock();
        counters.answered += 1;
        counters.active += 1;
    }
}

async fn after(length: Option<Duration>) {
    match length {
        Some(length) => sleep(length).await,
        None => pending().await,
    }
}
