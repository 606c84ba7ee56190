//! The call's sound: its session with the media engine, what is played into whose ear, and its recordings.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use ringfence_callflow::{Input, MessageEnd, Played, Sound as Sounding};
use ringfence_media::{Ear, Library, Line, Notice, Piece, RecordingReport, Session};
use ringfence_model::RecordingId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::prompts::{self, Prompts};
use crate::RecordingPlan;
use crate::sdp::{Description, LocalEnd};
use crate::server::Shared;

/// A session, or why there is none, and what is known of playing and recording.
pub(super) struct Sound {
    session: Result<Arc<Session>, String>,
    notices: Option<mpsc::Receiver<Notice>>,
    plan: Option<RecordingPlan>,
    message_plan: Option<RecordingPlan>,
    address: IpAddr,
    nat: bool,
    /// Phones behind NAT, each with the address that it is seen at.
    behind_nat: Vec<(Ear, IpAddr)>,
    library: Library,
    prompts: Prompts,
    /// At most one an ear.
    playing: Vec<Ongoing>,
    loading: FuturesUnordered<BoxFuture<'static, Loaded>>,
    message: Option<Message>,
    /// The recording broke off, and that has been told.
    failed: bool,
    closing: Option<BoxFuture<'static, Option<RecordingReport>>>,
    report: Option<RecordingReport>,
    /// To be said before anything else is waited for.
    next: Option<Input>,
}

/// Something that an ear hears, or will as soon as it is loaded.
struct Ongoing {
    playing: u32,
    ear: Ear,
    repeated: bool,
    stop_on_key: bool,
}

/// The pieces of something that is to be played.
struct Loaded {
    playing: u32,
    pieces: Result<Vec<Piece>, String>,
}

/// A message that is taken.
struct Message {
    recording: RecordingId,
    until: Instant,
    /// Why it is being closed.
    ended: Option<MessageEnd>,
}

/// What the sound tells its call.
pub(super) enum Heard {
    Input(Input),
    /// Somebody pressed a key.
    Key(Ear, char),
}

impl Sound {
    pub(super) fn new(
        shared: &Shared,
        plan: Option<RecordingPlan>,
        message_plan: Option<RecordingPlan>,
        prompts: Prompts,
    ) -> Self {
        let mut notices = None;
        let session = shared
            .media
            .open()
            .map(|mut session| {
                notices = session.take_notices();
                // Whom the caller hears is said leg by leg.
                session.join(None);
                Arc::new(session)
            })
            .map_err(|error| error.to_string());
        Self {
            session,
            notices,
            plan,
            message_plan,
            address: shared.identity.media,
            nat: shared.config.nat,
            behind_nat: Vec::new(),
            library: shared.media.library().clone(),
            prompts,
            playing: Vec::new(),
            loading: FuturesUnordered::new(),
            message: None,
            failed: false,
            closing: None,
            report: None,
            next: None,
        }
    }

    /// Why there can be no sound.
    pub(super) fn refusal(&self) -> Option<String> {
        self.session.as_ref().err().cloned()
    }

    /// A line for another leg, and our end of it; words when there is none.
    pub(super) fn open_line(&self) -> Result<(Line, LocalEnd), String> {
        let session = self.session.as_ref().map_err(Clone::clone)?;
        let line = session.open_line().map_err(|error| error.to_string())?;
        Ok((line, self.end_at(session.line_port(line))))
    }

    /// Our end towards the caller.
    pub(super) fn caller_end(&self) -> LocalEnd {
        let port = self
            .session
            .as_ref()
            .map_or(0, |session| session.port(ringfence_media::Side::Caller));
        self.end_at(port)
    }

    fn end_at(&self, port: u16) -> LocalEnd {
        LocalEnd::new(
            SocketAddr::new(self.address, port),
            u64::from(rand::random::<u32>()),
        )
    }

    /// A leg needs no sound any more.
    pub(super) fn close_line(&mut self, line: Line) {
        self.playing
            .retain(|playing| playing.ear != Ear::Callee(line));
        if let Ok(session) = &self.session {
            session.close_line(line);
        }
    }

    /// Lets the caller and a leg hear each other.
    pub(super) fn join(&self, line: Line) {
        if let Ok(session) = &self.session {
            session.join(Some(line));
        }
    }

    /// A phone is behind NAT: its sound comes from the address that its messages come from, whatever its SDP
    /// says, and from nowhere else.
    pub(super) fn is_behind_nat(&mut self, ear: Ear, address: IpAddr) {
        self.behind_nat.push((ear, address));
    }

