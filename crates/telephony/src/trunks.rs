//! Who may send: the addresses of trunks, replaced as a whole when they change.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use ringfence_model::TrunkId;

/// One address or prefix of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkAddress {
    /// The prefix (RFC 4632); a single address is `/32` or `/128`.
    pub net: IpNet,
    /// The trunk.
    pub trunk: TrunkId,
    /// ISO 3166-1 alpha-2: how it writes numbers that lack a country code.
    pub country: Option<String>,
}

/// Trunks by their addresses. Cheap to clone; all clones see a replacement at once.
#[derive(Debug, Clone, Default)]
pub struct TrunkDirectory {
    addresses: Arc<ArcSwap<Vec<TrunkAddress>>>,
}

impl TrunkDirectory {
    /// A directory of these addresses.
    pub fn new(addresses: Vec<TrunkAddress>) -> Self {
        let directory = Self::default();
        directory.replace(addresses);
        directory
    }

    /// Puts these addresses in the place of all others. Calls under way go on.
    pub fn replace(&self, mut addresses: Vec<TrunkAddress>) {
        // The narrowest prefix comes first, so that the first match is the one meant.
        addresses.sort_by_key(|address| std::cmp::Reverse(address.net.prefix_len()));
        self.addresses.store(Arc::new(addresses));
    }

    /// The trunk that an address belongs to; the narrowest prefix wins.
    pub fn find(&self, address: IpAddr) -> Option<TrunkAddress> {
        let address = address.to_canonical();
        self.addresses
            .load()
            .iter()
            .find(|candidate| candidate.net.contains(&address))
            .cloned()
    }

    /// Whether an address belongs to any trunk.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.addresses
            .load()
            .iter()
            .any(|candidate| candidate.net.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::Timestamp;

    fn address(net: &str, n: u128) -> TrunkAddress {
        TrunkAddress {
            net: net.parse().expect("a prefix"),
            trunk: TrunkId::new(Timestamp::from_micros(0), n),
            country: None,
        }
    }

    #[test]
    fn the_narrowest_prefix_wins_and_strangers_are_nobody() {
        let directory =
            TrunkDirectory::new(vec![address("192.0.2.0/24", 1), address("192.0.2.7/32", 2)]);
        let find = |text: &str| directory.find(text.parse().expect("an address"));
        assert_eq!(
            find("192.0.2.7").map(|a| a.trunk),
            Some(address("::1/128", 2).trunk)
        );
        assert_eq!(
            find("::ffff:192.0.2.8").map(|a| a.trunk),
            Some(address("::1/128", 1).trunk)
        );
        assert_eq!(find("198.51.100.1"), None);
    }

    #[test]
    fn a_replacement_reaches_every_clone() {
        let directory = TrunkDirectory::default();
        let clone = directory.clone();
        directory.replace(vec![address("127.0.0.1/32", 1)]);
        assert!(clone.contains("127.0.0.1".parse().expect("an address")));
    }
}
