//! The phones that may register, and where each of them is reached. What is registered is kept by whoever asked for the
//! changes, before the phone is told.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;
use ringfence_model::{Registration, TargetId, Timestamp};
use rsipstack::transport::SipAddr;
use tokio::sync::{mpsc, oneshot};

use super::flow::{Flow, is_behind_nat, reached};
use crate::digest::PhoneSecret;

/// Changes that may wait to be kept.
const CHANGES: usize = 256;

/// A phone that may register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The target that is reached by it.
    pub target: TargetId,
    /// The user that it registers as.
    pub user: String,
    /// What its password is known by.
    pub secret: PhoneSecret,
}

/// A phone's registrations have changed; the phone is told once `done` is answered, and that they could not be kept when
/// it is dropped.
#[derive(Debug)]
pub struct RegistrationsChanged {
    /// The phone.
    pub target: TargetId,
    /// All that it has now.
    pub registrations: Vec<Registration>,
    /// They are kept.
    pub done: oneshot::Sender<()>,
}

/// A place at which a phone is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The SIP URI that a call goes to.
    pub uri: String,
    /// What its program calls itself.
    pub agent: Option<String>,
}

/// What is known of a flow on which a phone is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowFacts {
    until: Timestamp,
    pub behind_nat: bool,
}

/// Phones by their users and targets. Cheap to clone; all clones see changes at once.
#[derive(Clone, Default)]
pub struct PhoneDirectory {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: RwLock<State>,
    keeper: OnceLock<mpsc::Sender<RegistrationsChanged>>,
}

#[derive(Default)]
struct State {
    by_user: HashMap<String, Arc<Entry>>,
    by_target: HashMap<TargetId, Arc<Entry>>,
    /// Which targets are registered on a flow: a phone with several lines has one.
    flows: HashMap<Flow, Vec<(TargetId, FlowFacts)>>,
}

/// A phone with what it has registered.
pub(crate) struct Entry {
    pub phone: Phone,
    registrations: RwLock<Vec<Registration>>,
    /// One request of a phone after the other.
    pub turn: tokio::sync::Mutex<()>,
}

impl Entry {
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        self.registrations.read().clone()
    }
}

impl std::fmt::Debug for PhoneDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PhoneDirectory")
            .field("phones", &self.inner.state.read().by_user.len())
            .finish_non_exhaustive()
    }
}

impl PhoneDirectory {
    /// Where changes of registrations come out, for whoever keeps them. Until this was asked for, no phone may register;
    /// afterwards it answers `None`.
    pub fn changes(&self) -> Option<mpsc::Receiver<RegistrationsChanged>> {
        let (sender, receiver) = mpsc::channel(CHANGES);
        self.inner.keeper.set(sender).ok().map(|()| receiver)
    }

    /// Puts these phones in the place of all others. One that is the same as before keeps its registrations; one whose
    /// user or secret is another has to register anew.
    pub fn replace(&self, phones: Vec<Phone>) {
        let mut state = self.inner.state.write();
        let mut old = std::mem::take(&mut state.by_target);
        state.by_user.clear();
        for phone in phones {
            let entry = old
                .remove(&phone.target)
                .filter(|entry| entry.phone == phone)
                .unwrap_or_else(|| {
                    Arc::new(Entry {
                        phone,
                        registrations: RwLock::default(),
                        turn: tokio::sync::Mutex::default(),
                    })
                });
            state
                .by_target
                .insert(entry.phone.target, Arc::clone(&entry));
            state.by_user.insert(entry.phone.user.clone(), entry);
        }
        state.find_flows();
    }

    /// Registrations that were kept before a restart. Those of phones that are not there any more are left out.
    pub fn restore(&self, registrations: Vec<Registration>) {
        let mut state = self.inner.state.write();
        for registration in registrations {
            if let Some(entry) = state.by_target.get(&registration.target) {
                entry.registrations.write().push(registration);
            }
        }
        state.find_flows();
    }

