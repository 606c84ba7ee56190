//! A cheap HTTP/1.1 client under load: connections that are kept, one request after the other on each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process;
use crate::report::Times;

/// Threads of the client are called so; what they take is not the server's.
pub const THREAD: &str = "bench-client";

/// Octets of one answer with its headers.
const LARGEST_ANSWER: usize = 64 << 10;

/// A request: what stands before, the words that differ, and what stands behind.
#[derive(Debug, Clone)]
pub struct Requests {
    /// Request line, headers and the beginning of the body.
    pub before: String,
    /// One for each request, all of one length.
    pub words: Vec<String>,
    /// The end of the body.
    pub after: String,
    /// Begin again with the first word when all were used; else the round ends with the last.
    pub again: bool,
}

impl Requests {
    /// A `POST` of `text/plain` whose body is `before`, a word, `after`.
    pub fn post(
        path: &str,
        headers: &[(&str, &str)],
        before: &str,
        words: Vec<String>,
        after: &str,
    ) -> Self {
        let length = before.len() + words.first().map_or(0, String::len) + after.len();
        let headers = headers.iter().fold(String::new(), |all, (name, value)| {
            all + name + ": " + value + "\r\n"
        });
        let head = format!(
            "POST {path} HTTP/1.1\r\n{headers}Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        );
        Self {
            before: head + before,
            words,
            after: after.to_owned(),
            again: false,
        }
    }
}

/// What came of a round.
#[derive(Debug, Default)]
pub struct Round {
    /// Answers that were as they should be.
    pub good: u64,
    /// Answers that were not.
    pub bad: u64,
    /// The first bad answer.
    pub first_bad: Option<String>,
    /// From a request's first octet to its answer's last.
    pub times: Times,
    /// How long the round took.
    pub seconds: f64,
    /// CPU seconds of the client's threads.
    pub client_cpu: f64,
}

/// How a round is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections that are kept, one request at a time on each.
    pub connections: usize,
    /// How long requests begin.
    pub length: Duration,
    /// Requests that fall due in a second, evenly; without it each connection asks again as soon as it was answered.
    pub rate: Option<u64>,
}

/// When requests fall due.
#[derive(Debug, Clone, Copy)]
struct Pace {
    began: Instant,
    until: Instant,
    rate: Option<u64>,
}

impl Pace {
    /// Waits until the request with this place is due. The instant from which its answer's time counts, or `None` when the
    /// round is over. What finds every connection busy counts from when it was due, for a visitor would have waited.
    async fn turn(self, place: usize) -> Option<Instant> {
        let now = Instant::now();
        let due = match self.rate {
            None => now,
            Some(rate) => {
                let place = u64::try_from(place).unwrap_or(u64::MAX);
                let micros = place.saturating_mul(1_000_000) / rate.max(1);
                self.began + Duration::from_micros(micros)
            }
        };
        if due >= self.until {
            return None;
        }
        if due <= now {
            return Some(due);
        }
        tokio::time::sleep_until(due.into()).await;
        // The timer wakes within a millisecond: what it is late by is not the server's.
        Some(Instant::now())
    }
}

/// Sends requests, or fewer when there are no more words; `expected` stands in every good answer.
///
/// # Errors
/// When nobody listens.
pub fn load(
    to: SocketAddr,
    requests: &Requests,
    load: Load,
    expected: &'static str,
) -> anyhow::Result<Round> {
    let requests = Arc::new(requests.clone());
    let thread = std::thread::Builder::new().name(THREAD.into());
    let client = thread.spawn(move || -> anyhow::Result<Round> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let cpu_before = process::own_threads_cpu_seconds(THREAD);
        let next = Arc::new(AtomicUsize::new(0));
        let mut round = runtime.block_on(async {
            let mut streams = Vec::with_capacity(load.connections);
            for _ in 0..load.connections {
                let stream = TcpStream::connect(to)
                    .await
                    .with_context(|| format!("nobody listens on {to}"))?;
                stream.set_nodelay(true)?;
                streams.push(stream);
            }
            let began = Instant::now();
            let pace = Pace {
                began,
                until: began + load.length,
                rate: load.rate,
            };
            let tasks: Vec<_> = streams
                .into_iter()
                .map(|stream| {
                    tokio::spawn(connection(
                        stream,
                        Arc::clone(&requests),
                        Arc::clone(&next),
                        pace,
                        expected,
                    ))
                })
                .collect();
            let mut round = Round::default();
            for task in tasks {
                let mut one = task.await??;
                round.good += one.good;
                round.bad += one.bad;
                round.first_bad = round.first_bad.or(one.first_bad.take());
                round.times.append(&mut one.times);
            }
            round.seconds = began.elapsed().as_secs_f64();
            anyhow::Ok(round)
        })?;
        round.client_cpu = process::own_threads_cpu_seconds(THREAD) - cpu_before;
        Ok(round)
    })?;
    client
        .join()
        .map_err(|_| anyhow::anyhow!("the client panicked"))?
}

