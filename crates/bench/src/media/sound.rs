//! Mouths and ears: RTP packets (RFC 3550) of G.711 that carry when and by whom they were spoken.
//!
//! A packet's first octets of sound are its call, its side, its place and its time; the rest is one value that goes up by
//! one with each packet, so that a recording shows which packets it holds.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::UdpSocket;

use crate::report::Times;

/// Of 20 ms each, as telephones send.
pub const PACKETS_A_SECOND: u32 = 50;
/// Octets of sound in a packet: 20 ms at 8 kHz.
pub const SOUND: usize = 160;
/// Octets of a packet that tell of it: a mark, the call and side, the place, the time.
pub const TOLD: usize = 20;
const HEADER: usize = 12;
/// Begins with a value that no packet's sound has, for a recording to show where that ended.
const MARK: [u8; 4] = *b"\xffRFM";

/// Sockets of a side that all its calls share: few enough to be cheap, many enough that their buffers hold what comes while
/// the ears wait for their turn.
const SHARED: u32 = 64;

/// How often the mouth looks at the clock.
const STEP: Duration = Duration::from_millis(1);
/// How long the ears wait for what is late.
const LATE: Duration = Duration::from_secs(1);

/// Where a call's sound goes.
#[derive(Debug, Clone, Copy)]
pub struct Flow {
    /// Where the callee sends what the caller is to hear.
    pub to_caller: SocketAddr,
    /// Where the caller sends what the callee is to hear.
    pub to_callee: SocketAddr,
}

/// What arrived.
#[derive(Debug, Default)]
pub struct Heard {
    /// Packets sent.
    pub sent: u64,
    /// Packets that arrived, each counted once.
    pub arrived: u64,
    /// From mouth to ear.
    pub delays: Times,
}

/// The sockets of all telephones.
pub struct Mouths {
    callers: Vec<Arc<UdpSocket>>,
    callees: Vec<Arc<UdpSocket>>,
    calls: u32,
}

impl Mouths {
    /// Opens them on loopback.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub fn open(calls: u32) -> anyhow::Result<Self> {
        let side = || -> io::Result<Vec<Arc<UdpSocket>>> {
            (0..SHARED.min(calls))
                .map(|_| {
                    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                    socket.set_nonblocking(true)?;
                    Ok(Arc::new(UdpSocket::from_std(socket)?))
                })
                .collect()
        };
        Ok(Self {
            callers: side().context("opening the callers' ports")?,
            callees: side().context("opening the callees' ports")?,
            calls,
        })
    }

    /// Where a call's caller listens.
    pub fn caller(&self, call: u32) -> SocketAddr {
        address(of(&self.callers, call))
    }

    /// Where a call's callee listens.
    pub fn callee(&self, call: u32) -> SocketAddr {
        address(of(&self.callees, call))
    }

    /// Lets every call's two ends speak for so long, and says what was heard.
    ///
    /// # Errors
    /// When an ear fails.
    pub async fn speak(&self, flows: &[Flow], length: Duration) -> anyhow::Result<Heard> {
        let packets = u32::try_from(length.as_millis() / 20).context("minutes, not days")?;
        let began = Instant::now();
        let over = Arc::new(AtomicBool::new(false));
        let ears: Vec<_> = [(&self.callers, 0_u32), (&self.callees, 1)]
            .into_iter()
            .flat_map(|(sockets, side)| sockets.iter().map(move |socket| (socket, side)))
            .map(|(socket, side)| {
                let ear = Ear {
                    socket: Arc::clone(socket),
                    // It hears what the other side spoke.
                    spoken_by: 1 - side,
                    began,
                    seen: vec![0; (self.calls as usize * packets as usize).div_ceil(64)],
                    packets,
                    heard: Heard::default(),
                };
                tokio::spawn(ear.listen(Arc::clone(&over)))
            })
            .collect();
        let mouth = Mouth {
            callers: self.callers.clone(),
            callees: self.callees.clone(),
            flows: flows.to_vec(),
            packets,
            began,
        };
        let sent = thread::spawn(move || mouth.speak());
        let sent = tokio::task::spawn_blocking(move || sent.join())
            .await?
            .map_err(|_| anyhow::anyhow!("the mouth broke off"))?;
        tokio::time::sleep(LATE).await;
        over.store(true, Ordering::Release);
        let mut all = Heard {
            sent,
            ..Heard::default()
        };
        for ear in ears {
            let mut heard = ear.await??;
            all.arrived += heard.arrived;
            all.delays.append(&mut heard.delays);
        }
        Ok(all)
    }
}

fn of(sockets: &[Arc<UdpSocket>], call: u32) -> &Arc<UdpSocket> {
    &sockets[call as usize % sockets.len()]
}

fn address(socket: &UdpSocket) -> SocketAddr {
    socket
        .local_addr()
        .unwrap_or_else(|_| (Ipv4Addr::LOCALHOST, 0).into())
}