    /// Where a target's phones are reached at `now`, the one that was heard of last first; `None` when the target is no
    /// phone.
    pub fn reached(&self, target: TargetId, now: Timestamp) -> Option<Vec<Reached>> {
        let entry = self.inner.state.read().by_target.get(&target).cloned()?;
        let mut registrations = entry.registrations();
        registrations.retain(|one| one.expires_at > now);
        registrations.sort_by_key(|one| std::cmp::Reverse(one.registered_at));
        let places = registrations.into_iter().filter_map(|one| {
            Some(Reached {
                uri: reached(&one.contact, Flow::from(&one))?,
                agent: one.agent,
            })
        });
        Some(places.collect())
    }

    /// How many phones are registered at `now`, of how many.
    pub fn registered(&self, now: Timestamp) -> (usize, usize) {
        let state = self.inner.state.read();
        let is_registered = |entry: &&Arc<Entry>| {
            let registrations = entry.registrations.read();
            registrations.iter().any(|one| one.expires_at > now)
        };
        let registered = state.by_target.values().filter(is_registered).count();
        (registered, state.by_target.len())
    }

    /// Whether any phone may register.
    pub(crate) fn is_open(&self) -> bool {
        self.inner.keeper.get().is_some() && !self.inner.state.read().by_user.is_empty()
    }

    /// The phone of a user.
    pub(crate) fn find(&self, user: &str) -> Option<Arc<Entry>> {
        self.inner.state.read().by_user.get(user).cloned()
    }

    /// What is known of the way that a message came; `None` when no phone is registered there now.
    pub(crate) fn flow(&self, flow: Flow) -> Option<FlowFacts> {
        let now = Timestamp::from(SystemTime::now());
        let state = self.inner.state.read();
        let known = state.flows.get(&flow)?.iter();
        let mut current = known.filter(|(_, facts)| facts.until > now);
        current.next().map(|(_, facts)| *facts)
    }

    /// The address that a phone behind NAT is seen at, when one is registered there.
    pub(crate) fn behind_nat(&self, place: &SipAddr) -> Option<IpAddr> {
        let flow = Flow::of(place)?;
        let facts = self.flow(flow)?;
        facts.behind_nat.then(|| flow.address.ip())
    }

    /// The target of a user's phone, when that is registered on a flow.
    pub(crate) fn target_on(&self, user: &str, flow: Flow) -> Option<TargetId> {
        let entry = self.find(user).filter(|_| self.is_on(user, flow))?;
        Some(entry.phone.target)
    }

    /// Whether a user's phone is registered on a flow.
    pub(crate) fn is_on(&self, user: &str, flow: Flow) -> bool {
        let now = Timestamp::from(SystemTime::now());
        self.find(user).is_some_and(|entry| {
            let registrations = entry.registrations.read();
            registrations
                .iter()
                .any(|one| Flow::from(one) == flow && one.expires_at > now)
        })
    }

    /// Has a phone's new registrations kept, then puts them in the place of the old; whether that could be in time.
    pub(crate) async fn keep(
        &self,
        entry: &Arc<Entry>,
        registrations: Vec<Registration>,
        patience: Duration,
    ) -> bool {
        let Some(keeper) = self.inner.keeper.get() else {
            return false;
        };
        let (done, kept) = oneshot::channel();
        let change = RegistrationsChanged {
            target: entry.phone.target,
            registrations: registrations.clone(),
            done,
        };
        let keeping = async {
            keeper.send(change).await.ok()?;
            kept.await.ok()
        };
        if !matches!(tokio::time::timeout(patience, keeping).await, Ok(Some(()))) {
            return false;
        }
        let mut state = self.inner.state.write();
        // Its password may have been changed meanwhile: then this one is nobody's any more.
        let is_current = state
            .by_target
            .get(&entry.phone.target)
            .is_some_and(|current| Arc::ptr_eq(current, entry));
        if is_current {
            *entry.registrations.write() = registrations;
            state.find_flows();
        }
        is_current
    }
}

