//! Who may open a stream towards us, and how long one of a stranger stays.
//!
//! Trunks and the targets of calls may always. Phones register from wherever they are, so once there are any a stranger
//! may too: a few of one address, not many in all, and only for as long as it takes to register.

use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use parking_lot::Mutex;
use ringfence_model::SipTransport;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::guesses::neighbourhood;
use crate::peers::Peers;
use crate::phones::{Door, Flow};
use crate::{PhoneDirectory, TrunkDirectory};

/// Streams of strangers and phones at once, and of one address: an office behind NAT has many phones.
const MOST: usize = 512;
const MOST_OF_ONE: usize = 64;
/// How long a stranger may have a stream without a phone being registered on it.
const TO_REGISTER: Duration = Duration::from_secs(32);

/// Decides about streams. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub trunks: TrunkDirectory,
    pub peers: Peers,
    pub phones: PhoneDirectory,
    pub door: Arc<Door>,
    strangers: Strangers,
}

type Strangers = Arc<Mutex<HashMap<IpAddr, usize>>>;

impl Entrance {
    pub(crate) fn new(
        trunks: TrunkDirectory,
        peers: Peers,
        phones: PhoneDirectory,
        door: Arc<Door>,
    ) -> Self {
        Self {
            trunks,
            peers,
            phones,
            door,
            strangers: Strangers::default(),
        }
    }

    /// Lets a stream in; the reason when it must not be.
    pub(crate) fn enter(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        stop: &CancellationToken,
    ) -> Result<(TcpStream, Visit), &'static str> {
        let mut visit = Visit {
            from,
            token: stop.child_token(),
            stranger: None,
        };
        let address = from.ip();
        if self.trunks.contains(address) || self.peers.contains(address) {
            return Ok((stream, visit));
        }
        if !self.phones.is_open() {
            return Err("unknown_address");
        }
        if self.door.is_banned(address) {
            return Err("banned");
        }
        let place = self.place(address).ok_or("streams")?;
        let gone = |_| "unknown_address";
        // A second handle, for the stack has no way to close a stream whose other side does not.
        let stream = stream.into_std().map_err(gone)?;
        let handle = stream.try_clone().map_err(gone)?;
        let stream = TcpStream::from_std(stream).map_err(gone)?;
        visit.stranger = Some(Stranger {
            phones: self.phones.clone(),
            handle,
            _place: place,
        });
        Ok((stream, visit))
    }

    fn place(&self, address: IpAddr) -> Option<Place> {
        let party = neighbourhood(address);
        let mut strangers = self.strangers.lock();
        if strangers.values().sum::<usize>() >= MOST {
            return None;
        }
        let of_one = strangers.entry(party).or_default();
        if *of_one >= MOST_OF_ONE {
            return None;
        }
        *of_one += 1;
        Some(Place {
            strangers: Arc::clone(&self.strangers),
            party,
        })
    }
}

/// A stream that was let in.
pub(crate) struct Visit {
    pub from: SocketAddr,
    /// Cancelled when the stream has ended.
    pub token: CancellationToken,
    stranger: Option<Stranger>,
}

struct Stranger {
    phones: PhoneDirectory,
    handle: std::net::TcpStream,
    _place: Place,
}

impl Visit {
    /// The stack has the stream now. One of a stranger is closed unless a phone is registered on it in time, and once
    /// none is any more.
    pub(crate) fn stays(self, transport: SipTransport) {
        let Self {
            from,
            token,
            stranger,
        } = self;
        let Some(stranger) = stranger else {
            return;
        };
        let flow = Flow {
            transport,
            address: from,
        };
        tokio::spawn(async move {
            loop {
                let ended = token.cancelled();
                if tokio::time::timeout(TO_REGISTER, ended).await.is_ok() {
                    return;
                }
                if stranger.phones.flow(flow).is_none() {
                    counter!("ringfence_sip_dropped_total", "reason" => "not_registered")
                        .increment(1);
                    // It may be gone by itself.
                    let _ = stranger.handle.shutdown(Shutdown::Both);
                    return;
                }
            }
        });
    }
}

struct Place {
    strangers: Strangers,
    party: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut strangers = self.strangers.lock();
        if let Some(count) = strangers.get_mut(&self.party) {
            *count -= 1;
            if *count == 0 {
                strangers.remove(&self.party);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_have_so_many_places_and_give_them_back() {
        let phones = PhoneDirectory::default();
        let door = Arc::new(Door::new(phones.clone(), false));
        let trunks = TrunkDirectory::default();
        let entrance = Entrance::new(trunks, Peers::default(), phones, door);
        let one: IpAddr = [192, 0, 2, 1].into();
        let places: Vec<Place> = (0..100).filter_map(|_| entrance.place(one)).collect();
        assert_eq!(places.len(), MOST_OF_ONE);
        assert!(entrance.place([192, 0, 2, 2].into()).is_some());
        drop(places);
        assert!(entrance.strangers.lock().is_empty());
        let all: Vec<Place> = (0..=255)
            .flat_map(|host| (0..4).map(move |_| host))
            .filter_map(|host| entrance.place([192, 0, 2, host].into()))
            .collect();
        assert_eq!(all.len(), MOST);
    }
}
