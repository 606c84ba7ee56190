//! What is known of a session's ends, and what becomes of each packet: whom it goes to, and as what.
//!
//! The caller is one end. The callees are lines, of which at most one is joined with the caller; the others ring, or
//! hear something that only they hear. The lock around this is held for one packet's arithmetic.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::g711::Law;
use crate::keys::Keys;
use crate::latch::Latch;
use crate::player::Player;
use crate::ports::PortPair;
use crate::recorder::Recording;
use crate::rtp::{self, Packet};
use crate::stream::{Outbound, Reception};
use crate::{Codecs, Ear, Line, Remote, Side, SideReport, rtcp};

/// Samples whose mean is below this are silence (full scale is 32,767).
const QUIET: u32 = 256;

/// What the relay and the session's owner act on.
#[derive(Debug)]
pub struct Ends {
    caller: End,
    /// By their numbers; the first one is always there.
    lines: Vec<Option<End>>,
    /// The first line is in use.
    first_taken: bool,
    joined: Option<Line>,
    /// What came from lines that are closed.
    gone: SideReport,
    /// Payload types that ever meant telephone events in this session, as bits.
    events: u128,
    pub recording: Option<Recording>,
    /// The caller says something, or is silent for too long.
    listening: Option<Listening>,
    heard: Instant,
    silent: bool,
    /// A key whose press began with the packet that was carried last.
    pub pressed: Option<char>,
    /// Counts changes of the lines.
    pub generation: u32,
    /// The task that carries packets, when it waits.
    pub relay: Option<Waker>,
}

/// One end.
#[derive(Debug)]
pub struct End {
    pub pair: Arc<PortPair>,
    pub latch: Latch,
    pub codecs: Codecs,
    /// It does not want to hear anything (hold).
    deaf: bool,
    /// What it hears from us.
    player: Option<Player>,
    /// What it heard to its end, and that has not been told.
    finished: Option<u64>,
    /// The stream toward it.
    outbound: Outbound,
    /// The stream from it.
    inbound: Reception,
    keys: Keys,
    report: SideReport,
}

#[derive(Debug, Clone, Copy)]
struct Listening {
    after: Duration,
    since: Instant,
}

/// Something that happened at an ear, or did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    Played { ear: Ear, playing: u64 },
    Quiet { after: Duration },
}

impl End {
    fn new(pair: Arc<PortPair>) -> Self {
        Self {
            pair,
            latch: Latch::default(),
            codecs: Codecs::default(),
            deaf: false,
            player: None,
            finished: None,
            outbound: Outbound::default(),
            inbound: Reception::default(),
            keys: Keys::default(),
            report: SideReport::default(),
        }
    }

    fn report(&self) -> SideReport {
        SideReport {
            lost: self.inbound.lost(),
            ..self.report
        }
    }

    fn reset(&mut self) {
        self.latch.reset();
        self.keys.reset();
        self.codecs = Codecs::default();
        self.deaf = false;
        self.player = None;
        self.finished = None;
    }
}

impl Ends {
    pub fn new(caller: Arc<PortPair>, callee: Arc<PortPair>, now: Instant) -> Self {
        Self {
            caller: End::new(caller),
            lines: vec![Some(End::new(callee))],
            first_taken: false,
            joined: Some(Line::FIRST),
            gone: SideReport::default(),
            events: 0,
            recording: None,
            listening: None,
            heard: now,
            silent: false,
            pressed: None,
            generation: 0,
            relay: None,
        }
    }

    pub fn end(&mut self, ear: Ear) -> Option<&mut End> {
        match ear {
            Ear::Caller => Some(&mut self.caller),
            Ear::Callee(line) => self.lines.get_mut(line.index())?.as_mut(),
        }
    }

    /// The sockets of every end that there is.
    pub fn pairs(&self) -> Vec<(Ear, Arc<PortPair>)> {
        let lines = (0_u8..).zip(&self.lines).filter_map(|(number, end)| {
            Some((Ear::Callee(Line(number)), Arc::clone(&end.as_ref()?.pair)))
        });
        std::iter::once((Ear::Caller, Arc::clone(&self.caller.pair)))
            .chain(lines)
            .collect()
    }

    /// Takes the first line, when it is free.
    pub fn take_first(&mut self) -> bool {
        !std::mem::replace(&mut self.first_taken, true)
    }