    pub(super) fn set_remote(&self, ear: Ear, said: &Description) {
        let mut remote = said.remote(self.nat);
        let seen = self.behind_nat.iter().find(|(behind, _)| ear == *behind);
        if let Some((_, address)) = seen
            && !remote.rtp.ip().is_unspecified()
        {
            remote.rtp.set_ip(*address);
        }
        if let Ok(session) = &self.session {
            session.set_remote(ear, remote);
        }
    }

    /// Begins to play; the number of what it takes the place of.
    pub(super) fn play(
        &mut self,
        playing: u32,
        sound: Sounding,
        ear: Ear,
        stop_on_key: bool,
    ) -> Option<u32> {
        let replaced = self.silence(ear);
        self.playing.push(Ongoing {
            playing,
            ear,
            repeated: sound.repeated,
            stop_on_key,
        });
        let (library, prompts) = (self.library.clone(), Arc::clone(&self.prompts));
        self.loading.push(Box::pin(async move {
            // Files are read and tones computed where nobody waits for it.
            let load = move || prompts::load(&sound, &library, &prompts);
            let pieces = tokio::task::spawn_blocking(load)
                .await
                .unwrap_or_else(|error| Err(error.to_string()));
            Loaded { playing, pieces }
        }));
        replaced
    }

    /// Ends what an ear hears from us, without a word; its number.
    pub(super) fn silence(&mut self, ear: Ear) -> Option<u32> {
        let index = self.playing.iter().position(|playing| playing.ear == ear)?;
        if let Ok(session) = &self.session {
            session.stop(ear);
        }
        Some(self.playing.swap_remove(index).playing)
    }

    /// Stops playing; whether it was not over yet.
    pub(super) fn stop(&mut self, playing: u32) -> bool {
        let found = self.playing.iter().find(|one| one.playing == playing);
        let ear = found.map(|one| one.ear);
        ear.is_some_and(|ear| self.silence(ear).is_some())
    }

    /// Somebody pressed a key: ends what was to stop then; its number.
    pub(super) fn key_pressed(&mut self, ear: Ear) -> Option<u32> {
        let stops = |one: &Ongoing| one.ear == ear && one.stop_on_key;
        if self.playing.iter().any(stops) {
            self.silence(ear)
        } else {
            None
        }
    }

    fn load(&mut self, loaded: Loaded) -> Option<Input> {
        let Loaded { playing, pieces } = loaded;
        let index = self.playing.iter().position(|one| one.playing == playing)?;
        let one = &self.playing[index];
        let started = pieces.and_then(|pieces| match &self.session {
            Ok(session) if session.play(one.ear, playing.into(), pieces, one.repeated) => Ok(()),
            Ok(_) => Err("nobody is there to hear it".to_owned()),
            Err(reason) => Err(reason.clone()),
        });
        let reason = started.err()?;
        self.playing.swap_remove(index);
        metrics::counter!("ringfence_prompts_failed_total").increment(1);
        Some(Input::Played {
            playing,
            outcome: Played::Failed { reason },
        })
    }

    fn played(&mut self, ear: Ear, number: u64) -> Option<Input> {
        let ended = |one: &Ongoing| one.ear == ear && u64::from(one.playing) == number;
        let index = self.playing.iter().position(ended)?;
        let playing = self.playing.swap_remove(index).playing;
        Some(Input::Played {
            playing,
            outcome: Played::Finished,
        })
    }

    /// Begins to record the conversation when that is planned; what is to be told of it.
    pub(super) fn start_recording(&mut self) -> Option<Input> {
        let (Ok(session), Some(plan)) = (&self.session, &self.plan) else {
            return None;
        };
        let recording = plan.recording;
        let plan = ringfence_media::RecordingPlan {
            path: plan.path.clone(),
        };
        Some(if session.start_recording(plan) {
            Input::RecordingStarted { recording }
        } else {
            self.failed = true;
            Input::RecordingFailed {
                reason: "a recording of this call was under way already".into(),
            }
        })
    }

    /// Begins to record the caller alone; what is to be told of it.
    pub(super) fn take_message(&mut self, longest: Duration, silence: Duration) -> Input {
        let failed = |reason: &str| Input::MessageTaken {
            recording: None,
            lasting: Duration::ZERO,
            ended: MessageEnd::Failed {
                reason: reason.to_owned(),
            },
        };
        let session = match &self.session {
            Ok(session) => session,
            Err(reason) => return failed(reason),
        };
        let Some(plan) = self.message_plan.take() else {
            return failed("there is no place for a message of this call, or it has been used");
        };
        let recording = plan.recording;
        let plan = ringfence_media::RecordingPlan { path: plan.path };
        if !session.start_recording(plan) {
            return failed("a recording of this call is under way");
        }
        session.listen(Some(silence));
        self.message = Some(Message {
            recording,
            until: Instant::now() + longest,
            ended: None,
        });
        Input::RecordingStarted { recording }
    }