impl State {
    fn find_flows(&mut self) {
        self.flows.clear();
        for (target, entry) in &self.by_target {
            for one in entry.registrations.read().iter() {
                let flow = Flow::from(one);
                let facts = FlowFacts {
                    until: one.expires_at,
                    behind_nat: is_behind_nat(&one.contact, flow),
                };
                self.flows.entry(flow).or_default().push((*target, facts));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_model::SipTransport;

    fn now() -> Timestamp {
        Timestamp::from(SystemTime::now())
    }

    fn phone(n: u128, password: &str) -> Phone {
        let user = format!("user{n}");
        Phone {
            target: TargetId::new(Timestamp::from_micros(0), n),
            secret: PhoneSecret::new(&user, password),
            user,
        }
    }

    fn registration(n: u128, port: u16, seconds: u64) -> Registration {
        Registration {
            target: phone(n, "").target,
            contact: format!("sip:ann@10.0.0.9:{port}"),
            instance: None,
            transport: SipTransport::Udp,
            address: ([192, 0, 2, 9], port).into(),
            call_id: "c".into(),
            sequence: 1,
            agent: None,
            registered_at: now() + Duration::from_millis(port.into()),
            expires_at: now() + Duration::from_secs(seconds),
        }
    }

    fn flow(port: u16) -> Flow {
        Flow::from(&registration(1, port, 0))
    }

    #[test]
    fn a_phone_that_is_the_same_stays_registered_and_another_password_ends_it() {
        let directory = PhoneDirectory::default();
        directory.replace(vec![phone(1, "a"), phone(2, "a")]);
        directory.restore(vec![
            registration(1, 5060, 60),
            registration(1, 5070, 60),
            registration(2, 5060, 60),
            registration(9, 5080, 60),
        ]);
        let uris = |n| {
            let reached = directory.reached(phone(n, "").target, now());
            reached.map(|places| {
                places
                    .into_iter()
                    .map(|place| place.uri)
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            uris(1).expect("it is a phone"),
            ["sip:ann@192.0.2.9:5070", "sip:ann@192.0.2.9:5060"]
        );
        assert_eq!(uris(9), None);
        assert!(
            directory
                .flow(flow(5060))
                .is_some_and(|facts| facts.behind_nat)
        );
        assert!(directory.flow(flow(5080)).is_none());
        assert!(directory.is_on("user1", flow(5070)) && !directory.is_on("user2", flow(5070)));
        assert_eq!(directory.registered(now()), (2, 2));

        directory.replace(vec![phone(1, "b"), phone(2, "a")]);
        assert_eq!(uris(1), Some(Vec::new()));
        assert!(directory.flow(flow(5070)).is_none());
        assert!(directory.flow(flow(5060)).is_some(), "the other one's");
        assert_eq!(directory.registered(now()), (1, 2));
        assert!(!directory.is_open(), "nobody keeps what they register");
    }

    #[test]
    fn what_has_expired_is_nobodys() {
        let directory = PhoneDirectory::default();
        directory.replace(vec![phone(1, "a")]);
        directory.restore(vec![registration(1, 5060, 0)]);
        let reached = directory.reached(phone(1, "").target, now());
        assert_eq!(reached, Some(Vec::new()));
        assert!(directory.flow(flow(5060)).is_none());
        assert!(!directory.is_on("user1", flow(5060)));
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_not_registered() {
        let directory = PhoneDirectory::default();
        directory.replace(vec![phone(1, "a")]);
        let mut changes = directory.changes().expect("it is the first to ask");
        assert!(directory.changes().is_none() && directory.is_open());
        let entry = directory.find("user1").expect("it is known");
        let wanted = vec![registration(1, 5060, 60)];
        let patience = Duration::from_secs(20);
        let keep = || directory.keep(&entry, wanted.clone(), patience);
        let (kept, ()) = tokio::join!(keep(), async { drop(changes.recv().await) });
        assert!(!kept && entry.registrations().is_empty());
        let (kept, ()) = tokio::join!(keep(), async {
            let change = changes.recv().await.expect("it is told");
            change.done.send(()).expect("it waits");
        });
        assert!(kept);
        assert_eq!(entry.registrations(), wanted);
    }
}
