//! What is sent from rows until it is taken: looked for every second, a few at once to each endpoint, tried again with longer
//! and longer pauses for three days. What is sent, and what an answer means, is said by who sends: webhooks, conversions.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use ringfence_model::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long an endpoint may take to answer.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(15);
/// How long something is tried, from its first attempt.
pub const RETRY_FOR: Duration = Duration::from_hours(72);
/// Nobody else tries for so long once an attempt began: longer than one can take.
pub(crate) const CLAIMED_FOR: Duration = Duration::from_secs(30);
/// What is read at once.
pub(crate) const BATCH: u32 = 200;
/// Pauses after the first attempts in seconds; after that the last one again and again. Up to a tenth is added.
const PAUSES: [u64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// The longest pause that an endpoint can ask for with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_hours(8);
/// Between two looks for what is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Attempts at one endpoint that are under way at once, and endpoints that are served at once: a slow one keeps its own
/// waiting and nobody else's.
const AT_ONCE: usize = 8;
const ENDPOINTS_AT_ONCE: usize = 64;

/// Looks with `due` for endpoints that have something due, and serves each with `send`, until the server stops.
pub(crate) async fn rounds<E: Send + 'static>(
    stopping: CancellationToken,
    id: fn(&E) -> Uuid,
    mut due: impl FnMut() -> BoxFuture<'static, Vec<E>> + Send,
    send: impl Fn(E) -> BoxFuture<'static, ()> + Send,
) {
    let busy = Arc::new(Mutex::new(HashSet::<Uuid>::new()));
    let mut beat = tokio::time::interval(LOOK_EVERY);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tasks = JoinSet::new();
    while stopping.run_until_cancelled(beat.tick()).await.is_some() {
        while tasks.try_join_next().is_some() {}
        for endpoint in due().await {
            let own = id(&endpoint);
            if tasks.len() >= ENDPOINTS_AT_ONCE || !busy.lock().insert(own) {
                continue;
            }
            let (attempt, busy) = (send(endpoint), Arc::clone(&busy));
            tasks.spawn(async move {
                attempt.await;
                busy.lock().remove(&own);
            });
        }
    }
    // An attempt that is under way is written down before the database is let go; its claim would pass by itself.
    while tasks.join_next().await.is_some() {}
}

/// Tries a batch of one endpoint, a few at once; what was not begun when `stop` comes is left.
pub(crate) async fn side_by_side<D, F: Future<Output = ()>>(
    due: Vec<D>,
    stop: &CancellationToken,
    attempt: impl Fn(D) -> F,
) {
    futures::stream::iter(due)
        .take_until(stop.cancelled())
        .for_each_concurrent(AT_ONCE, attempt)
        .await;
}

/// When the attempt after `number` is due; `chance` spreads those that failed together. The last one is made when the
/// three days are over; then there is none.
pub(crate) fn next_attempt(
    number: u32,
    now: Timestamp,
    retry_until: Timestamp,
    wish: Option<Duration>,
    chance: u32,
) -> Option<Timestamp> {
    if now >= retry_until {
        return None;
    }
    let nth = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = Duration::from_secs(PAUSES[nth.min(PAUSES.len() - 1)]);
    let spread = pause.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 10.0);
    let wish = wish.unwrap_or_default().min(LONGEST_PAUSE);
    let next = now + (pause + spread).max(wish);
    Some(next.min(retry_until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_three_days() {
        let mut now = Timestamp::from_micros(0);
        let until = now + RETRY_FOR;
        let mut pauses = Vec::new();
        for number in 1.. {
            let Some(next) = next_attempt(number, now, until, None, 0) else {
                break;
            };
            pauses.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(now, until);
        assert_eq!(pauses[..9], PAUSES);
        assert!((15..=18).contains(&pauses.len()), "{pauses:?}");
        let asked = next_attempt(1, now, now + RETRY_FOR, Some(LONGEST_PAUSE * 2), 0);
        assert_eq!(asked, Some(now + LONGEST_PAUSE));
    }
}