    /// Another line with sockets of its own; `None` when there are too many.
    pub fn add_line(&mut self, pair: PortPair) -> Option<Line> {
        let end = End::new(Arc::new(pair));
        let index = match self.lines.iter().position(Option::is_none) {
            Some(index) => {
                self.lines[index] = Some(end);
                index
            }
            None if self.lines.len() < Line::MOST => {
                self.lines.push(Some(end));
                self.lines.len() - 1
            }
            None => return None,
        };
        self.generation += 1;
        self.wake();
        u8::try_from(index).ok().map(Line)
    }

    pub fn close_line(&mut self, line: Line) {
        if self.joined == Some(line) {
            self.join(None);
        }
        if line == Line::FIRST {
            self.first_taken = false;
            if let Some(end) = self.end(Ear::Callee(line)) {
                end.reset();
                end.outbound.change_source();
            }
        } else if let Some(end) = self.lines.get_mut(line.index()).and_then(Option::take) {
            self.gone = sum(self.gone, end.report());
            self.generation += 1;
            self.wake();
        }
    }

    /// Lets the caller and a line hear each other, and nobody else.
    pub fn join(&mut self, line: Option<Line>) {
        if self.joined == line {
            return;
        }
        self.joined = line;
        self.caller.outbound.change_source();
        if let Some(end) = line.and_then(|line| self.end(Ear::Callee(line))) {
            end.outbound.change_source();
        }
    }

    pub fn set_remote(&mut self, ear: Ear, remote: &Remote) {
        let Some(end) = self.end(ear) else {
            return;
        };
        end.latch.set(remote);
        end.codecs = remote.codecs;
        end.deaf = !remote.receives;
        if let Some(event @ 96..=127) = remote.codecs.telephone_event {
            self.events |= 1 << event;
        }
    }

    pub fn reset(&mut self, ear: Ear) {
        if let Some(end) = self.end(ear) {
            end.reset();
        }
        if let Some(far) = self.far(ear) {
            far.outbound.change_source();
        }
    }

    pub fn report(&self, side: Side) -> SideReport {
        match side {
            Side::Caller => self.caller.report(),
            Side::Callee => self
                .lines
                .iter()
                .flatten()
                .fold(self.gone, |all, end| sum(all, end.report())),
        }
    }

    pub fn play(&mut self, ear: Ear, player: Player) -> bool {
        let Some(end) = self.end(ear) else {
            return false;
        };
        end.player = Some(player);
        end.finished = None;
        end.outbound.change_source();
        self.wake();
        true
    }

    /// Stops what an ear hears; its number, when it was not over.
    pub fn stop(&mut self, ear: Ear) -> Option<u64> {
        let end = self.end(ear)?;
        let stopped = end.player.take()?;
        end.outbound.change_source();
        Some(stopped.playing)
    }

