//! Servers over the same rows: this one's signs of life, and what is done about one that gives none any more.
//!
//! Nobody compares clocks: a server is given up when its last sign of life stayed the same for a while, looked at by one
//! whose own signs of life arrived all that time. So a database that was away makes nobody give up anybody.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::future::BoxFuture;
use ringfence_model::{Server, ServerId, Timestamp};
use ringfence_store::StoreError;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Platform, now, random};

/// Signs of life that may be missing before a server is given up, one after the other.
const SIGNS: u32 = 6;

/// Servers that stopped this long ago are shown no more.
const SHOWN_FOR: Duration = Duration::from_hours(24);

/// Who a server is, at every start the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it is called; no two servers over the same rows are called the same.
    pub name: String,
    /// Its data folder.
    pub place: Uuid,
}

/// Why a server may not run.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// Two with one name.
    #[error(
        "expected that no other server is called {name:?}, but one that runs from another data folder was seen {ago} s ago; \
         give each its own [server] name, or wait until that one is given up"
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Seconds since its last sign of life.
        ago: u64,
    },
    /// What one of them signs, the others would refuse.
    #[error(
        "expected the master key of the other servers, but {0} of them have another; give each the same file, see secrets.key_file"
    )]
    OtherKey(u64),
    /// Rows.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How this server stands among the others.
#[derive(Debug)]
pub struct Standing {
    here: ArcSwapOption<Here>,
    /// Turns to `false` while it is not known which of the calls under way were closed by another server.
    settled: watch::Sender<bool>,
    /// Everybody, as of the last sign of life.
    known: ArcSwap<Vec<Server>>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            here: ArcSwapOption::empty(),
            settled: watch::Sender::new(true),
            known: ArcSwap::default(),
        }
    }
}

#[derive(Debug, Clone)]
struct Here {
    run: ServerId,
    identity: Identity,
}

impl Standing {
    /// This server; none in a command that takes no calls.
    pub fn run(&self) -> Option<ServerId> {
        self.here.load().as_ref().map(|here| here.run)
    }

    /// What this server is called.
    pub fn name(&self) -> Option<String> {
        let here = self.here.load();
        here.as_ref().map(|here| here.identity.name.clone())
    }

    /// Every server that runs or stopped lately, as of a moment ago.
    pub fn known(&self) -> Arc<Vec<Server>> {
        self.known.load_full()
    }

    /// Others that run, as of a moment ago.
    pub fn others(&self) -> Vec<String> {
        let own = self.run();
        let known = self.known.load();
        let others = known
            .iter()
            .filter(|server| server.is_running() && Some(server.id) != own);
        others.map(|server| server.name.clone()).collect()
    }

    /// Whether another server runs over these rows, or did lately.
    fn has_others(&self) -> bool {
        let here = self.here.load();
        let own = here.as_ref().map(|here| here.identity.name.as_str());
        let known = self.known.load();
        known.iter().any(|server| Some(server.name.as_str()) != own)
    }

    /// This server, once it is known which of its calls others have closed.
    pub(crate) async fn settled_run(&self) -> Option<ServerId> {
        if !*self.settled.borrow() {
            // An error means that the platform is gone, and with it who asks.
            let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
        }
        self.run()
    }

    fn begins(&self, here: Here) {
        self.here.store(Some(Arc::new(here)));
    }
}