    /// Closes a message, when one is taken; the first reason is the one that is told.
    pub(super) fn end_message(&mut self, ended: MessageEnd) {
        if let (Ok(session), Some(message)) = (&self.session, &mut self.message)
            && message.ended.is_none()
        {
            message.ended = Some(ended);
            session.listen(None);
            self.close();
        }
    }

    /// Closes the recording, or the message; [`Sound::next`] tells how that went.
    pub(super) fn close_recording(&mut self) {
        if self.message.is_some() {
            self.end_message(MessageEnd::Stopped);
        } else {
            self.close();
        }
    }

    fn close(&mut self) {
        if let Ok(session) = &self.session {
            let session = Arc::clone(session);
            self.closing = Some(Box::pin(async move { session.stop_recording().await }));
        }
    }

    /// The report of a recording that was closed.
    pub(super) const fn take_report(&mut self) -> Option<RecordingReport> {
        self.report.take()
    }

    /// The call is over: frees the ports.
    pub(super) fn end(&mut self) {
        self.notices = None;
        self.closing = None;
        self.message = None;
        self.playing.clear();
        self.loading.clear();
        self.session = Err("the call is over".to_owned());
    }

    /// Waits for something that the call should know. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> Heard {
        if let Some(input) = self.next.take() {
            return Heard::Input(input);
        }
        loop {
            let message_ends = self
                .message
                .as_ref()
                .filter(|message| message.ended.is_none())
                .map(|message| message.until);
            tokio::select! {
                report = maybe(self.closing.as_mut()) => {
                    self.closing = None;
                    return Heard::Input(self.closed(report));
                }
                Some(loaded) = self.loading.next(), if !self.loading.is_empty() => {
                    if let Some(input) = self.load(loaded) {
                        return Heard::Input(input);
                    }
                }
                () = until(message_ends) => self.end_message(MessageEnd::Longest),
                notice = receive(self.notices.as_mut()) => match notice {
                    Some(notice) => if let Some(heard) = self.noted(notice) {
                        return heard;
                    },
                    None => self.notices = None,
                },
            }
        }
    }

    fn noted(&mut self, notice: Notice) -> Option<Heard> {
        let input = match notice {
            Notice::Key { from, key } => return Some(Heard::Key(from, key)),
            Notice::Silent { after } => Input::Silence { lasting: after },
            Notice::Played { ear, playing } => self.played(ear, playing)?,
            Notice::Quiet { .. } => {
                self.end_message(MessageEnd::Silence);
                return None;
            }
            Notice::RecordingFailed { reason } if self.message.is_some() => {
                self.end_message(MessageEnd::Failed { reason });
                return None;
            }
            Notice::RecordingFailed { .. } if self.failed => return None,
            Notice::RecordingFailed { reason } => {
                self.failed = true;
                Input::RecordingFailed { reason }
            }
        };
        Some(Heard::Input(input))
    }

    fn closed(&mut self, report: Option<RecordingReport>) -> Input {
        let failure = report.as_ref().map_or_else(
            || Some("nothing of it reached the disk".to_owned()),
            |report| report.failure.clone(),
        );
        let lasting = report.as_ref().map_or(Duration::ZERO, |report| {
            Duration::from_millis(report.duration_ms)
        });
        self.report = report;
        if let Some(message) = self.message.take() {
            let whole = failure.is_none();
            let ended = match (failure, message.ended) {
                (Some(reason), _) => MessageEnd::Failed { reason },
                (None, ended) => ended.unwrap_or(MessageEnd::Stopped),
            };
            return Input::MessageTaken {
                recording: whole.then_some(message.recording),
                lasting,
                ended,
            };
        }
        let recording = self.plan.as_ref().map(|plan| plan.recording);
        match failure {
            None => Input::RecordingClosed { whole: recording },
            Some(_) if self.failed => Input::RecordingClosed { whole: None },
            Some(reason) => {
                self.failed = true;
                self.next = Some(Input::RecordingClosed { whole: None });
                Input::RecordingFailed { reason }
            }
        }
    }
}

async fn maybe<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn receive(notices: Option<&mut mpsc::Receiver<Notice>>) -> Option<Notice> {
    match notices {
        Some(notices) => notices.recv().await,
        None => std::future::pending().await,
    }
}
