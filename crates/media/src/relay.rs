//! The task that carries packets of one session, and what it knows of the two ends.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::g711::Law;
use crate::keys::Keys;
use crate::latch::Latch;
use crate::ports::PortPair;
use crate::recorder::Recording;
use crate::rtp::{self, Packet};
use crate::stream::{Outbound, Reception};
use crate::{Codecs, Notice, Side, SideReport, rtcp};

/// No voice packet is longer.
const LARGEST: usize = 2048;
/// Packets taken from one socket before the others, and other sessions, have their turn.
const BURST: usize = 32;

/// What both the relay and the session's owner act on. The lock is held for one packet's arithmetic.
#[derive(Debug)]
pub struct Ends {
    caller: End,
    callee: End,
    /// Payload types that ever meant telephone events in this session, as bits.
    events: u128,
    pub recording: Option<Recording>,
    heard: Instant,
    silent: bool,
    /// A key whose press began with the packet that was carried last.
    pressed: Option<char>,
}

/// One side.
#[derive(Debug, Default)]
pub struct End {
    pub latch: Latch,
    pub codecs: Codecs,
    /// The stream toward it.
    outbound: Outbound,
    /// The stream from it.
    inbound: Reception,
    keys: Keys,
    report: SideReport,
}

impl Ends {
    pub fn new(now: Instant) -> Self {
        Self {
            caller: End::default(),
            callee: End::default(),
            events: 0,
            recording: None,
            heard: now,
            silent: false,
            pressed: None,
        }
    }

