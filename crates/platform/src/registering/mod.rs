//! Trunks at which we register (RFC 3261 §10): one task each, which finds the registrars, asks them in their order, asks
//! again in time, and has us forgotten when the server stops.
//!
//! How each stands is kept in its row, for `ringfence doctor`.

mod schedule;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use ringfence_model::{AccountId, SipTransport, TrunkId, TrunkRegister, TrunkRegistered};
use ringfence_outbound::SipHost;
use ringfence_telephony::{
    Binding, RegisterFailure, RegisteredTrunk, RegistrarAddress, Telephony, TrunkAccount,
    TrunkDirectory, TrunkIdentity, WayOut,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrangement::{Registrar, identity_of};
use crate::{Platform, now};

/// How long a registrar may take to forget us.
const PARTING: Duration = Duration::from_secs(3);
/// Between two rounds.
const SHORTEST: Duration = Duration::from_secs(1);
/// What a registrar is reached over.
const OVER: [SipTransport; 2] = [SipTransport::Udp, SipTransport::Tcp];

/// A trunk at which we register, with everything that it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    register: TrunkRegister,
    identity: TrunkIdentity,
    /// Where calls over it go, as their URIs have it after the `@`; empty when there are none.
    place: String,
    /// How it writes numbers that lack a country code.
    pub country: Option<String>,
}

/// Where a trunk stands.
#[derive(Debug, Clone, Default)]
struct Stand {
    /// Where its registrars are: calls come from there.
    addresses: HashSet<IpAddr>,
    /// The registrar that knows us.
    at: Option<RegistrarAddress>,
}

/// Trunks at which we register, as they were last read, and where each stands.
#[derive(Debug, Default)]
pub(crate) struct Registering {
    wishes: ArcSwap<Vec<Wish>>,
    stands: Mutex<HashMap<TrunkId, Stand>>,
    changed: Notify,
}

impl Wish {
    /// `None` when its identity cannot be read; that is logged.
    pub(crate) fn new(
        register: TrunkRegister,
        login: &TrunkAccount,
        route: Option<&String>,
        country: Option<String>,
    ) -> Option<Self> {
        let trunk = register.trunk;
        let first = register.registrars.first()?.parse::<Registrar>().ok();
        let identity = match &register.identity {
            Some(identity) => identity_of(identity),
            None => first.as_ref().map(|first| (&*login.user, &*first.host)),
        };
        let Some((user, domain)) = identity else {
            tracing::error!(%trunk, "as whom to register at a trunk cannot be read; apply it again");
            return None;
        };
        let domain = match domain.parse::<IpAddr>() {
            Ok(IpAddr::V6(six)) => format!("[{six}]"),
            _ => domain.to_owned(),
        };
        Some(Self {
            identity: TrunkIdentity {
                trunk,
                user: user.to_owned(),
                domain,
                contact: trunk.0.simple().to_string(),
                login: login.user.clone(),
                password: login.password.clone(),
                realm: login.realm.clone(),
            },
            place: route.map_or_else(String::new, |route| place_of(route).to_owned()),
            register,
            country,
        })
    }

    /// Whose it is.
    pub(crate) const fn account(&self) -> AccountId {
        self.register.account
    }

    /// The trunk.
    pub(crate) const fn trunk(&self) -> TrunkId {
        self.register.trunk
    }

    fn registrars(&self) -> impl Iterator<Item = Registrar> {
        let uris = self.register.registrars.iter();
        uris.filter_map(|uri| uri.parse().ok())
    }
}

/// The host and port of a URI without a user.
fn place_of(uri: &str) -> &str {
    let place = uri.strip_prefix("sip:").unwrap_or(uri);
    place.split([';', '?']).next().unwrap_or(place)
}

impl Registering {
    /// Takes what was read from the rows.
    pub(crate) fn replace(&self, wishes: Vec<Wish>) {
        self.wishes.store(Arc::new(wishes));
        self.changed.notify_one();
    }

    /// Each trunk with the addresses of its registrars, as far as they are known.
    pub(crate) fn addresses(&self) -> Vec<(Wish, Vec<IpAddr>)> {
        let stands = self.stands.lock();
        let wishes = self.wishes.load_full();
        let known = wishes.iter().filter_map(|wish| {
            let stand = stands.get(&wish.trunk())?;
            Some((wish.clone(), stand.addresses.iter().copied().collect()))
        });
        known.collect()
    }