struct Mouth {
    callers: Vec<Arc<UdpSocket>>,
    callees: Vec<Arc<UdpSocket>>,
    flows: Vec<Flow>,
    packets: u32,
    began: Instant,
}

impl Mouth {
    /// Sends each packet at its time; calls are spread evenly over the 20 ms of a packet, as those of many people are.
    fn speak(self) -> u64 {
        let mut sent = 0;
        let mut packet = [0; HEADER + SOUND];
        let spacing = Duration::from_millis(20) / u32::try_from(self.flows.len()).unwrap_or(1);
        for place in 0..self.packets {
            for (call, flow) in (0_u32..).zip(&self.flows) {
                let due = self.began + Duration::from_millis(20) * place + spacing * call;
                wait_until(due);
                for (side, sockets, to) in [
                    (0, &self.callers, flow.to_callee),
                    (1, &self.callees, flow.to_caller),
                ] {
                    let told = Told { call, side, place };
                    told.write(&mut packet, self.began);
                    // A full queue loses the packet, which then counts as lost.
                    let _ = of(sockets, call).try_send_to(&packet, to);
                    sent += 1;
                }
            }
        }
        sent
    }
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left >= STEP {
        thread::sleep(left);
    }
}

struct Ear {
    socket: Arc<UdpSocket>,
    spoken_by: u32,
    began: Instant,
    /// A bit for each packet of each call, so that one that comes twice counts once.
    seen: Vec<u64>,
    packets: u32,
    heard: Heard,
}

impl Ear {
    async fn listen(mut self, over: Arc<AtomicBool>) -> anyhow::Result<Heard> {
        let mut datagram = [0; 2048];
        let often = Duration::from_millis(200);
        while !over.load(Ordering::Acquire) {
            if let Ok(ready) = tokio::time::timeout(often, self.socket.readable()).await {
                ready?;
            }
            while let Ok((length, _)) = self.socket.try_recv_from(&mut datagram) {
                self.hear(&datagram[..length]);
            }
        }
        Ok(self.heard)
    }

    fn hear(&mut self, datagram: &[u8]) {
        let Some((told, at)) = Told::read(datagram) else {
            return;
        };
        if told.side != self.spoken_by || told.place >= self.packets {
            return;
        }
        let bit = told.call as usize * self.packets as usize + told.place as usize;
        let Some(word) = self.seen.get_mut(bit / 64) else {
            return;
        };
        if *word >> (bit % 64) & 1 == 1 {
            return;
        }
        *word |= 1 << (bit % 64);
        self.heard.arrived += 1;
        let now = self.began.elapsed();
        let delay = now.saturating_sub(at).as_micros();
        self.heard
            .delays
            .add(u32::try_from(delay).unwrap_or(u32::MAX));
    }
}

/// What a packet tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    call: u32,
    side: u32,
    place: u32,
}

impl Told {
    fn write(self, packet: &mut [u8; HEADER + SOUND], began: Instant) {
        let (header, sound) = packet.split_at_mut(HEADER);
        // Version 2, PCMU (RFC 3551 §6).
        header[0] = 0x80;
        header[1] = 0;
        header[2..4].copy_from_slice(&self.place.to_be_bytes()[2..]);
        header[4..8].copy_from_slice(&(self.place.wrapping_mul(160)).to_be_bytes());
        header[8..12].copy_from_slice(&(self.call * 2 + self.side).to_be_bytes());
        sound.fill(value(self.place));
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        sound[0..4].copy_from_slice(&MARK);
        sound[4..8].copy_from_slice(&(self.call * 2 + self.side).to_be_bytes());
        sound[8..12].copy_from_slice(&self.place.to_be_bytes());
        sound[12..20].copy_from_slice(&micros.to_be_bytes());
    }

    /// With the time at which it was spoken, counted from the beginning.
    fn read(datagram: &[u8]) -> Option<(Self, Duration)> {
        let told: &[u8; TOLD] = datagram.get(HEADER..)?.first_chunk()?;
        if told[0..4] != MARK {
            return None;
        }
        let word = |from: usize| {
            u32::from_be_bytes([told[from], told[from + 1], told[from + 2], told[from + 3]])
        };
        let micros = u64::from(word(12)) << 32 | u64::from(word(16));
        let of = Self {
            call: word(4) / 2,
            side: word(4) % 2,
            place: word(8),
        };
        Some((of, Duration::from_micros(micros)))
    }
}

/// The sound of a packet, in µ-law (G.711 §3): one of 100 loud values, none of them like its neighbours'.
pub fn value(place: u32) -> u8 {
    u8::try_from(place % 100).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_what_it_was_told() {
        let told = Told {
            call: 321,
            side: 1,
            place: 70_000,
        };
        let mut packet = [0; HEADER + SOUND];
        told.write(&mut packet, Instant::now());
        assert_eq!(Told::read(&packet).map(|(told, _)| told), Some(told));
        assert_eq!(Told::read(&packet[..30]), None);
    }
}