    pub const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }

    pub fn set_codecs(&mut self, side: Side, codecs: Codecs) {
        self.end(side).codecs = codecs;
        if let Some(event @ 96..=127) = codecs.telephone_event {
            self.events |= 1 << event;
        }
    }

    pub fn reset(&mut self, side: Side) {
        self.end(side).latch.reset();
        self.end(side).keys.reset();
        self.end(side).codecs = Codecs::default();
        self.end(side.other()).outbound.change_source();
    }

    pub fn report(&self, side: Side) -> SideReport {
        let end = match side {
            Side::Caller => &self.caller,
            Side::Callee => &self.callee,
        };
        SideReport {
            lost: end.inbound.lost(),
            ..end.report
        }
    }

    /// Takes a datagram of a side; what goes to the far side is left in `out`, and its address returned.
    fn carry(
        &mut self,
        side: Side,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Option<SocketAddr> {
        let events = self.events;
        let end = self.end(side);
        let packet = rtp::parse(datagram).ok().filter(|packet| {
            let payload_type = packet.header.payload_type;
            let carried = Law::from_payload_type(payload_type).is_some()
                || payload_type == rtp::COMFORT_NOISE
                || events & (1 << payload_type) != 0;
            carried && end.latch.takes_rtp(from, now)
        });
        let Some(packet) = packet else {
            end.report.ignored += 1;
            return None;
        };
        end.report.packets += 1;
        end.report.octets += datagram.len() as u64;
        end.inbound.take(&packet.header);
        let payload_type = packet.header.payload_type;
        let pressed = (Law::from_payload_type(payload_type).is_none()
            && payload_type != rtp::COMFORT_NOISE)
            .then(|| end.keys.take(&packet.header, packet.payload))
            .flatten();
        self.pressed = pressed;
        self.heard = now;
        self.silent = false;
        if let Some(recording) = &self.recording {
            recording.push(side, &packet.header, packet.payload, now);
        }
        let far = self.end(side.other());
        let to = far.latch.rtp()?;
        let mut header = packet.header;
        let law = Law::from_payload_type(header.payload_type);
        let transcoded;
        let mut payload = packet.payload;
        if let Some(law) = law {
            if let Some(other) = far.codecs.instead_of(law) {
                transcoded = transcode(law, other, payload);
                payload = &transcoded;
                header.payload_type = other.payload_type();
            }
        } else if header.payload_type != rtp::COMFORT_NOISE {
            header.payload_type = far.codecs.telephone_event?;
        }
        far.outbound.rewrite(&mut header, now);
        Packet { header, payload }.write(out);
        Some(to)
    }

    fn carry_rtcp(
        &mut self,
        side: Side,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Option<SocketAddr> {
        if !self.end(side).latch.takes_rtcp(from) {
            self.end(side).report.ignored += 1;
            return None;
        }
        let reported = self.end(side).outbound.source().copied();
        let far = self.end(side.other());
        if !rtcp::rewrite(datagram, far.outbound.source(), reported.as_ref()) {
            self.end(side).report.ignored += 1;
            return None;
        }
        far.latch.rtcp()
    }

    /// Whether silence has just become too long.
    fn falls_silent(&mut self, now: Instant, after: Duration) -> bool {
        let falls = !self.silent && now.duration_since(self.heard) >= after;
        self.silent |= falls;
        falls
    }
}

impl Codecs {
    /// What to send instead of `law`; `None` when it is taken, or when nothing better is known.
    const fn instead_of(self, law: Law) -> Option<Law> {
        match (law, self.pcmu, self.pcma) {
            (Law::Mu, false, true) => Some(Law::A),
            (Law::A, true, false) => Some(Law::Mu),
            _ => None,
        }
    }
}

fn transcode(from: Law, to: Law, payload: &[u8]) -> Vec<u8> {
    let mut samples = Vec::with_capacity(payload.len());
    from.decode(payload, &mut samples);
    let mut octets = Vec::with_capacity(payload.len());
    to.encode(&samples, &mut octets);
    octets
}

/// Carries packets until it is dropped, and the ports with it.
pub async fn run(
    caller: PortPair,
    callee: PortPair,
    ends: Arc<Mutex<Ends>>,
    notices: mpsc::Sender<Notice>,
    silence: Duration,
) {
    let mut clock = interval((silence / 4).max(Duration::from_millis(10)));
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut relay = Relay {
        caller,
        callee,
        ends,
        notices,
        silence,
        clock,
        datagram: vec![0; LARGEST],
        out: Vec::with_capacity(LARGEST),
    };
    poll_fn(|cx| relay.poll(cx)).await;
}

struct Relay {
    caller: PortPair,
    callee: PortPair,
    ends: Arc<Mutex<Ends>>,
    notices: mpsc::Sender<Notice>,
    silence: Duration,
    clock: Interval,
    datagram: Vec<u8>,
    out: Vec<u8>,
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
        let mut more = false;
        for side in [Side::Caller, Side::Callee] {
            more |= self.poll_rtp(side, cx);
            more |= self.poll_rtcp(side, cx);
        }
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Carries what has arrived; `true` when there may be more.
    fn poll_rtp(&mut self, side: Side, cx: &mut Context<'_>) -> bool {
        let (near, far) = match side {
            Side::Caller => (&self.caller, &self.callee),
            Side::Callee => (&self.callee, &self.caller),
        };
        for _ in 0..BURST {
            let (length, from) = match receive(&near.rtp, &mut self.datagram, cx) {
                Poll::Ready(Some(arrived)) => arrived,
                Poll::Ready(None) => continue,
                Poll::Pending => return false,
            };
            let datagram = &self.datagram[..length];
            let (to, pressed) = {
                let mut ends = self.ends.lock();
                let to = ends.carry(side, from, datagram, &mut self.out, Instant::now());
                (to, ends.pressed.take())
            };
            if let Some(key) = pressed
                && self.notices.try_send(Notice::Key { side, key }).is_err()
            {
                metrics::counter!("ringfence_media_keys_lost_total").increment(1);
            }
            if let Some(to) = to {
                send(&far.rtp, &self.out, to);
            }
        }
        true
    }

    fn poll_rtcp(&mut self, side: Side, cx: &mut Context<'_>) -> bool {
        let (near, far) = match side {
            Side::Caller => (&self.caller, &self.callee),
            Side::Callee => (&self.callee, &self.caller),
        };
        for _ in 0..BURST {
            let (length, from) = match receive(&near.rtcp, &mut self.datagram, cx) {
                Poll::Ready(Some(arrived)) => arrived,
                Poll::Ready(None) => continue,
                Poll::Pending => return false,
            };
            let datagram = &mut self.datagram[..length];
            let to = self.ends.lock().carry_rtcp(side, from, datagram);
            if let Some(to) = to {
                send(&far.rtcp, &self.datagram[..length], to);
            }
        }
        true
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
