//! Looks at pages on all cores and fetches several at a time, answers in the order of the pages, and holds no more than
//! a bounded number of them at once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use ringfence_outbound::{Outbound, OutboundPolicy};
use ringfence_platform::fence::look::{Linked, Page, look};
use ringfence_platform::fence::{PageLimits, fetch_page, vantages};
use tokio::runtime::Runtime;

use super::input::{self, Input, Inputs};
use super::report::{Checked, Seen};

/// URLs that are fetched at the same time: they wait more than they work.
const FETCHERS: usize = 16;
/// Pages that are under way or wait for one before them, for each worker.
const AHEAD: usize = 4;
/// A page may nest deeply, and what reads it may too.
const STACK: usize = 16 * 1024 * 1024;

type Job = (usize, Input);
type Done = (usize, Checked);

/// Looks at all, and tells each result in the order of the pages; `told` answers whether to go on.
pub fn all(mut inputs: Inputs, allow_private: bool, mut told: impl FnMut(Checked) -> bool) {
    let Some(first) = inputs.next() else { return };
    let Some(second) = inputs.next() else {
        // One page needs no threads.
        let web = Web::new(allow_private);
        told(checked(first, &web));
        return;
    };
    let mut inputs = [first, second].into_iter().chain(inputs).enumerate();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let ahead = AHEAD * (cores + FETCHERS);
    let web = Arc::new(Web::new(allow_private));
    let (done, results) = channel();
    let readers = Workers::new(cores, ahead, &done, &web);
    let mut fetchers: Option<Workers> = None;
    let mut waiting = BTreeMap::new();
    let (mut given, mut next) = (0, 0);
    loop {
        while given - next < ahead
            && let Some((index, input)) = inputs.next()
        {
            given += 1;
            match input {
                Input::Url(_) => fetchers
                    .get_or_insert_with(|| Workers::new(FETCHERS, ahead, &done, &web))
                    .give((index, input)),
                _ => readers.give((index, input)),
            }
        }
        if given == next {
            return;
        }
        let Ok((index, result)) = results.recv() else {
            return;
        };
        waiting.insert(index, result);
        while let Some(result) = waiting.remove(&next) {
            next += 1;
            if !told(result) {
                return;
            }
        }
    }
}

/// Threads that take jobs from one queue.
struct Workers(SyncSender<Job>);

impl Workers {
    fn new(count: usize, ahead: usize, done: &Sender<Done>, web: &Arc<Web>) -> Self {
        let (give, jobs) = sync_channel::<Job>(ahead);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..count {
            let (jobs, done, web) = (Arc::clone(&jobs), done.clone(), Arc::clone(web));
            let worker = move || {
                while let Some((index, input)) = taken(&jobs) {
                    if done.send((index, checked(input, &web))).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .stack_size(STACK)
                .spawn(worker)
                .expect("a program that just started may have a few threads");
        }
        Self(give)
    }

    fn give(&self, job: Job) {
        // The queue holds as many as may be given, and the threads live as long as it does.
        let _ = self.0.send(job);
    }
}

fn taken(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

/// What fetches, made when the first URL comes.
struct Web {
    allow_private: bool,
    made: OnceLock<Result<(Runtime, Outbound), String>>,
}

impl Web {
    fn new(allow_private: bool) -> Self {
        Self {
            allow_private,
            made: OnceLock::new(),
        }
    }

    fn get(&self) -> Result<&(Runtime, Outbound), String> {
        let make = || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(|error| format!("the network could not be reached: {error}"))?;
            let outbound = Outbound::new(OutboundPolicy {
                allow_private: self.allow_private,
                ..OutboundPolicy::default()
            });
            Ok((runtime, outbound))
        };
        self.made.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

/// Looks at one page. Whatever it holds, it takes only itself down.
fn checked(input: Input, web: &Web) -> Checked {
    let page = match &input {
        Input::File { path, .. } => path.display().to_string(),
        Input::Url(url) => url.clone(),
        Input::Unreadable { page, .. } => page.clone(),
    };
    let looked = catch_unwind(AssertUnwindSafe(|| match input {
        Input::File { path, url, linked } => file(&path, url.as_ref(), linked.as_deref()),
        Input::Url(url) => fetched(&url, web),
        Input::Unreadable { error, .. } => Err(error),
    }));
    match looked {
        Ok(Ok(seen)) => Checked::Seen { page, seen },
        Ok(Err(error)) => Checked::Not { page, error },
        Err(_) => Checked::Not {
            page,
            error: "the look broke; this is a mistake of ours, please report it with the page"
                .into(),
        },
    }
}

fn file(
    path: &std::path::Path,
    url: Option<&url::Url>,
    linked: Option<&[std::path::PathBuf]>,
) -> Result<Seen, String> {
    let octets = input::read(path)?;
    let mut parts = Vec::new();
    for path in linked.unwrap_or_default() {
        let octets = input::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        parts.push((
            path.display().to_string(),
            input::kind(path, &octets),
            octets,
        ));
    }
    let links: Vec<Linked<'_>> = parts
        .iter()
        .map(|(name, kind, octets)| Linked {
            url: name,
            kind: *kind,
            octets,
            content_type: None,
        })
        .collect();
    let look = look(&Page {
        octets: &octets,
        url,
        content_type: None,
        linked: &links,
        linked_known: linked.is_some(),
    });
    Ok(Seen {
        look,
        url: url.map(ToString::to_string),
        status: None,
        parts: links.len(),
        left_out: 0,
    })
}

fn fetched(url: &str, web: &Web) -> Result<Seen, String> {
    let (runtime, outbound) = web.get()?;
    let page = runtime
        .block_on(fetch_page(
            outbound,
            url,
            &vantages::DESKTOP,
            PageLimits::default(),
        ))
        .map_err(|error| error.to_string())?;
    let look = page.look();
    if page.status >= 400 && look.verdict == ringfence_platform::fence::look::Verdict::Clean {
        return Err(format!("expected a page, got the status {}", page.status));
    }
    Ok(Seen {
        look,
        url: Some(page.url.to_string()),
        status: Some(page.status),
        parts: page.parts.len(),
        left_out: page.left_out + usize::from(page.cut),
    })
}
