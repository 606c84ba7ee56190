//! A server that asks for numbers on behalf of visitors, told from an office full of people: by leases that no page follows.
//!
//! A page that shows a number gives signs of life: beats, events, its next page, its release. Who asks and shows the
//! numbers elsewhere gives none. Memory is bounded in networks and in leases of each.

use std::collections::HashMap;

use ringfence_model::{Duration, LeaseId, SiteId, Timestamp};

use crate::AddressPrefix;

/// Leases of one network and site that may be asked for while none of them gave a sign of life yet.
pub const UNPROVED_MAX: usize = 120;
/// Leases of one network and site that may stay silent for longer than [`PATIENCE`] while fewer than one in
/// [`SPEAKING_SHARE`] of all such leases spoke.
pub const SILENT_MAX: usize = 40;
/// One lease in this many has to give a sign of life.
pub const SPEAKING_SHARE: usize = 10;
/// A page beats at least once a minute. One that was silent for this long was closed before that, or never was.
pub const PATIENCE: Duration = Duration::from_secs(150);
/// Leases that were asked for earlier are forgotten.
pub const REMEMBERED_FOR: Duration = Duration::from_hours(6);

/// Leases that are remembered of one network and site, the latest ones.
const LEASES_MAX: usize = 128;
/// Networks and sites that are watched at one time; further ones are not watched until there is room.
const WATCHED_MAX: usize = 8192;
/// How often a full table looks for what it may forget.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What follows for a request for a new lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowd {
    /// Nothing speaks against it; the lease is remembered.
    Admitted,
    /// Refused: pages do not follow what this network asks for.
    Silent(Silence),
}

/// What was counted of a network that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// Leases that are remembered.
    pub leases: usize,
    /// Those that gave a sign of life.
    pub spoke: usize,
    /// It was not refused before: this is to be told.
    pub first: bool,
}

/// Leases by network and site, and whether pages followed them.
#[derive(Debug, Default)]
pub struct Silences {
    watched: HashMap<(SiteId, AddressPrefix), Network>,
    /// Networks that were told of by their lease, so that a sign of life finds them whatever address it comes from.
    networks: HashMap<LeaseId, AddressPrefix>,
    last_sweep: Timestamp,
}

#[derive(Debug, Default)]
struct Network {
    leases: std::collections::VecDeque<Asked>,
    told: bool,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    lease: LeaseId,
    at: Timestamp,
    spoke: bool,
}

impl Silences {
    /// A network asks for a new lease at a site. An admitted lease is remembered at once, so that requests side by side
    /// count as well; [`Silences::withdraw`] takes one back of which nothing came.
    pub fn ask(
        &mut self,
        site: SiteId,
        prefix: AddressPrefix,
        lease: LeaseId,
        now: Timestamp,
    ) -> Crowd {
        let key = (site, prefix);
        if !self.watched.contains_key(&key) && self.watched.len() >= WATCHED_MAX {
            self.sweep(now);
            if self.watched.len() >= WATCHED_MAX {
                return Crowd::Admitted;
            }
        }
        let network = self.watched.entry(key).or_default();
        for forgotten in network.forget(now) {
            self.networks.remove(&forgotten);
        }
        if let Some((leases, spoke)) = network.silence(now) {
            let first = !std::mem::replace(&mut network.told, true);
            return Crowd::Silent(Silence {
                leases,
                spoke,
                first,
            });
        }
        network.told = false;
        if network.leases.len() >= LEASES_MAX
            && let Some(oldest) = network.leases.pop_front()
        {
            self.networks.remove(&oldest.lease);
        }
        network.leases.push_back(Asked {
            lease,
            at: now,
            spoke: false,
        });
        self.networks.insert(lease, prefix);
        Crowd::Admitted
    }

    /// A page that shows this lease gave a sign of life.
    pub fn spoke(&mut self, site: SiteId, lease: LeaseId) {
        if let Some(asked) = self.asked(site, lease) {
            asked.spoke = true;
        }
    }