    /// Waits for the caller to be silent for so long, or no more.
    pub fn listen(&mut self, after: Option<Duration>, now: Instant) {
        self.listening = after.map(|after| Listening { after, since: now });
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.wake();
        }
    }

    /// Whom an end talks to.
    fn far_ear(&self, ear: Ear) -> Option<Ear> {
        match (ear, self.joined) {
            (Ear::Caller, Some(line)) => Some(Ear::Callee(line)),
            (Ear::Callee(line), joined) if joined == Some(line) => Some(Ear::Caller),
            _ => None,
        }
    }

    fn far(&mut self, ear: Ear) -> Option<&mut End> {
        self.far_ear(ear).and_then(|far| self.end(far))
    }

    /// Takes a datagram of an end; what goes to the far end is left in `out`, and that end and its address returned.
    pub fn carry(
        &mut self,
        ear: Ear,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Option<(Ear, SocketAddr)> {
        let events = self.events;
        let end = self.end(ear)?;
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
        let law = Law::from_payload_type(packet.header.payload_type);
        self.pressed = (law.is_none() && packet.header.payload_type != rtp::COMFORT_NOISE)
            .then(|| end.keys.take(&packet.header, packet.payload))
            .flatten();
        self.heard = now;
        self.silent = false;
        self.note_loudness(ear, law, packet.payload, now);
        let far = self.far_ear(ear);
        // The recording is what the caller says and hears: not a callee that a prompt speaks over.
        let is_recorded = ear == Ear::Caller || (far.is_some() && self.caller.player.is_none());
        if is_recorded && let Some(recording) = &self.recording {
            recording.push(ear.side(), &packet.header, packet.payload, now);
        }
        let far_ear = far?;
        let far = self.end(far_ear)?;
        if far.player.is_some() {
            return None;
        }
        let to = far.latch.rtp()?;
        let mut header = packet.header;
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
        Some((far_ear, to))
    }

    pub fn carry_rtcp(
        &mut self,
        ear: Ear,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Option<(Ear, SocketAddr)> {
        let far_ear = self.far_ear(ear);
        let end = self.end(ear)?;
        if !end.latch.takes_rtcp(from) {
            end.report.ignored += 1;
            return None;
        }
        let reported = end.outbound.source().copied();
        let far_ear = far_ear?;
        let far = self.end(far_ear)?;
        let to = far.latch.rtcp();
        if !rtcp::rewrite(datagram, far.outbound.source(), reported.as_ref()) {
            self.end(ear)?.report.ignored += 1;
            return None;
        }
        to.map(|to| (far_ear, to))
    }

    /// The next packet that is due at an ear, left in `out`, with its address.
    pub fn pace(
        &mut self,
        ear: Ear,
        payload: &mut Vec<u8>,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Option<SocketAddr> {
        let end = self.end(ear)?;
        let player = end.player.as_mut().filter(|player| player.due <= now)?;
        let to = end.latch.rtp().filter(|_| !end.deaf);
        let Some(to) = to else {
            player.wait(now);
            return None;
        };
        let law = end.codecs.law();
        let Some(mut header) = player.next(law, payload, now) else {
            end.finished = Some(player.playing);
            end.player = None;
            end.outbound.change_source();
            return None;
        };
        let said = header;
        end.outbound.rewrite(&mut header, now);
        Packet { header, payload }.write(out);
        if ear == Ear::Caller
            && let Some(recording) = &self.recording
        {
            recording.push(Side::Callee, &said, payload, now);
        }
        Some(to)
    }

    /// When something is due by itself, at the earliest.
    pub fn due(&self) -> Option<Instant> {
        let ends = std::iter::once(&self.caller).chain(self.lines.iter().flatten());
        ends.filter_map(|end| Some(end.player.as_ref()?.due))
            .chain(
                self.listening
                    .map(|listening| listening.since + listening.after),
            )
            .min()
    }

    /// What has happened at an ear and is to be told; to be forgotten with [`Ends::told`] once it was.
    pub fn happened(&mut self, ear: Ear, now: Instant) -> Option<Happened> {
        if ear == Ear::Caller
            && let Some(listening) = self.listening
            && now.saturating_duration_since(listening.since) >= listening.after
        {
            return Some(Happened::Quiet {
                after: listening.after,
            });
        }
        let playing = self.end(ear)?.finished?;
        Some(Happened::Played { ear, playing })
    }

    /// The owner knows.
    pub fn told(&mut self, happened: Happened) {
        match happened {
            Happened::Quiet { .. } => self.listening = None,
            Happened::Played { ear, .. } => {
                if let Some(end) = self.end(ear) {
                    end.finished = None;
                }
            }
        }
    }

    fn note_loudness(&mut self, ear: Ear, law: Option<Law>, payload: &[u8], now: Instant) {
        let (Ear::Caller, Some(law), Some(listening)) = (ear, law, &mut self.listening) else {
            return;
        };
        let mut samples = Vec::with_capacity(payload.len());
        law.decode(payload, &mut samples);
        let sum: u64 = samples
            .iter()
            .map(|sample| u64::from(sample.unsigned_abs()))
            .sum();
        if sum > u64::from(QUIET) * samples.len() as u64 {
            listening.since = now;
        }
    }

    /// Whether silence has just become too long.
    pub fn falls_silent(&mut self, now: Instant, after: Duration) -> bool {
        let falls = !self.silent && now.duration_since(self.heard) >= after;
        self.silent |= falls;
        falls
    }
}

fn sum(one: SideReport, other: SideReport) -> SideReport {
    SideReport {
        packets: one.packets + other.packets,
        octets: one.octets + other.octets,
        lost: one.lost + other.lost,
        ignored: one.ignored + other.ignored,
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

    /// What to send when it is ours to choose.
    const fn law(self) -> Law {
        if self.pcmu || !self.pcma {
            Law::Mu
        } else {
            Law::A
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