    /// What telephony has to know of them.
    pub(crate) fn registered(&self) -> Vec<RegisteredTrunk> {
        let stands = self.stands.lock();
        let wishes = self.wishes.load_full();
        let told = wishes.iter().map(|wish| {
            let at = stands.get(&wish.trunk()).and_then(|stand| stand.at);
            let mut registrars = wish.register.registrars.iter();
            let here = registrars.any(|uri| place_of(uri).eq_ignore_ascii_case(&wish.place));
            let TrunkIdentity {
                trunk,
                contact,
                user,
                domain,
                ..
            } = wish.identity.clone();
            RegisteredTrunk {
                trunk,
                contact,
                user,
                domain,
                place: wish.place.clone(),
                way_out: match at {
                    _ if !here => WayOut::AsWritten,
                    Some(at) => WayOut::Registrar(at),
                    None => WayOut::None,
                },
            }
        });
        told.collect()
    }

    fn count(&self) {
        let registered = self.stands.lock();
        let registered = registered.values().filter(|stand| stand.at.is_some());
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("ringfence_trunks_registering").set(count(self.wishes.load().len()));
        metrics::gauge!("ringfence_trunks_registered").set(count(registered.count()));
    }
}

/// A trunk's task.
struct Running {
    /// What it does; none when it is to end.
    wish: Option<Wish>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Platform {
    /// Keeps us registered at the trunks that want it until `leave`, and then has us forgotten there.
    pub fn keep_registered(
        self: Arc<Self>,
        telephony: Telephony,
        directory: TrunkDirectory,
        leave: CancellationToken,
    ) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let tasks = TaskTracker::new();
            let mut running: HashMap<TrunkId, Running> = HashMap::new();
            loop {
                let wishes = self.trunks.registering.wishes.load_full();
                for (trunk, one) in &mut running {
                    let wish = wishes.iter().find(|wish| wish.trunk() == *trunk);
                    if one.wish.as_ref() != wish {
                        one.stop.cancel();
                        one.wish = None;
                    }
                }
                for wish in wishes.iter() {
                    let before = match running.remove(&wish.trunk()) {
                        Some(one) if one.wish.is_some() => {
                            running.insert(wish.trunk(), one);
                            continue;
                        }
                        before => before.map(|one| one.task),
                    };
                    let stop = leave.child_token();
                    let keeper = Keeper {
                        platform: Arc::clone(&self),
                        directory: directory.clone(),
                        binding: telephony.binding(wish.identity.clone()),
                        wish: wish.clone(),
                        stands: TrunkRegistered::default(),
                        asked: None,
                    };
                    let token = stop.clone();
                    let task = tasks.spawn(async move {
                        if let Some(before) = before {
                            let _ = before.await;
                        }
                        keeper.keep(token).await;
                    });
                    let trunk = wish.trunk();
                    let wish = Some(wish.clone());
                    running.insert(trunk, Running { wish, stop, task });
                }
                self.trunks.registering.count();
                let changed = self.trunks.registering.changed.notified();
                if leave.run_until_cancelled(changed).await.is_none() {
                    break;
                }
            }
            tasks.close();
            tasks.wait().await;
        })
    }
}

/// Keeps us registered at one trunk.
struct Keeper {
    platform: Arc<Platform>,
    directory: TrunkDirectory,
    wish: Wish,
    binding: Binding,
    stands: TrunkRegistered,
    /// A registrar that may know us.
    asked: Option<RegistrarAddress>,
}

impl Keeper {
    async fn keep(mut self, stop: CancellationToken) {
        let mut failures = 0_u32;
        while let Some(round) = stop.run_until_cancelled(self.round()).await {
            let chance = rand::random_range(0..=1000);
            let wait = match round {
                Ok((registrar, granted)) => {
                    failures = 0;
                    self.known(registrar, granted);
                    schedule::refresh_after(granted, chance)
                }
                Err(failure) => {
                    failures = failures.saturating_add(1);
                    self.unknown(&failure);
                    let wait = schedule::back_off(failures, &failure, chance);
                    // What still holds from before is looked at when it ends: calls must not go out to nobody.
                    let left = self.stands.until.map(|until| until.since(now()));
                    left.map_or(wait, |left| wait.min(left.max(SHORTEST)))
                }
            };
            self.tell().await;
            if stop
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
            {
                break;
            }
        }
        self.part().await;
    }