async fn connection(
    mut stream: TcpStream,
    requests: Arc<Requests>,
    next: Arc<AtomicUsize>,
    timing: Pace,
    expected: &'static str,
) -> anyhow::Result<Round> {
    let mut round = Round::default();
    let mut out = Vec::with_capacity(2048);
    let mut answer = Vec::with_capacity(4096);
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let at = if requests.again {
            place % requests.words.len()
        } else {
            place
        };
        let Some(word) = requests.words.get(at) else {
            return Ok(round);
        };
        let Some(began) = timing.turn(place).await else {
            return Ok(round);
        };
        out.clear();
        out.extend_from_slice(requests.before.as_bytes());
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(requests.after.as_bytes());
        stream.write_all(&out).await?;
        read_answer(&mut stream, &mut answer).await?;
        round
            .times
            .add(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
        if answer.starts_with(b"HTTP/1.1 200") && find(&answer, expected.as_bytes()).is_some() {
            round.good += 1;
        } else {
            round.bad += 1;
            round
                .first_bad
                .get_or_insert_with(|| String::from_utf8_lossy(&answer).into_owned());
        }
    }
}

/// Reads one answer that says its length.
async fn read_answer(stream: &mut TcpStream, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    answer.clear();
    let mut whole = None;
    while whole.is_none_or(|whole| answer.len() < whole) {
        if stream.read_buf(answer).await? == 0 {
            bail!("the server closed a connection in the middle of an answer");
        }
        if answer.len() > LARGEST_ANSWER {
            bail!("expected an answer of at most {LARGEST_ANSWER} octets");
        }
        if whole.is_none()
            && let Some(end) = find(answer, b"\r\n\r\n")
        {
            whole = Some(
                end + 4
                    + content_length(&answer[..end]).context("an answer without Content-Length")?,
            );
        }
    }
    Ok(())
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.lines().find(|line| {
        line.get(..15)
            .is_some_and(|name| name.eq_ignore_ascii_case("content-length:"))
    })?;
    line[15..].trim().parse().ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_says_the_length_of_its_body() {
        let requests = Requests::post(
            "/t",
            &[("Host", "localhost")],
            "{\"a\":\"",
            vec!["xyz".into()],
            "\"}",
        );
        assert_eq!(
            requests.before,
            "POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\n{\"a\":\""
        );
    }

    #[tokio::test]
    async fn requests_fall_due_evenly_and_late_ones_count_from_then() {
        // A round that is far from its end, however long this takes.
        let began = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        let pace = Pace {
            began,
            until: began + Duration::from_hours(1),
            rate: Some(10),
        };
        assert_eq!(pace.turn(0).await, Some(began));
        let due = began + Duration::from_secs(2);
        assert_eq!(pace.turn(20).await, Some(due), "it was due before now");
        let due = began + Duration::from_millis(5_100);
        assert!(pace.turn(51).await >= Some(due), "not before its turn");
        assert_eq!(pace.turn(36_000).await, None, "the round is over by then");
        let greedy = Pace { rate: None, ..pace };
        assert!(greedy.turn(1_000_000).await.is_some());
    }

    #[test]
    fn the_length_of_an_answer_is_found_in_any_case() {
        assert_eq!(
            content_length(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 12\r\nx: y"),
            Some(12)
        );
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nx: y"), None);
    }
}
