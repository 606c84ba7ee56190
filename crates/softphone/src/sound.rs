//! The voice of a call: sends a tone at its pace, and measures what comes back.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ringfence_media::g711::Law;
use ringfence_media::rtp::{self, Header, Packet};
use ringfence_media::tone::Tone;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::Heard;
use crate::meter::Meter;
use crate::sdp::{Ours, Theirs};

/// Half of full scale.
const AMPLITUDE: f64 = 0.5;
const PACE: Duration = Duration::from_millis(20);
const SAMPLES: u16 = 160;

/// One call's sound; silent until it knows where to send, gone when dropped.
#[derive(Debug)]
pub struct Sound {
    rtp: SocketAddr,
    id: u32,
    version: u32,
    voice: Arc<Mutex<Voice>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Voice {
    to: Option<SocketAddr>,
    law: Law,
    telephone_event: Option<u8>,
    answered: bool,
    early: Meter,
    heard: Meter,
}

impl Sound {
    /// Binds a port on `ip`, an even one if there is one.
    pub async fn open(ip: IpAddr, tone_hz: f64, expect: &[f64]) -> io::Result<Self> {
        let mut socket = UdpSocket::bind((ip, 0)).await?;
        for _ in 0..16 {
            if socket.local_addr()?.port().is_multiple_of(2) {
                break;
            }
            socket = UdpSocket::bind((ip, 0)).await?;
        }
        let voice = Arc::new(Mutex::new(Voice {
            to: None,
            law: Law::Mu,
            telephone_event: None,
            answered: false,
            early: Meter::new(expect),
            heard: Meter::new(expect),
        }));
        Ok(Self {
            rtp: socket.local_addr()?,
            id: rand::random(),
            version: 0,
            task: tokio::spawn(run(
                socket,
                Tone::new(8000, tone_hz, AMPLITUDE),
                voice.clone(),
            )),
            voice,
        })
    }

    /// What to offer.
    pub fn offer(&mut self, direction: &'static str) -> Vec<u8> {
        self.describe(None, Some(101), direction)
    }

    /// What to answer to an offer.
    pub fn answer(&mut self, theirs: &Theirs) -> Vec<u8> {
        self.describe(
            Some(theirs.law),
            theirs.telephone_event,
            theirs.answer_direction(),
        )
    }

    fn describe(
        &mut self,
        law: Option<Law>,
        telephone_event: Option<u8>,
        direction: &'static str,
    ) -> Vec<u8> {
        self.version += 1;
        Ours {
            rtp: self.rtp,
            id: self.id,
            version: self.version,
            law,
            telephone_event,
            direction,
        }
        .write()
    }

    /// Speaks to the other side from now on, or holds its tongue if that does not want to hear.
    pub fn speak_to(&self, theirs: &Theirs) {
        let mut voice = self.voice.lock();
        voice.to = theirs.rtp.filter(|_| theirs.hears);
        voice.law = theirs.law;
        voice.telephone_event = theirs.telephone_event;
    }

    /// Says nothing until [`Sound::speak_to`].
    pub fn fall_silent(&self) {
        self.voice.lock().to = None;
    }

    /// What comes from now on was heard in an answered call.
    pub fn answered(&self) {
        self.voice.lock().answered = true;
    }

    /// What was heard before the answer, and since.
    pub fn heard(&self) -> (Heard, Heard) {
        let mut voice = self.voice.lock();
        (voice.early.heard(), voice.heard.heard())
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(socket: UdpSocket, mut tone: Tone, voice: Arc<Mutex<Voice>>) {
    let mut pace = interval(PACE);
    let mut header = Header {
        marker: true,
        payload_type: rtp::PCMU,
        sequence: rand::random(),
        timestamp: rand::random(),
        ssrc: rand::random(),
    };
    let (mut samples, mut payload, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut datagram = [0; 2048];
    loop {
        tokio::select! {
            _ = pace.tick() => {
                let (to, law) = {
                    let voice = voice.lock();
                    (voice.to, voice.law)
                };
                if let Some(to) = to {
                    samples.clear();
                    samples.extend(tone.by_ref().take(usize::from(SAMPLES)));
                    payload.clear();
                    law.encode(&samples, &mut payload);
                    header.payload_type = law.payload_type();
                    Packet { header, payload: &payload }.write(&mut out);
                    // The other side may be gone already; its BYE is on the way then.
                    let _ = socket.try_send_to(&out, to);
                    header.sequence = header.sequence.wrapping_add(1);
                    header.marker = false;
                } else {
                    header.marker = true;
                }
                header.timestamp = header.timestamp.wrapping_add(u32::from(SAMPLES));
            }
            arrived = socket.recv(&mut datagram) => {
                // An error tells of an earlier packet that nobody took.
                let Ok(length) = arrived else { continue };
                if let Ok(packet) = rtp::parse(&datagram[..length]) {
                    let mut voice = voice.lock();
                    if voice.answered {
                        voice.heard.take(&packet);
                    } else {
                        voice.early.take(&packet);
                    }
                }
            }
        }
    }
}
