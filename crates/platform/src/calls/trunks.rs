//! Every account's trunks by the addresses that they send from.

use std::net::IpAddr;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use ringfence_model::{AccountId, TrunkId};
use ringfence_store::StoreError;
use ringfence_telephony::{TrunkAddress, TrunkDirectory};

use crate::Platform;

#[derive(Debug)]
struct Known {
    network: IpNet,
    trunk: TrunkId,
    account: AccountId,
}

/// Trunks as they were last read.
#[derive(Debug, Default)]
pub struct Trunks {
    known: ArcSwap<Vec<Known>>,
}

impl Trunks {
    /// The trunk of `account` that sends from `address`; the narrowest prefix wins.
    pub fn of_account(&self, account: AccountId, address: IpAddr) -> Option<TrunkId> {
        let address = address.to_canonical();
        self.known
            .load()
            .iter()
            .filter(|known| known.account == account && known.network.contains(&address))
            .max_by_key(|known| known.network.prefix_len())
            .map(|known| known.trunk)
    }
}

impl Platform {
    /// Tells telephony the addresses of every account's trunks. What cannot be read as an address is logged and left out.
    ///
    /// # Errors
    /// When the rows cannot be read; the directory then stays as it was.
    pub async fn load_trunks(&self, directory: &TrunkDirectory) -> Result<usize, StoreError> {
        let mut known = Vec::new();
        let mut addresses = Vec::new();
        for trunk in self.db.all_trunks().await? {
            for text in &trunk.addresses {
                let network = text
                    .parse()
                    .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
                let Ok(network) = network else {
                    tracing::error!(
                        trunk = %trunk.id,
                        "expected an address or a prefix such as 203.0.113.0/28 on trunk {:?}, got {text:?}; mend it",
                        trunk.name
                    );
                    continue;
                };
                known.push(Known {
                    network,
                    trunk: trunk.id,
                    account: trunk.account,
                });
                addresses.push(TrunkAddress {
                    net: network,
                    trunk: trunk.id,
                    country: trunk.country.clone(),
                });
            }
        }
        let count = addresses.len();
        self.trunks.known.store(std::sync::Arc::new(known));
        directory.replace(addresses);
        Ok(count)
    }
}