    /// Asks the registrars in their order until one knows us; the one that does goes before the others.
    async fn round(&mut self) -> Result<(RegistrarAddress, Duration), RegisterFailure> {
        let registrars = self.find().await?;
        let mut last = RegisterFailure::Silence("it has no registrar".into());
        for registrar in registrars {
            let before = self.asked.replace(registrar);
            match self.binding.ask(registrar, self.wish.register.expiry).await {
                Ok(granted) => {
                    count("ok");
                    return Ok((registrar, granted));
                }
                Err(failure) => {
                    count(word(&failure));
                    self.stands.registrar = Some(registrar.to_string());
                    let goes_on = schedule::tries_next(&failure);
                    tracing::warn!(trunk = %self.wish.trunk(), %registrar, "a registrar does not know us: {failure}");
                    // One that is silent may have heard us.
                    if !matches!(failure, RegisterFailure::Silence(_)) {
                        self.asked = before;
                    }
                    last = failure;
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    /// Where the registrars are now. Calls are taken from there from here on.
    async fn find(&self) -> Result<Vec<RegistrarAddress>, RegisterFailure> {
        let at = self.at();
        let mut found: Vec<RegistrarAddress> = at.into_iter().collect();
        let mut failure = None;
        for Registrar {
            host,
            port,
            transport,
        } in self.wish.registrars()
        {
            let of = SipHost {
                host: &host,
                port,
                transport,
            };
            let draw = |most| rand::random_range(0..=most);
            match self.platform.outbound.sip_servers(of, &OVER, draw).await {
                Ok(servers) => {
                    let servers = servers.into_iter().map(|server| RegistrarAddress {
                        transport: server.transport,
                        address: server.address,
                    });
                    let new: Vec<_> = servers.filter(|one| !found.contains(one)).collect();
                    found.extend(new);
                }
                Err(error) => {
                    count("name");
                    failure = Some(RegisterFailure::Silence(error.to_string()));
                }
            }
        }
        match failure {
            Some(failure) if found.is_empty() => return Err(failure),
            _ => {}
        }
        let addresses = found.iter().map(|one| one.address.ip()).collect();
        self.stand(Stand { addresses, at });
        Ok(found)
    }

    fn known(&mut self, registrar: RegistrarAddress, granted: Duration) {
        if self.at() != Some(registrar) || self.stands.failing_since.is_some() {
            tracing::info!(trunk = %self.wish.trunk(), %registrar, seconds = granted.as_secs(), "registered at a trunk");
        }
        self.stands = TrunkRegistered {
            until: Some(now() + granted),
            registrar: Some(registrar.to_string()),
            ..TrunkRegistered::default()
        };
        self.stand_at(Some(registrar));
    }

    fn unknown(&mut self, failure: &RegisterFailure) {
        let now = now();
        self.stands.failing_since.get_or_insert(now);
        self.stands.reason = Some(failure.to_string());
        // What was granted before still holds, unless it was taken back.
        let refused = !schedule::tries_next(failure);
        if refused || self.stands.until.is_none_or(|until| until <= now) {
            self.stands.until = None;
            self.stand_at(None);
        }
    }

    /// Has us forgotten.
    async fn part(mut self) {
        if let Some(registrar) = self.asked {
            let forgotten = self.binding.ask(registrar, 0);
            match tokio::time::timeout(PARTING, forgotten).await {
                Ok(Ok(_)) => {
                    tracing::info!(trunk = %self.wish.trunk(), %registrar, "no longer registered at a trunk");
                }
                Ok(Err(failure)) => {
                    tracing::warn!(trunk = %self.wish.trunk(), %registrar, "a registrar has not forgotten us: {failure}");
                }
                Err(_) => {
                    tracing::warn!(trunk = %self.wish.trunk(), %registrar, "a registrar has not said that it forgot us");
                }
            }
        }
        self.stands = TrunkRegistered {
            registrar: self.stands.registrar.take(),
            ..TrunkRegistered::default()
        };
        self.tell().await;
        let registering = &self.platform.trunks.registering;
        registering.stands.lock().remove(&self.wish.trunk());
        self.platform.trunks.publish(&self.directory);
        registering.count();
    }

    /// The registrar that knows us.
    fn at(&self) -> Option<RegistrarAddress> {
        let stands = self.platform.trunks.registering.stands.lock();
        stands.get(&self.wish.trunk())?.at
    }

    fn stand_at(&self, at: Option<RegistrarAddress>) {
        let known = {
            let stands = self.platform.trunks.registering.stands.lock();
            stands.get(&self.wish.trunk()).cloned().unwrap_or_default()
        };
        self.stand(Stand { at, ..known });
    }

    fn stand(&self, stand: Stand) {
        let registering = &self.platform.trunks.registering;
        registering.stands.lock().insert(self.wish.trunk(), stand);
        registering.count();
        self.platform.trunks.publish(&self.directory);
    }

    /// Keeps in the row how it stands.
    async fn tell(&self) {
        let (account, trunk) = (self.wish.account(), self.wish.trunk());
        let told = self
            .platform
            .db
            .set_trunk_registered(account, trunk, &self.stands);
        if let Err(error) = told.await {
            tracing::warn!(%trunk, "how we stand at a trunk is not kept: {error}");
        }
    }
}

const fn word(failure: &RegisterFailure) -> &'static str {
    match failure {
        RegisterFailure::Silence(_) => "silence",
        RegisterFailure::Password { .. } => "password",
        RegisterFailure::Refused { .. } => "refused",
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("ringfence_trunk_registers_total", "outcome" => outcome).increment(1);
}
