//! The task that carries a session's packets, and sends what is played into its ears.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, Sleep, interval, sleep_until};

use crate::ends::{Ends, Happened};
use crate::player::PACE;
use crate::ports::PortPair;
use crate::{Ear, Notice};

/// No voice packet is longer.
const LARGEST: usize = 2048;
/// Packets taken from one socket before the others, and other sessions, have their turn.
const BURST: usize = 32;
/// Before anything is due by itself.
const LONG: Duration = Duration::from_hours(24);

/// Carries packets until it is dropped, and the ports with it.
pub async fn run(ends: Arc<Mutex<Ends>>, notices: mpsc::Sender<Notice>, silence: Duration) {
    let mut clock = interval((silence / 4).max(Duration::from_millis(10)));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let far_off = Instant::now() + LONG;
    let pairs = ends.lock().pairs();
    let mut relay = Relay {
        pairs,
        generation: 0,
        ends,
        notices,
        silence,
        clock,
        pacer: Box::pin(sleep_until(far_off.into())),
        due: far_off,
        datagram: vec![0; LARGEST],
        out: Vec::with_capacity(LARGEST),
        payload: Vec::new(),
    };
    poll_fn(|cx| relay.poll(cx)).await;
}

struct Relay {
    /// The sockets, as they are in `ends` since that `generation`.
    pairs: Vec<(Ear, Arc<PortPair>)>,
    generation: u32,
    ends: Arc<Mutex<Ends>>,
    notices: mpsc::Sender<Notice>,
    silence: Duration,
    clock: Interval,
    /// Wakes when something is due by itself: a packet of ours, or the end of patience.
    pacer: Pin<Box<Sleep>>,
    due: Instant,
    datagram: Vec<u8>,
    out: Vec<u8>,
    payload: Vec<u8>,
}

impl Relay {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.clock.poll_tick(cx).is_ready() {
            if self.ends.lock().falls_silent(Instant::now(), self.silence) {
                metrics::counter!("ringfence_media_silent_total").increment(1);
                // An owner that does not read its notices has been told enough.
                let _ = self.notices.try_send(Notice::Silent {
                    after: self.silence,
                });
            }
        }
        self.look_again(cx);
        let mut more = false;
        for index in 0..self.pairs.len() {
            more |= self.poll_rtp(index, cx);
            more |= self.poll_rtcp(index, cx);
        }
        self.poll_pacer(cx);
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Takes up lines that came, lets go of those that went, and can be woken for the next change.
    fn look_again(&mut self, cx: &mut Context<'_>) {
        let mut ends = self.ends.lock();
        if !ends
            .relay
            .as_ref()
            .is_some_and(|relay| relay.will_wake(cx.waker()))
        {
            ends.relay = Some(cx.waker().clone());
        }
        if ends.generation != self.generation {
            self.generation = ends.generation;
            self.pairs = ends.pairs();
        }
    }

    /// Sends what is due, and comes back for what will be.
    fn poll_pacer(&mut self, cx: &mut Context<'_>) {
        loop {
            let due = self.pace().unwrap_or_else(|| Instant::now() + LONG);
            if due != self.due {
                self.due = due;
                self.pacer.as_mut().reset(due.into());
            }
            if self.pacer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }

    /// Sends what is due now; when something will be again.
    fn pace(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let due = self.ends.lock().due();
        let mut untold = false;
        if due.is_some_and(|due| due <= now) {
            for (ear, pair) in &self.pairs {
                let (to, happened) = {
                    let mut ends = self.ends.lock();
                    let to = ends.pace(*ear, &mut self.payload, &mut self.out, now);
                    (to, ends.happened(*ear, now))
                };
                if let Some(to) = to {
                    send(&pair.rtp, &self.out, to);
                }
                if let Some(happened) = happened {
                    if self.notices.try_send(happened.into()).is_ok() {
                        self.ends.lock().told(happened);
                    } else {
                        untold = true;
                    }
                }
            }
        }
        if untold {
            // Its owner has not read the notices before it yet.
            return Some(now + PACE);
        }
        self.ends.lock().due()
    }

    /// Carries what has arrived; `true` when there may be more.
    fn poll_rtp(&mut self, index: usize, cx: &mut Context<'_>) -> bool {
        let (ear, near) = &self.pairs[index];
        for _ in 0..BURST {
            let (length, from) = match receive(&near.rtp, &mut self.datagram, cx) {
                Poll::Ready(Some(arrived)) => arrived,
                Poll::Ready(None) => continue,
                Poll::Pending => return false,
            };
            let datagram = &self.datagram[..length];
            let (to, pressed) = {
                let mut ends = self.ends.lock();
                let to = ends.carry(*ear, from, datagram, &mut self.out, Instant::now());
                (to, ends.pressed.take())
            };
            if let Some(key) = pressed
                && self
                    .notices
                    .try_send(Notice::Key { from: *ear, key })
                    .is_err()
            {
                metrics::counter!("ringfence_media_keys_lost_total").increment(1);
            }
            if let Some((far, to)) = to
                && let Some(pair) = self.pair(far)
            {
                send(&pair.rtp, &self.out, to);
            }
        }
        true
    }

    fn poll_rtcp(&mut self, index: usize, cx: &mut Context<'_>) -> bool {
        let (ear, near) = &self.pairs[index];
        for _ in 0..BURST {
            let (length, from) = match receive(&near.rtcp, &mut self.datagram, cx) {
                Poll::Ready(Some(arrived)) => arrived,
                Poll::Ready(None) => continue,
                Poll::Pending => return false,
            };
            let datagram = &mut self.datagram[..length];
            let to = self.ends.lock().carry_rtcp(*ear, from, datagram);
            if let Some((far, to)) = to
                && let Some(pair) = self.pair(far)
            {
                send(&pair.rtcp, &self.datagram[..length], to);
            }
        }
        true
    }

    fn pair(&self, ear: Ear) -> Option<&PortPair> {
        let found = self.pairs.iter().find(|(of, _)| *of == ear)?;
        Some(&found.1)
    }
}

impl From<Happened> for Notice {
    fn from(happened: Happened) -> Self {
        match happened {
            Happened::Played { ear, playing } => Self::Played { ear, playing },
            Happened::Quiet { after } => Self::Quiet { after },
        }
    }
}

/// A datagram and its sender; `Ready(None)` for an error, which concerns an earlier packet of ours.
fn receive(
    socket: &UdpSocket,
    datagram: &mut [u8],
    cx: &mut Context<'_>,
) -> Poll<Option<(usize, SocketAddr)>> {
    let mut buffer = ReadBuf::new(datagram);
    socket
        .poll_recv_from(cx, &mut buffer)
        .map(|from| from.ok().map(|from| (buffer.filled().len(), from)))
}

/// Sends at once or not at all: sound that waits is worse than sound that is lost.
fn send(socket: &UdpSocket, datagram: &[u8], to: SocketAddr) {
    if let Err(error) = SockRef::from(socket).send_to(datagram, &to.into()) {
        let reason = match error.kind() {
            io::ErrorKind::WouldBlock => "full",
            _ => "error",
        };
        metrics::counter!("ringfence_media_unsent_total", "reason" => reason).increment(1);
    }
}
