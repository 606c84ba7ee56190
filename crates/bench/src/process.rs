//! What a process took of the machine, from proc(5).

use std::fs;
use std::path::Path;

/// Ticks of `utime` and `stime` a second: 100 on every Linux (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// CPU seconds of a process and all its threads, alive or not; 0 when it is gone.
pub fn cpu_seconds(pid: u32) -> f64 {
    ticks(Path::new(&format!("/proc/{pid}/stat"))) / TICKS_A_SECOND
}

/// CPU seconds of the threads of this process whose names begin with `name`.
pub fn own_threads_cpu_seconds(name: &str) -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return 0.0;
    };
    let sum: f64 = threads
        .flatten()
        .map(|thread| thread.path())
        .filter(|thread| {
            fs::read_to_string(thread.join("comm")).is_ok_and(|comm| comm.starts_with(name))
        })
        .map(|thread| ticks(&thread.join("stat")))
        .sum();
    sum / TICKS_A_SECOND
}

/// Fields 14 and 15, counted behind the name, which may hold spaces.
fn ticks(stat: &Path) -> f64 {
    let text = fs::read_to_string(stat).unwrap_or_default();
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum()
}

/// The most memory that a process ever held, in octets (`VmHWM`).
pub fn peak_memory(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes << 10)
}

/// A process and those that it started, at any depth.
pub fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        next += 1;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .unwrap_or_default();
        family.extend(
            children
                .split_whitespace()
                .filter_map(|child| child.parse::<u32>().ok()),
        );
    }
    family
}

/// The memory that this process holds now, in octets (`VmRSS`).
pub fn resident() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes << 10)
}