    /// Nothing came of a lease that was admitted.
    pub fn withdraw(&mut self, site: SiteId, lease: LeaseId) {
        if let Some(prefix) = self.networks.remove(&lease)
            && let Some(network) = self.watched.get_mut(&(site, prefix))
        {
            network.leases.retain(|asked| asked.lease != lease);
        }
    }

    /// An operator called it a false alarm: the site's networks begin anew.
    pub fn forgive(&mut self, site: SiteId) {
        let networks = &mut self.networks;
        self.watched.retain(|(of, _), network| {
            if *of == site {
                for asked in &network.leases {
                    networks.remove(&asked.lease);
                }
            }
            *of != site
        });
    }

    /// What was to be told could not be: the next refusal says `first` again.
    pub fn untold(&mut self, site: SiteId, prefix: AddressPrefix) {
        if let Some(network) = self.watched.get_mut(&(site, prefix)) {
            network.told = false;
        }
    }

    fn asked(&mut self, site: SiteId, lease: LeaseId) -> Option<&mut Asked> {
        let prefix = self.networks.get(&lease)?;
        let network = self.watched.get_mut(&(site, *prefix))?;
        network.leases.iter_mut().find(|asked| asked.lease == lease)
    }

    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.last_sweep) < SWEEP_EVERY && now >= self.last_sweep {
            return;
        }
        self.last_sweep = now;
        let networks = &mut self.networks;
        self.watched.retain(|_, network| {
            for forgotten in network.forget(now) {
                networks.remove(&forgotten);
            }
            !network.leases.is_empty()
        });
    }
}

impl Network {
    /// Forgets what is old, and what a clock that was set back since would keep for ever.
    fn forget(&mut self, now: Timestamp) -> Vec<LeaseId> {
        let old = |asked: &Asked| {
            now.since(asked.at) > REMEMBERED_FOR || asked.at.since(now) > REMEMBERED_FOR
        };
        let forgotten: Vec<LeaseId> = self
            .leases
            .iter()
            .filter(|asked| old(asked))
            .map(|asked| asked.lease)
            .collect();
        if !forgotten.is_empty() {
            self.leases.retain(|asked| !old(asked));
        }
        forgotten
    }

