//! Who may send: the addresses of trunks, replaced as a whole when they change.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use ringfence_model::TrunkId;

use crate::RegisteredTrunk;

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

/// The user and password of a trunk (RFC 3261 §22).
#[derive(Clone, PartialEq, Eq)]
pub struct TrunkAccount {
    /// The trunk.
    pub trunk: TrunkId,
    /// The host of the URIs that go over it, as they write it: `sip.example.com` or `192.0.2.1`. A challenge of a
    /// target at this host is answered; an empty one answers none.
    pub host: String,
    /// Who we are there, or they are here.
    pub user: String,
    /// The password.
    pub password: String,
    /// The realm: of ours the one that we challenge for (`ringfence` when there is none), of theirs the only one
    /// that is answered.
    pub realm: Option<String>,
    /// Calls from the trunk's addresses must prove themselves with this user and password.
    pub challenge: bool,
    /// Challenge with MD5 alone, for a far side that stumbles over SHA-256 (RFC 8760).
    pub md5_only: bool,
}

/// The password stays out of logs.
impl std::fmt::Debug for TrunkAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkAccount")
            .field("trunk", &self.trunk)
            .field("host", &self.host)
            .field("user", &self.user)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

/// Trunks by their addresses. Cheap to clone; all clones see a replacement at once.
#[derive(Debug, Clone, Default)]
pub struct TrunkDirectory {
    addresses: Arc<ArcSwap<Vec<TrunkAddress>>>,
    accounts: Arc<ArcSwap<Vec<TrunkAccount>>>,
    registered: Arc<ArcSwap<Vec<RegisteredTrunk>>>,
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

    /// Puts these users and passwords in the place of all others. Calls under way go on.
    pub fn replace_accounts(&self, accounts: Vec<TrunkAccount>) {
        self.accounts.store(Arc::new(accounts));
    }

    /// Puts these in the place of all trunks at which we register. Calls under way go on.
    pub fn replace_registered(&self, trunks: Vec<RegisteredTrunk>) {
        self.registered.store(Arc::new(trunks));
    }

    /// The trunk that a call is for which has come from this address to a user that is ours at a registrar only.
    pub(crate) fn called_as(&self, user: &str, from: IpAddr) -> Option<TrunkAddress> {
        let registered = self.registered.load();
        let from = from.to_canonical();
        let addresses = self.addresses.load();
        let sends_from_there = |trunk: &RegisteredTrunk| {
            let mut its = addresses.iter().filter(|one| one.trunk == trunk.trunk);
            its.find(|one| one.net.contains(&from)).cloned()
        };
        // Trunks may share a registrar, and then only the contact tells them apart.
        let by_contact = registered.iter().filter(|trunk| trunk.contact == user);
        let by_user = registered.iter().filter(|trunk| trunk.user == user);
        by_contact.chain(by_user).find_map(sends_from_there)
    }

    /// The registered trunk over which a call to this host and port goes out, in a call that may use these trunks.
    pub(crate) fn out_by(&self, place: &str, may_use: &[TrunkId]) -> Option<RegisteredTrunk> {
        let registered = self.registered.load();
        let mut candidates = registered.iter().filter(|trunk| {
            may_use.contains(&trunk.trunk) && trunk.place.eq_ignore_ascii_case(place)
        });
        candidates.next().cloned()
    }

    /// With what a challenge of a host is answered, in a call that may use the passwords of these trunks.
    pub(crate) fn account_at(
        &self,
        host: &str,
        realm: &str,
        may_use: &[TrunkId],
    ) -> Option<TrunkAccount> {
        let accounts = self.accounts.load();
        let at_host = accounts
            .iter()
            .filter(|account| may_use.contains(&account.trunk))
            .filter(|account| !account.host.is_empty() && account.host.eq_ignore_ascii_case(host));
        let mut candidates =
            at_host.filter(|account| account.realm.as_deref().is_none_or(|named| named == realm));
        candidates.next().cloned()
    }

    /// The accounts of which a call from an address must prove one; none when its trunk needs no password.
    pub(crate) fn challenged_at(&self, address: IpAddr) -> Vec<TrunkAccount> {
        let accounts = self.accounts.load();
        if !accounts.iter().any(|account| account.challenge) {
            return Vec::new();
        }
        // Trunks may share a prefix: those that call from anywhere have nothing but their password.
        let Some(nearest) = self.find(address) else {
            return Vec::new();
        };
        let addresses = self.addresses.load();
        let shares = |trunk| {
            let mut shared = addresses.iter().filter(|other| other.net == nearest.net);
            shared.any(|other| other.trunk == trunk)
        };
        let challenged = accounts
            .iter()
            .filter(|account| account.challenge && shares(account.trunk));
        challenged.cloned().collect()
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
    fn trunks_that_share_a_prefix_must_each_prove_themselves() {
        let directory = TrunkDirectory::new(vec![
            address("0.0.0.0/0", 1),
            address("0.0.0.0/0", 2),
            address("192.0.2.7/32", 3),
        ]);
        let account = |n| TrunkAccount {
            trunk: address("::/0", n).trunk,
            host: format!("h{n}.example.com"),
            user: format!("user{n}"),
            password: "secret".into(),
            realm: None,
            challenge: true,
            md5_only: false,
        };
        directory.replace_accounts(vec![account(1), account(2)]);
        let challenged = |text: &str| {
            let accounts = directory.challenged_at(text.parse().expect("an address"));
            accounts.into_iter().map(|a| a.user).collect::<Vec<_>>()
        };
        assert_eq!(challenged("198.51.100.1"), ["user1", "user2"]);
        assert_eq!(challenged("192.0.2.7"), [""; 0]);
        let found = directory
            .account_at("H2.example.com", "any", &[account(2).trunk])
            .expect("it is known");
        assert_eq!(found.user, "user2");
        let nobody = |host, trunk| directory.account_at(host, "any", &[account(trunk).trunk]);
        assert_eq!(nobody("example.com", 2), None);
        assert_eq!(nobody("h2.example.com", 1), None, "another account's call");
        assert!(!format!("{found:?}").contains("secret"));
    }

    #[test]
    fn a_replacement_reaches_every_clone() {
        let directory = TrunkDirectory::default();
        let clone = directory.clone();
        directory.replace(vec![address("127.0.0.1/32", 1)]);
        assert!(clone.contains("127.0.0.1".parse().expect("an address")));
    }
}
