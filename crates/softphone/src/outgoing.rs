//! Calls that are made.

use std::future::pending;
use std::time::{Duration, Instant};

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Response, StatusCodeKind, Uri};
use tokio::time::{sleep, timeout};

use crate::line::{Line, acknowledge, answer_change, sdp_headers, sip};
use crate::sound::Sound;
use crate::{CallRequest, CallResult, Heard, Hold, HungUpBy, SoftphoneError, sdp};

/// How long a call that was given up may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// More provisional responses than this are not kept.
const PROVISIONAL: usize = 32;

/// Makes a call and stays with it to its end.
pub async fn make(
    line: &Line,
    request: CallRequest,
    hold: Option<Hold>,
) -> Result<CallResult, SoftphoneError> {
    for number in [&request.to, &request.from] {
        if !is_dialable(number) {
            return Err(SoftphoneError::Number(number.clone()));
        }
    }
    let mut sound = Sound::open(line.local.ip(), request.tone_hz, &request.expect)
        .await
        .map_err(|source| SoftphoneError::Bind {
            address: line.local,
            source,
        })?;
    let caller = if request.from == "anonymous" {
        Uri::try_from("sip:anonymous@anonymous.invalid").map_err(sip)?
    } else {
        line.uri(&request.from, line.local)
    };
    let option = InviteOption {
        caller,
        callee: line.uri(&request.to, request.server),
        destination: Some(line.destination(request.server)),
        content_type: Some("application/sdp".to_owned()),
        offer: Some(sound.offer("sendrecv")),
        contact: line.contact(),
        ..InviteOption::default()
    };
    let (sender, states) = line.layer.new_dialog_state_channel();
    let started = Instant::now();
    let (dialog, mut invite) = line.layer.do_invite_async(option, sender).map_err(sip)?;
    let mut call = Outgoing {
        line,
        dialog,
        states,
        sound,
        provisional: Vec::new(),
        over: false,
    };

    let mut gave_up = false;
    let response = loop {
        tokio::select! {
            ended = &mut invite => {
                let (_, response) = ended.map_err(sip)?.map_err(sip)?;
                break response;
            }
            Some(state) = call.states.recv() => call.note(state).await,
            () = impatience(request.give_up_after, started), if !gave_up => gave_up = true,
            () = line.leaving.cancelled(), if !gave_up => gave_up = true,
        }
        if gave_up {
            let ended = timeout(PATIENCE, async {
                // A CANCEL that finds nobody changes nothing: the INVITE ends by itself.
                let _ = call.dialog.cancel().await;
                (&mut invite).await
            });
            if let Ok(ended) = ended.await {
                break ended.map_err(sip)?.map_err(sip)?.1;
            }
            invite.abort();
            break None;
        }
    };
    let setup = started.elapsed();
    // Provisional responses may still wait in the channel, and so may the other side's BYE.
    while let Ok(state) = call.states.try_recv() {
        call.note(state).await;
    }
    let final_code = response
        .as_ref()
        .map_or(408, |response| response.status_code.code());
    let answer = response
        .filter(|response| !gave_up && response.status_code.kind() == StatusCodeKind::Successful);
    let answered = answer.is_some();
    let hung_up_by = match answer {
        Some(answer) => call.talk(&answer, request.talk, hold).await,
        None if gave_up => HungUpBy::Us,
        None => HungUpBy::Them,
    };
    line.layer.remove_dialog(&call.dialog.id());
    let (heard_early, heard) = call.sound.heard();
    Ok(CallResult {
        final_code,
        answered,
        setup,
        provisional: call.provisional,
        heard: if answered { heard } else { Heard::default() },
        heard_early,
        hung_up_by,
    })
}

struct Outgoing<'a> {
    line: &'a Line,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    sound: Sound,
    provisional: Vec<u16>,
    /// The other side has ended it.
    over: bool,
}

impl Outgoing<'_> {
    async fn note(&mut self, state: DialogState) {
        match state {
            DialogState::Trying(_) => self.note_provisional(100),
            DialogState::Early(_, response) => {
                self.note_provisional(response.status_code.code());
                if let Some(theirs) = sdp::read(&response.body) {
                    self.sound.speak_to(&theirs);
                }
            }
            DialogState::Updated(_, request, handle) => {
                answer_change(&request, &handle, &mut self.sound).await;
            }
            DialogState::Options(_, _, handle) | DialogState::Info(_, _, handle) => {
                acknowledge(&handle).await;
            }
            DialogState::Terminated(..) => self.over = true,
            _ => {}
        }
    }

    fn note_provisional(&mut self, code: u16) {
        if self.provisional.len() < PROVISIONAL {
            self.provisional.push(code);
        }
    }

    async fn talk(&mut self, answer: &Response, talk: Duration, hold: Option<Hold>) -> HungUpBy {
        let answered = Instant::now();
        self.sound.answered();
        if let Some(theirs) = sdp::read(&answer.body) {
            self.sound.speak_to(&theirs);
        }
        let mut changes = hold.map_or_else(Vec::new, |hold| {
            // The last one is taken first.
            vec![
                (hold.after + hold.length, "sendrecv"),
                (hold.after, "sendonly"),
            ]
        });
        while !self.over {
            let change = changes.last().copied();
            tokio::select! {
                biased;
                Some(state) = self.states.recv() => self.note(state).await,
                () = impatience(change.map(|(at, _)| at), answered) => {
                    changes.pop();
                    if let Some((_, direction)) = change {
                        self.change(direction).await;
                    }
                }
                () = impatience(Some(talk), answered) => break,
                () = self.line.leaving.cancelled() => break,
            }
        }
        if self.over {
            return HungUpBy::Them;
        }
        self.sound.fall_silent();
        self.line.hang_up(&self.dialog).await;
        HungUpBy::Us
    }

    /// Tells the other side what it may send from now on.
    async fn change(&mut self, direction: &'static str) {
        let offer = self.sound.offer(direction);
        match self.dialog.reinvite(Some(sdp_headers()), Some(offer)).await {
            Ok(Some(response)) => {
                let theirs = sdp::read(&response.body);
                match theirs {
                    Some(theirs) if direction == "sendrecv" => self.sound.speak_to(&theirs),
                    _ => self.sound.fall_silent(),
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a re-INVITE failed"),
        }
    }
}

/// Waits until `length` after `since`; for ever without one.
async fn impatience(length: Option<Duration>, since: Instant) {
    match length {
        Some(length) => sleep(length.saturating_sub(since.elapsed())).await,
        None => pending().await,
    }
}

fn is_dialable(number: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"+*-._".contains(&octet);
    (1..=64).contains(&number.len()) && number.bytes().all(allowed)
}
