//! Every account's trunks by the addresses that they send from.

use std::net::IpAddr;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use ipnet::IpNet;
use ringfence_model::{AccountId, TrunkId, TrunkLogin};
use ringfence_store::StoreError;
use ringfence_telephony::{TrunkAccount, TrunkAddress, TrunkDirectory};

use crate::Platform;
use crate::arrangement::host_of;
use crate::secrets::Place;

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

/// Where a trunk's password is sealed for.
pub(crate) const fn login_place(account: AccountId, trunk: TrunkId) -> Place {
    Place {
        account,
        column: "trunk_logins.secret",
        row: trunk.0,
    }
}

impl Platform {
    /// Tells telephony the addresses and passwords of every account's trunks. What cannot be read as an address is logged and left out.
    ///
    /// # Errors
    /// When the rows cannot be read; the directory then stays as it was.
    pub fn load_trunks<'a>(
        &'a self,
        directory: &'a TrunkDirectory,
    ) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
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
            let accounts = self.trunk_accounts().await?;
            let count = addresses.len();
            self.trunks.known.store(std::sync::Arc::new(known));
            // Passwords first: no call comes in that should have proved one.
            directory.replace_accounts(accounts);
            directory.replace(addresses);
            Ok(count)
        })
    }

    async fn trunk_accounts(&self) -> Result<Vec<TrunkAccount>, StoreError> {
        let mut routes = std::collections::HashMap::new();
        let mut accounts = Vec::new();
        for login in self.db.all_trunk_logins().await? {
            let TrunkLogin { account, trunk, .. } = login;
            if let std::collections::hash_map::Entry::Vacant(entry) = routes.entry(account) {
                entry.insert(self.db.trunk_routes(account).await?);
            }
            let route = routes.get(&account).and_then(|routes| routes.get(&trunk));
            let opened = self
                .keys
                .secrets
                .open(login_place(account, trunk), &login.secret);
            let password = match opened {
                Ok(octets) => String::from_utf8_lossy(&octets).into_owned(),
                Err(error) => {
                    tracing::error!(%trunk, "a trunk's password is of no use: {error}");
                    // Nobody knows this one: calls that must prove it stay out.
                    format!("{:032x}", crate::random())
                }
            };
            accounts.push(TrunkAccount {
                trunk,
                host: route.map_or_else(String::new, |route| host_of(route).to_owned()),
                user: login.user,
                password,
                realm: login.realm,
                challenge: login.challenge,
                md5_only: login.md5_only,
            });
        }
        Ok(accounts)
    }
}
