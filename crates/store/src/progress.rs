//! How far the tables are behind what was acknowledged, and who waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use crate::StoreError;
use crate::db::PATIENCE;

/// Shared by the thread that acknowledges, the thread that applies, and readers.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The last frame that was acknowledged.
    acknowledged: AtomicU64,
    /// Batches that were acknowledged and are not in the tables.
    behind: AtomicU64,
    standing: watch::Sender<Standing>,
    durable: Mutex<Durable>,
    changed: Condvar,
}

/// What the tables have.
#[derive(Debug, Clone, Copy)]
struct Standing {
    applied: u64,
    /// Tries that came to nothing.
    failures: u64,
}

#[derive(Debug)]
struct Durable {
    /// The last frame that the tables have for good.
    frame: u64,
    /// Since when tries to apply come to nothing, and why the last one did.
    failing: Option<(Instant, StoreError)>,
}

impl Default for Progress {
    fn default() -> Self {
        let standing = Standing {
            applied: 0,
            failures: 0,
        };
        Self {
            acknowledged: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            standing: watch::Sender::new(standing),
            durable: Mutex::new(Durable {
                frame: 0,
                failing: None,
            }),
            changed: Condvar::new(),
        }
    }
}

impl Progress {
    /// The journal begins after `frame`, which the tables have for good.
    pub fn begin(&self, frame: u64) {
        self.acknowledged.store(frame, Ordering::Release);
        self.applied(frame, 0, true);
    }

    /// A frame was handed to the thread that applies, and is about to be acknowledged.
    pub fn acknowledge(&self, frame: u64, batches: usize) {
        self.behind.fetch_add(batches as u64, Ordering::Relaxed);
        self.acknowledged.store(frame, Ordering::Release);
    }

    /// The tables have everything up to `frame`, with `batches` that they did not have before; for good, when it was
    /// forced to the disk.
    pub fn applied(&self, frame: u64, batches: usize, forced: bool) {
        self.behind.fetch_sub(batches as u64, Ordering::Relaxed);
        self.standing
            .send_modify(|standing| standing.applied = frame);
        let mut durable = self.durable.lock();
        durable.failing = None;
        if forced {
            durable.frame = frame;
            self.changed.notify_all();
        }
    }

    /// A try to apply came to nothing; it will be tried again.
    pub fn failing(&self, error: StoreError) {
        self.standing.send_modify(|standing| standing.failures += 1);
        let mut durable = self.durable.lock();
        let since = durable
            .failing
            .as_ref()
            .map_or_else(Instant::now, |(since, _)| *since);
        durable.failing = Some((since, error));
        self.changed.notify_all();
    }

    /// Why nothing more should be acknowledged. A file that another program locks is no reason: its lock passes.
    pub fn refusing(&self) -> Option<StoreError> {
        let failing = self.durable.lock().failing.clone();
        failing
            .map(|(_, error)| error)
            .filter(|error| !matches!(error, StoreError::Unavailable(_)))
    }

    /// Waits until the tables have `frame` for good.
    ///
    /// # Errors
    /// What has kept them from it for longer than anybody should wait.
    pub fn wait_durable(&self, frame: u64) -> Result<(), StoreError> {
        let mut durable = self.durable.lock();
        if durable.frame >= frame {
            return Ok(());
        }
        metrics::counter!("ringfence_store_journal_full_total").increment(1);
        while durable.frame < frame {
            match &durable.failing {
                None => self.changed.wait(&mut durable),
                Some((since, error)) if since.elapsed() >= PATIENCE => return Err(error.clone()),
                Some((since, _)) => {
                    let until = *since + PATIENCE;
                    self.changed.wait_until(&mut durable, until);
                }
            }
        }
        Ok(())
    }

    /// The last frame that the tables have.
    pub fn has_applied(&self) -> u64 {
        self.standing.borrow().applied
    }

    /// Batches that were acknowledged and are not in the tables.
    pub fn behind(&self) -> u64 {
        self.behind.load(Ordering::Relaxed)
    }

    /// The last frame that was acknowledged, when the tables do not have it.
    pub fn missing(&self) -> Option<Missing> {
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        let standing = self.standing.subscribe();
        let now = *standing.borrow();
        (now.applied < acknowledged).then_some(Missing {
            frame: acknowledged,
            failures: now.failures,
            standing,
        })
    }
}

/// What a reader waits for.
pub(crate) struct Missing {
    frame: u64,
    failures: u64,
    standing: watch::Receiver<Standing>,
}

impl Missing {
    /// Waits until the tables have it, or a try to give it to them came to nothing.
    pub async fn settled(mut self) {
        let settled = self
            .standing
            .wait_for(|now| now.applied >= self.frame || now.failures > self.failures);
        // An error means that everything was closed.
        if settled.await.is_ok_and(|now| now.applied < self.frame) {
            metrics::counter!("ringfence_store_stale_reads_total").increment(1);
        }
    }
}