impl Platform {
    /// This server is one of those over these rows from now on. Then [`recover`](Self::recover) closes what its name left
    /// open.
    ///
    /// # Errors
    /// [`EnterError`] when there is such a server already, or its key is another.
    pub fn enter(
        &self,
        identity: Identity,
        dead_after: Duration,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<(), EnterError>> {
        Box::pin(async move {
            if self.db.is_shared() {
                self.check_name(&identity, dead_after, now).await?;
                let mark = &self.keys.mark;
                let others = self
                    .db
                    .servers_with_other_keys(&identity.name, mark, now - dead_after)
                    .await?;
                if others > 0 {
                    return Err(EnterError::OtherKey(others));
                }
            }
            self.begin_run(identity, now).await?;
            Ok(())
        })
    }

    /// Whether leases may be others' than this server knows of.
    pub(crate) fn shares_leases(&self) -> bool {
        self.live.valkey().is_some() || (self.db.is_shared() && self.standing.has_others())
    }

    async fn check_name(
        &self,
        identity: &Identity,
        dead_after: Duration,
        now: Timestamp,
    ) -> Result<(), EnterError> {
        let servers = self.db.servers(now).await?;
        let taken = servers.iter().find(|server| {
            server.is_running()
                && server.name == identity.name
                && server.place != identity.place
                && now.since(server.seen_at) < dead_after
        });
        match taken {
            Some(other) => Err(EnterError::NameTaken {
                name: identity.name.clone(),
                ago: now.since(other.seen_at).as_secs(),
            }),
            None => Ok(()),
        }
    }

    async fn begin_run(&self, identity: Identity, now: Timestamp) -> Result<ServerId, StoreError> {
        let server = Server {
            id: ServerId::new(now, random()),
            name: identity.name.clone(),
            place: identity.place,
            started_at: now,
            seen_at: now,
            stopped_at: None,
            closed_at: None,
        };
        let leases = match self.live.valkey() {
            Some(_) => "shared",
            None => "own",
        };
        self.db.add_server(&server, &self.keys.mark, leases).await?;
        let known = self.db.servers(now - SHOWN_FOR).await?;
        self.standing.known.store(Arc::new(known));
        self.standing.begins(Here {
            run: server.id,
            identity,
        });
        Ok(server.id)
    }

    /// Says that runs before this one are over: those of its name, or all where no other server can be.
    pub(crate) async fn end_former_runs(&self, now: Timestamp) -> Result<(), StoreError> {
        let Some(here) = self.standing.here.load_full() else {
            return Ok(());
        };
        for former in self.db.servers(now).await? {
            let is_former = former.id != here.run
                && (!self.db.is_shared() || former.name == here.identity.name);
            if !is_former {
                continue;
            }
            self.db.server_stopped(former.id, now).await?;
            if self.db.take_server(former.id, here.run).await? {
                self.db.server_closed(former.id, now).await?;
            }
        }
        Ok(())
    }

    /// Who this server is, when others may be beside it.
    pub(crate) fn run_among_others(&self) -> Option<(ServerId, String)> {
        let here = self.standing.here.load_full()?;
        self.db
            .is_shared()
            .then(|| (here.run, here.identity.name.clone()))
    }

    /// Gives signs of life and closes what servers left open that gave none for `dead_after`, until the platform stops;
    /// then says that this one stops.
    pub async fn keep_standing(self: Arc<Self>, dead_after: Duration) {
        let mut beat = tokio::time::interval((dead_after / SIGNS).max(Duration::from_millis(100)));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent = Silent::default();
        let stopping = self.stopping.clone();
        while stopping.run_until_cancelled(beat.tick()).await.is_some() {
            if let Err(error) = self.give_sign(&mut silent, dead_after).await {
                silent.forget();
                metrics::counter!("ringfence_server_signs_missed_total").increment(1);
                tracing::warn!(
                    "no sign of life could be given, so other servers may give this one up: {error}"
                );
            }
        }
    }

    /// Says that this server stops: others close at once what it leaves open.
    pub async fn leave(&self) {
        let Some(run) = self.standing.run() else {
            return;
        };
        if let Err(error) = self.db.server_stopped(run, now()).await {
            tracing::warn!("other servers have to find out that this one stopped: {error}");
        }
    }

    async fn give_sign(&self, silent: &mut Silent, dead_after: Duration) -> Result<(), StoreError> {
        let Some(here) = self.standing.here.load_full() else {
            return Ok(());
        };
        // Nobody is beside a server that keeps a file's journal.
        if self.db.is_shared() {
            if !self.db.server_seen(here.run, now()).await? {
                self.come_back(&here).await?;
                silent.forget();
                return Ok(());
            }
            self.settle().await?;
        }
        let servers = self.db.servers(now() - SHOWN_FOR).await?;
        let running = servers.iter().filter(|server| server.is_running()).count();
        metrics::gauge!("ringfence_servers_running")
            .set(u32::try_from(running).map_or(f64::INFINITY, f64::from));
        self.standing.known.store(Arc::new(servers.clone()));
        if !self.db.is_shared() {
            return Ok(());
        }
        for server in silent.too_long(&servers, here.run, dead_after) {
            if self
                .db
                .give_up_server(server.id, server.seen_at, now())
                .await?
            {
                metrics::counter!("ringfence_servers_given_up_total").increment(1);
                tracing::error!(
                    server = server.name,
                    "gave no sign of life for {} s and is given up",
                    dead_after.as_secs()
                );
                self.close_what_it_left(&server, here.run).await?;
            }
        }
        for server in servers {
            if !server.is_running() && server.closed_at.is_none() {
                self.close_what_it_left(&server, here.run).await?;
            }
        }
        Ok(())
    }

    async fn close_what_it_left(
        &self,
        server: &Server,
        closer: ServerId,
    ) -> Result<(), StoreError> {
        if !self.db.take_server(server.id, closer).await? {
            return Ok(());
        }
        let recovered = self.recover_from(server.id, now()).await?;
        self.db.server_closed(server.id, now()).await?;
        let calls = u64::try_from(recovered.calls).unwrap_or(u64::MAX);
        metrics::counter!("ringfence_calls_closed_for_others_total").increment(calls);
        tracing::warn!(
            server = server.name,
            calls = recovered.calls,
            recordings = recovered.recordings,
            "closed what another server left open"
        );
        Ok(())
    }

    /// This server was given up while it lived: its machine stood still, or the network was cut. What others closed stays
    /// closed; the calls that they did not come to are this server's under a new run.
    async fn come_back(&self, former: &Here) -> Result<(), StoreError> {
        metrics::counter!("ringfence_server_came_back_total").increment(1);
        tracing::error!(
            "this server was given up by another while it lived; what was closed meanwhile stays closed"
        );
        self.standing.settled.send_replace(false);
        self.begin_run(former.identity.clone(), now()).await?;
        self.settle().await
    }

    /// Once nobody closes calls of this server's former runs any more, those that are open still are its own.
    async fn settle(&self) -> Result<(), StoreError> {
        if *self.standing.settled.borrow() {
            return Ok(());
        }
        let Some(here) = self.standing.here.load_full() else {
            return Ok(());
        };
        let servers = self.db.servers(now()).await?;
        for former in servers
            .iter()
            .filter(|server| server.name == here.identity.name && server.id != here.run)
        {
            if self.db.take_server(former.id, here.run).await? {
                self.db.server_closed(former.id, now()).await?;
            } else if former.closed_at.is_none() {
                // The closer is at work; the next sign of life looks again.
                return Ok(());
            }
        }
        self.db
            .keep_open_calls_of_name(&here.identity.name, here.run)
            .await?;
        self.standing.settled.send_replace(true);
        Ok(())
    }
}

/// How long others have been seen without a new sign of life.
#[derive(Debug, Default)]
struct Silent(HashMap<ServerId, (Timestamp, Instant)>);

impl Silent {
    /// Of servers that run, those whose sign of life stayed the same for `dead_after`.
    fn too_long(&mut self, servers: &[Server], own: ServerId, dead_after: Duration) -> Vec<Server> {
        let others = || {
            servers
                .iter()
                .filter(move |server| server.is_running() && server.id != own)
        };
        self.0
            .retain(|id, _| others().any(|server| server.id == *id));
        others()
            .filter(|server| {
                let seen = (server.seen_at, Instant::now());
                let first = self.0.entry(server.id).or_insert(seen);
                if first.0 != server.seen_at {
                    *first = seen;
                }
                first.1.elapsed() >= dead_after
            })
            .cloned()
            .collect()
    }

    /// Nothing was seen for a while, so nobody was seen to be silent.
    fn forget(&mut self) {
        self.0.clear();
    }
}
