//! Counters, gauges and times for Prometheus, as `/metrics` shows them.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds; from a lease's commit to a call's ring time.
const BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Histograms hold raw samples until they are folded, so that happens whether somebody looks or not.
const FOLD_EVERY: Duration = Duration::from_secs(5);

/// What has been counted so far. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    started: Instant,
}

impl Metrics {
    /// Begins to count for the whole process.
    ///
    /// # Errors
    /// When it was begun before.
    pub fn start() -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), BUCKETS)
            .context("the buckets are not empty")?
            .install_recorder()
            .context("counting was begun before")?;
        metrics::describe_gauge!("process_resident_memory_bytes", "Memory in use");
        metrics::describe_gauge!("process_open_fds", "Open files and sockets");
        metrics::describe_gauge!("ringfence_uptime_seconds", "Since the program was started");
        metrics::gauge!("ringfence_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self {
            handle,
            started: Instant::now(),
        })
    }

    /// Everything in the Prometheus text format, version 0.0.4.
    pub fn render(&self) -> String {
        if let Some(octets) = resident_memory() {
            metrics::gauge!("process_resident_memory_bytes").set(octets);
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            metrics::gauge!("process_open_fds").set(as_float(files.count()));
        }
        metrics::gauge!("ringfence_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Keeps the memory of histograms bounded; runs until it is dropped.
    pub async fn keep(self) {
        let mut beat = tokio::time::interval(FOLD_EVERY);
        loop {
            beat.tick().await;
            self.handle.run_upkeep();
        }
    }
}

/// Octets, from `VmRSS` of proc(5).
fn resident_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

fn as_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