    /// Leases and those of them that spoke, when that is how a server asks and no office does.
    fn silence(&self, now: Timestamp) -> Option<(usize, usize)> {
        let spoke = self.leases.iter().filter(|asked| asked.spoke).count();
        let silent = self
            .leases
            .iter()
            .filter(|asked| !asked.spoke && now.since(asked.at) > PATIENCE)
            .count();
        let none_spoke = spoke == 0 && self.leases.len() >= UNPROVED_MAX;
        let few_spoke = silent >= SILENT_MAX && spoke * SPEAKING_SHARE < silent + spoke;
        (none_spoke || few_spoke).then_some((self.leases.len(), spoke))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000) + Duration::from_secs(seconds)
    }

    fn site() -> SiteId {
        SiteId::new(at(0), 1)
    }

    fn office() -> AddressPrefix {
        AddressPrefix::of("203.0.113.7".parse().unwrap())
    }

    fn lease(nth: u64) -> LeaseId {
        LeaseId::new(at(0), nth.into())
    }

    /// Requests until a server that asks every so many seconds is refused.
    fn admitted_of_a_server(every: u64) -> usize {
        let mut silences = Silences::default();
        (0..1000)
            .position(|nth| {
                silences.ask(site(), office(), lease(nth), at(nth * every)) != Crowd::Admitted
            })
            .unwrap_or(1000)
    }

    #[test]
    fn a_server_is_refused_within_the_stated_number_of_requests() {
        assert_eq!(admitted_of_a_server(0), UNPROVED_MAX);
        assert_eq!(admitted_of_a_server(1), UNPROVED_MAX);
        // Two and a half minutes are over for forty of them.
        assert_eq!(admitted_of_a_server(60), SILENT_MAX + 2);
        assert_eq!(admitted_of_a_server(500), SILENT_MAX);
    }

    #[test]
    fn a_refusal_is_told_once_and_lasts_until_the_leases_are_forgotten() {
        let mut silences = Silences::default();
        for nth in 0..120 {
            silences.ask(site(), office(), lease(nth), at(0));
        }
        let silent = |first| {
            Crowd::Silent(Silence {
                leases: 120,
                spoke: 0,
                first,
            })
        };
        let end = REMEMBERED_FOR.as_secs();
        assert_eq!(
            silences.ask(site(), office(), lease(200), at(1)),
            silent(true)
        );
        assert_eq!(
            silences.ask(site(), office(), lease(201), at(end)),
            silent(false)
        );
        silences.untold(site(), office());
        assert_eq!(
            silences.ask(site(), office(), lease(202), at(end)),
            silent(true)
        );
        silences.forgive(SiteId::new(at(0), 2));
        assert_eq!(
            silences.ask(site(), office(), lease(202), at(end)),
            silent(false)
        );
        let other = AddressPrefix::of("198.51.100.7".parse().unwrap());
        assert_eq!(
            silences.ask(site(), other, lease(203), at(1)),
            Crowd::Admitted
        );
        let later = silences.ask(site(), office(), lease(204), at(end + 1));
        assert_eq!(later, Crowd::Admitted);
        assert_eq!(
            silences.networks.len(),
            2,
            "forgotten leases are forgotten wholly"
        );
    }

    #[test]
    fn a_lease_of_which_nothing_came_does_not_count() {
        let mut silences = Silences::default();
        for nth in 0..1000 {
            assert_eq!(
                silences.ask(site(), office(), lease(nth), at(nth)),
                Crowd::Admitted
            );
            silences.withdraw(site(), lease(nth));
        }
        assert!(silences.networks.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut silences = Silences::default();
        for nth in 0..20_000_u32 {
            let address = std::net::Ipv4Addr::from_bits(nth << 8);
            let prefix = AddressPrefix::of(address.into());
            silences.ask(site(), prefix, lease(nth.into()), at(0));
        }
        assert_eq!(silences.watched.len(), WATCHED_MAX);
        assert_eq!(silences.networks.len(), WATCHED_MAX);
        for nth in 0..1000 {
            let of_one = lease(100_000 + nth);
            silences.ask(
                site(),
                AddressPrefix::of("0.0.1.1".parse().unwrap()),
                of_one,
                at(0),
            );
            silences.spoke(site(), of_one);
        }
        assert!(silences.networks.len() < WATCHED_MAX + LEASES_MAX);
    }

    proptest! {
        /// Sixty people behind one address: whoever stays gives a sign within the time in which a page beats. At least a
        /// quarter stay, whoever leaves comes and goes in between, and all may come within the same second.
        #[test]
        fn an_office_is_never_held(
            people in prop::collection::vec((0_u64..4 * 3600, 5_u64..=60, 0_u8..4), 60),
            views in 1_u64..4,
            rush in any::<bool>(),
        ) {
            let mut events = Vec::new();
            for (nth, (comes, beats_after, mood)) in people.iter().enumerate() {
                for view in 0..views {
                    let id = lease(nth as u64 * 10 + view);
                    let comes = if rush { view * 600 } else { comes + view * 600 };
                    // One in four people stays whatever the others feel like.
                    let stays = *mood == 0 || nth % 4 == 0;
                    events.push((comes, false, id));
                    if stays {
                        events.push((comes + beats_after, true, id));
                    }
                }
            }
            events.sort();
            let mut silences = Silences::default();
            for (second, sign, id) in events {
                if sign {
                    silences.spoke(site(), id);
                } else {
                    prop_assert_eq!(silences.ask(site(), office(), id, at(second)), Crowd::Admitted);
                }
            }
        }

        /// However a server spreads its requests over six hours, it gets no more than the stated number.
        #[test]
        fn a_server_gets_no_more_than_the_stated_number(
            mut seconds in prop::collection::vec(0_u64..6 * 3600, 500),
        ) {
            seconds.sort_unstable();
            let mut silences = Silences::default();
            let admitted = seconds
                .iter()
                .enumerate()
                .filter(|&(nth, &second)| {
                    let asked = silences.ask(site(), office(), lease(nth as u64), at(second));
                    asked == Crowd::Admitted
                })
                .count();
            prop_assert!(admitted <= UNPROVED_MAX, "{}", admitted);
        }
    }
}
