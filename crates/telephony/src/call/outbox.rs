//! Notices on their way to the platform: the call never waits for it, and nothing is kept without bound.

use std::collections::VecDeque;

use metrics::counter;
use ringfence_model::{CallEventKind, Timestamp};
use tokio::sync::mpsc;

use crate::CallNotice;

/// What may wait. A call emits some ten events and at most 200 changes of hold.
const MAX_WAITING: usize = 512;

/// The notices of one call, in order.
pub(super) struct Outbox {
    notices: mpsc::Sender<CallNotice>,
    waiting: VecDeque<CallNotice>,
    closed: bool,
}

impl Outbox {
    pub(super) const fn new(notices: mpsc::Sender<CallNotice>) -> Self {
        Self {
            notices,
            waiting: VecDeque::new(),
            closed: false,
        }
    }

    /// Sends a notice now or as soon as there is room.
    pub(super) fn push(&mut self, notice: CallNotice) {
        if self.closed {
            return;
        }
        if self.waiting.len() >= MAX_WAITING && !must_arrive(&notice) {
            counter!("ringfence_call_notices_dropped_total").increment(1);
            return;
        }
        self.waiting.push_back(notice);
        self.flush();
    }

    /// An event at an instant.
    pub(super) fn event(&mut self, at: Timestamp, kind: CallEventKind) {
        self.push(CallNotice::Event { at, kind });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits until there is room for what waits, and sends it. Loses nothing when it is dropped.
    pub(super) async fn ready(&mut self) {
        if let Ok(permit) = self.notices.reserve().await
            && let Some(notice) = self.waiting.pop_front()
        {
            permit.send(notice);
        }
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(notice) = self.waiting.pop_front() {
            match self.notices.try_send(notice) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(notice)) => {
                    self.waiting.push_front(notice);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return self.close(),
            }
        }
    }

    /// Nobody listens any more.
    fn close(&mut self) {
        self.closed = true;
        self.waiting.clear();
    }
}

/// Keys and changes of hold may be lost when nobody takes notices; how a call went may not.
fn must_arrive(notice: &CallNotice) -> bool {
    !matches!(
        notice,
        CallNotice::Digit { .. }
            | CallNotice::Event {
                kind: CallEventKind::Held { .. }
                    | CallEventKind::Resumed { .. }
                    | CallEventKind::Progress { .. },
                ..
            }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Party;

    #[tokio::test]
    async fn notices_arrive_in_order_however_slowly_they_are_taken() {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        let at = Timestamp::from_micros;
        for n in 0..10 {
            outbox.event(at(n), CallEventKind::HungUp { by: Party::Caller });
        }
        outbox.push(CallNotice::Finished);
        let mut got = Vec::new();
        while got.last() != Some(&CallNotice::Finished) {
            tokio::select! {
                () = outbox.ready(), if !outbox.is_empty() => {}
                Some(notice) = receiver.recv() => got.push(notice),
            }
        }
        assert_eq!(got.len(), 11);
        assert!(matches!(got[9], CallNotice::Event { at: last, .. } if last == at(9)));
    }

    #[tokio::test]
    async fn a_listener_that_leaves_does_not_hold_up_the_call() {
        let (sender, receiver) = mpsc::channel(1);
        let mut outbox = Outbox::new(sender);
        drop(receiver);
        outbox.push(CallNotice::Finished);
        assert!(outbox.is_empty());
    }
}
