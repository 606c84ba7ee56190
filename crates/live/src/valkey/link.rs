//! The connection to Valkey: one, shared, bounded in time. Whoever finds it broken leaves it; while it rests nobody waits for
//! it, and the first to ask afterwards connects again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::time::timeout;

use super::BadUrl;
use crate::LiveError;

/// Nobody tries to connect again sooner.
const REST: Duration = Duration::from_millis(500);

/// A connection that was made, and to which process.
#[derive(Clone)]
pub(super) struct Connected {
    pub connection: MultiplexedConnection,
    /// The process that answers: another one, or the same after a restart, has another.
    pub process: Arc<str>,
    serial: u64,
}

/// What a Valkey says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValkeyFacts {
    /// `valkey 8.1.1`, `redis 7.0.15`.
    pub version: String,
    /// Octets that it may hold; 0 is no limit.
    pub max_memory: u64,
    /// What it does when they are reached: `noeviction` is the one that loses nothing.
    pub eviction: String,
    /// The process, by its `run_id`.
    process: String,
}

pub(super) struct Link {
    client: Client,
    patience: Duration,
    open: RwLock<Option<Connected>>,
    connecting: tokio::sync::Mutex<()>,
    failed_at: Mutex<Option<Instant>>,
    connections: AtomicU64,
}

impl std::fmt::Debug for Link {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("patience", &self.patience)
            .field("open", &self.open.read().is_some())
            .finish_non_exhaustive()
    }
}

impl Link {
    pub fn new(url: &str, patience: Duration) -> Result<Self, BadUrl> {
        // What the driver says of a URL may quote it.
        let client = Client::open(url).map_err(|_| BadUrl)?;
        Ok(Self {
            client,
            patience,
            open: RwLock::default(),
            connecting: tokio::sync::Mutex::default(),
            failed_at: Mutex::default(),
            connections: AtomicU64::new(0),
        })
    }

    /// The connection, or [`LiveError::Away`] at once while it rests.
    pub async fn connected(&self) -> Result<Connected, LiveError> {
        if let Some(connected) = self.now()? {
            return Ok(connected);
        }
        let Ok(_one) = timeout(self.patience, self.connecting.lock()).await else {
            return Err(LiveError::Away);
        };
        // Who had the lock before may have connected, or failed to.
        if let Some(connected) = self.now()? {
            return Ok(connected);
        }
        match self.connect().await {
            Ok((connection, facts)) => {
                let connected = Connected {
                    connection,
                    process: facts.process.into(),
                    serial: self.connections.fetch_add(1, Ordering::Relaxed),
                };
                *self.open.write() = Some(connected.clone());
                metrics::gauge!("ringfence_live_reachable").set(1.0);
                if self.failed_at.lock().take().is_some() {
                    tracing::info!(version = facts.version, "Valkey is there again");
                }
                Ok(connected)
            }
            Err(why) => {
                self.failed(&why);
                Err(LiveError::Away)
            }
        }
    }

    fn now(&self) -> Result<Option<Connected>, LiveError> {
        if let Some(connected) = &*self.open.read() {
            return Ok(Some(connected.clone()));
        }
        let rests = self.failed_at.lock().is_some_and(|at| at.elapsed() < REST);
        if rests {
            Err(LiveError::Away)
        } else {
            Ok(None)
        }
    }

    /// A command failed: nobody uses this connection any more.
    pub fn broke(&self, broken: &Connected, error: &RedisError) {
        let mut open = self.open.write();
        if open.as_ref().is_some_and(|now| now.serial == broken.serial) {
            *open = None;
            drop(open);
            self.failed(&error.to_string());
        }
    }

    fn failed(&self, why: &str) {
        let first = self.failed_at.lock().replace(Instant::now()).is_none();
        metrics::gauge!("ringfence_live_reachable").set(0.0);
        metrics::counter!("ringfence_live_failures_total").increment(1);
        if first {
            tracing::error!(
                why,
                "Valkey does not answer: pages keep their own numbers until it does"
            );
        }
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, ValkeyFacts), String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.patience))
            .set_response_timeout(Some(self.patience));
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let mut connection = timeout(self.patience, connecting)
            .await
            .map_err(|_| format!("no connection within {} ms", self.patience.as_millis()))?
            .map_err(|error| error.to_string())?;
        let facts = facts(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        Ok((connection, facts))
    }

    /// What it says of itself, over a connection of its own.
    pub async fn facts(&self) -> Result<ValkeyFacts, String> {
        self.connect().await.map(|(_, facts)| facts)
    }
}

async fn facts(connection: &mut MultiplexedConnection) -> Result<ValkeyFacts, RedisError> {
    let said: String = redis::cmd("INFO").query_async(connection).await?;
    let of = |key: &str| {
        let mut lines = said.lines();
        lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
    };
    // Valkey calls itself Redis 7.2 as well, for those who ask.
    let version = match (of("valkey_version"), of("redis_version")) {
        (Some(version), _) => format!("valkey {version}"),
        (None, version) => format!("redis {}", version.unwrap_or("of no version")),
    };
    Ok(ValkeyFacts {
        version,
        max_memory: of("maxmemory").and_then(|n| n.parse().ok()).unwrap_or(0),
        eviction: of("maxmemory_policy").unwrap_or("unknown").to_owned(),
        process: of("run_id").unwrap_or_default().to_owned(),
    })
}
