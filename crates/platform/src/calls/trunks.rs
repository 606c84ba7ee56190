//! Every account's trunks by the addresses that they send from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use ipnet::IpNet;
use parking_lot::Mutex;
use ringfence_model::{AccountId, TrunkId, TrunkLogin};
use ringfence_store::StoreError;
use ringfence_telephony::{TrunkAccount, TrunkAddress, TrunkDirectory};

use crate::Platform;
use crate::arrangement::host_of;
use crate::registering::{Registering, Wish};
use crate::secrets::Place;

#[derive(Debug, Clone)]
struct Known {
    network: IpNet,
    trunk: TrunkId,
    account: AccountId,
    country: Option<String>,
}

/// Trunks as they were last read, and where those stand at which we register.
#[derive(Debug, Default)]
pub struct Trunks {
    /// By the addresses of their rows.
    read: ArcSwap<Vec<Known>>,
    /// By those and by the addresses of their registrars.
    known: ArcSwap<Vec<Known>>,
    pub(crate) registering: Registering,
    publishing: Mutex<()>,
    nobodys_password: OnceLock<String>,
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

    /// Tells telephony from which addresses trunks send, those of their registrars among them, and how calls go out over
    /// those at which we register. Answers how many addresses there are.
    pub(crate) fn publish(&self, directory: &TrunkDirectory) -> usize {
        let _one_at_a_time = self.publishing.lock();
        let mut known = Vec::clone(&self.read.load());
        for (wish, addresses) in self.registering.addresses() {
            known.extend(addresses.into_iter().map(|address| Known {
                network: IpNet::from(address.to_canonical()),
                trunk: wish.trunk(),
                account: wish.account(),
                country: wish.country.clone(),
            }));
        }
        let addresses = known.iter().map(|known| TrunkAddress {
            net: known.network,
            trunk: known.trunk,
            country: known.country.clone(),
        });
        let addresses: Vec<TrunkAddress> = addresses.collect();
        let count = addresses.len();
        self.known.store(Arc::new(known));
        directory.replace_registered(self.registering.registered());
        directory.replace(addresses);
        count
    }
}

type Routes = HashMap<AccountId, HashMap<TrunkId, String>>;

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
            let mut read = Vec::new();
            let mut countries = HashMap::new();
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
                    read.push(Known {
                        network,
                        trunk: trunk.id,
                        account: trunk.account,
                        country: trunk.country.clone(),
                    });
                }
                countries.insert(trunk.id, trunk.country);
            }
            let (accounts, routes) = self.trunk_accounts().await?;
            let registers = self.db.all_trunk_registers().await?.into_iter();
            let wishes = registers.filter_map(|register| {
                let mut logins = accounts.iter();
                let login = logins.find(|account| account.trunk == register.trunk)?;
                let country = countries.remove(&register.trunk)?;
                let routes = routes.get(&register.account);
                let route = routes.and_then(|routes| routes.get(&register.trunk));
                Wish::new(register, login, route, country)
            });
            let wishes = wishes.collect();
            self.trunks.read.store(Arc::new(read));
            self.trunks.registering.replace(wishes);
            // Passwords first: no call comes in that should have proved one.
            directory.replace_accounts(accounts);
            Ok(self.trunks.publish(directory))
        })
    }

    /// What all trunks prove themselves with, and where those of the same accounts take calls.
    async fn trunk_accounts(&self) -> Result<(Vec<TrunkAccount>, Routes), StoreError> {
        let mut routes = Routes::new();
        let mut accounts = Vec::new();
        for login in self.db.all_trunk_logins().await? {
            let TrunkLogin { account, trunk, .. } = login;
            if let Entry::Vacant(entry) = routes.entry(account) {
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
                    let nobodys = &self.trunks.nobodys_password;
                    nobodys
                        .get_or_init(|| format!("{:032x}", crate::random()))
                        .clone()
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
        Ok((accounts, routes))
    }
}
