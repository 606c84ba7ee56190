//! The addresses of targets that are being rung or talked to: they may open streams towards us.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Addresses with how many legs each has. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Peers {
    legs: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peers {
    /// Lets an address in until the guard is dropped.
    pub(crate) fn enter(&self, address: IpAddr) -> Peer {
        *self.legs.lock().entry(address).or_default() += 1;
        Peer {
            peers: self.clone(),
            address,
        }
    }

    /// Whether any leg is at an address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.legs.lock().contains_key(&address)
    }
}

/// One leg at an address.
pub(crate) struct Peer {
    peers: Peers,
    address: IpAddr,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut legs = self.peers.legs.lock();
        if let Some(count) = legs.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                legs.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_let_in_while_a_leg_is_there() {
        let peers = Peers::default();
        let address: IpAddr = [192, 0, 2, 1].into();
        let first = peers.enter(address);
        let second = peers.enter(address);
        drop(first);
        assert!(peers.contains(address));
        drop(second);
        assert!(!peers.contains(address));
    }
}
