//! The call's sound: its session with the media engine, and its recording.

use std::net::SocketAddr;
use std::sync::Arc;

use futures::future::BoxFuture;
use ringfence_callflow::Input;
use ringfence_media::{Notice, RecordingReport, Session, Side};
use ringfence_model::Party;
use tokio::sync::mpsc;

use crate::RecordingPlan;
use crate::sdp::{Description, LocalEnd};
use crate::server::Shared;

/// A session, or why there is none, and what is known of the recording.
pub(super) struct Sound {
    session: Result<Arc<Session>, String>,
    notices: Option<mpsc::Receiver<Notice>>,
    plan: Option<RecordingPlan>,
    address: std::net::IpAddr,
    nat: bool,
    /// The recording broke off, and that has been told.
    failed: bool,
    closing: Option<BoxFuture<'static, Option<RecordingReport>>>,
    report: Option<RecordingReport>,
    /// To be said before anything else is waited for.
    next: Option<Input>,
}

impl Sound {
    pub(super) fn new(shared: &Shared, plan: Option<RecordingPlan>) -> Self {
        let mut notices = None;
        let session = shared
            .media
            .open()
            .map(|mut session| {
                notices = session.take_notices();
                Arc::new(session)
            })
            .map_err(|error| error.to_string());
        Self {
            session,
            notices,
            plan,
            address: shared.identity.media,
            nat: shared.config.nat,
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

    /// A new end of ours towards a side.
    pub(super) fn local_end(&self, party: Party) -> LocalEnd {
        let port = self
            .session
            .as_ref()
            .map_or(0, |session| session.port(side(party)));
        LocalEnd::new(
            SocketAddr::new(self.address, port),
            u64::from(rand::random::<u32>()),
        )
    }

    pub(super) fn set_remote(&self, party: Party, said: &Description) {
        if let Ok(session) = &self.session {
            session.set_remote(side(party), said.remote(self.nat));
        }
    }

    pub(super) fn reset(&self, party: Party) {
        if let Ok(session) = &self.session {
            session.reset(side(party));
        }
    }

    /// Begins to record when that is planned; what is to be told of it.
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

    /// Closes the recording; [`Sound::next`] tells how that went.
    pub(super) fn close_recording(&mut self) {
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
        self.session = Err("the call is over".to_owned());
    }

    /// Waits for something that the call should know. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self) -> Input {
        if let Some(input) = self.next.take() {
            return input;
        }
        loop {
            tokio::select! {
                report = maybe(self.closing.as_mut()) => {
                    self.closing = None;
                    return self.closed(report);
                }
                notice = receive(self.notices.as_mut()) => match notice {
                    Some(Notice::Silent { after }) => return Input::Silence { lasting: after },
                    Some(Notice::RecordingFailed { reason }) if !self.failed => {
                        self.failed = true;
                        return Input::RecordingFailed { reason };
                    }
                    Some(Notice::RecordingFailed { .. }) => {}
                    Some(Notice::Key { side, key }) => {
                        let by = match side {
                            Side::Caller => Party::Caller,
                            Side::Callee => Party::Callee,
                        };
                        return Input::Digit { by, key };
                    }
                    None => self.notices = None,
                },
            }
        }
    }

    fn closed(&mut self, report: Option<RecordingReport>) -> Input {
        let failure = report.as_ref().map_or_else(
            || Some("nothing of it reached the disk".to_owned()),
            |report| report.failure.clone(),
        );
        let recording = self.plan.as_ref().map(|plan| plan.recording);
        self.report = report;
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

async fn receive(notices: Option<&mut mpsc::Receiver<Notice>>) -> Option<Notice> {
    match notices {
        Some(notices) => notices.recv().await,
        None => std::future::pending().await,
    }
}

const fn side(party: Party) -> Side {
    match party {
        Party::Caller | Party::Server => Side::Caller,
        Party::Callee => Side::Callee,
    }
}
